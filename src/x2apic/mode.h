/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modes of a local APIC and what a write of IA32_APIC_BASE may change.
 *
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Extended XAPIC (x2APIC) > x2APIC
 * State Transitions; Local APIC > Local APIC Status and Location. SDM Vol 4: Model-Specific
 * Registers > IA32_XAPIC_DISABLE_STATUS.
 *
 * Pure: no hardware access, no globals. Any CPU, any context.
 */
#ifndef SEXTANT_X2APIC_MODE_H
#define SEXTANT_X2APIC_MODE_H

#include <stdbool.h>
#include <stdint.h>

/* EN is bit 1 of the number, EXTD bit 0. */
enum apic_mode {
    APIC_MODE_DISABLED = 0,
    APIC_MODE_INVALID = 1,      /* EXTD without EN: no APIC is ever in it */
    APIC_MODE_XAPIC = 2,
    APIC_MODE_X2APIC = 3,
};

/* What decides about a write besides the mode. */
struct apic_base_rules {
    uint8_t physical_address_bits;  /* 32 to 52 */
    bool x2apic;                    /* CPUID.1:ECX[21] as the guest sees it: else EXTD is reserved */
    bool locked;                    /* LEGACY_XAPIC_DISABLED: x2APIC mode cannot be left */
};

/* The mode that a value of IA32_APIC_BASE stands for, and the bits EN and EXTD of a mode. */
enum apic_mode apic_mode_of(uint64_t apic_base);
uint64_t apic_mode_bits(enum apic_mode mode);

/* The page that a value of IA32_APIC_BASE names. */
uint64_t apic_base_address(uint64_t apic_base);

/* Whether WRMSR may take an APIC from one mode to another (staying is no transition, and legal in
 * all modes but the invalid one); false: #GP(0). */
bool apic_mode_transition(enum apic_mode from, enum apic_mode to);

/* INIT keeps the mode; RESET ends in xAPIC mode, from whichever. */
enum apic_mode apic_mode_after_init(enum apic_mode mode);
enum apic_mode apic_mode_after_reset(enum apic_mode mode);

/* Whether WRMSR of IA32_APIC_BASE with `value` is legal in `mode`; false: #GP(0). BSP may have
 * either value. */
bool apic_base_write_legal(const struct apic_base_rules *rules, enum apic_mode mode,
                           uint64_t value);

#endif
