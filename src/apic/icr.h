/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt command register (ICR): decoding of a write and what the hypervisor does with it.
 *
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Issuing Interprocessor Interrupts
 * > Interrupt Command Register (ICR); Extended XAPIC (x2APIC) > ICR Operation in x2APIC Mode. APM
 * Vol 2: Advanced Programmable Interrupt Controller (APIC) > Interprocessor Interrupts (IPI).
 *
 * Pure: no hardware access, no globals.
 */
#ifndef SEXTANT_APIC_ICR_H
#define SEXTANT_APIC_ICR_H

#include <stdbool.h>
#include <stdint.h>

#include "apic/registers.h"

/* Delivery mode, ICR bits 10:8. */
enum icr_delivery_mode {
    ICR_DELIVERY_FIXED = 0,
    ICR_DELIVERY_LOWEST_PRIORITY = 1,
    ICR_DELIVERY_SMI = 2,
    ICR_DELIVERY_RESERVED_3 = 3,        /* AMD: remote read */
    ICR_DELIVERY_NMI = 4,
    ICR_DELIVERY_INIT = 5,
    ICR_DELIVERY_STARTUP = 6,
    ICR_DELIVERY_RESERVED_7 = 7,        /* AMD: external interrupt */
};

/* Destination shorthand, ICR bits 19:18. */
enum icr_shorthand {
    ICR_SHORTHAND_NONE = 0,
    ICR_SHORTHAND_SELF = 1,
    ICR_SHORTHAND_ALL_INCLUDING_SELF = 2,
    ICR_SHORTHAND_ALL_EXCLUDING_SELF = 3,
};

/* What the hypervisor does with the command. */
enum icr_class {
    ICR_FORWARD,            /* write it to the hardware unchanged: can send no INIT, SIPI or NMI */
    ICR_INIT,               /* emulate: INIT to the addressed CPUs */
    ICR_INIT_DEASSERT,      /* accept and do nothing */
    ICR_STARTUP,            /* emulate: SIPI with `vector` to the addressed CPUs */
    ICR_NMI,                /* emulate: NMI to the addressed CPUs */
    ICR_RESERVED,           /* reserved delivery mode: accept and do nothing, never forwarded */
};

struct icr_command {
    enum icr_class class;
    enum icr_delivery_mode delivery_mode;
    enum icr_shorthand shorthand;
    bool logical;           /* destination mode: logical, else physical */
    bool assert;            /* level */
    bool level_triggered;   /* trigger mode */
    bool x2apic;            /* format of the write: decides what `destination` and broadcast mean */
    bool defined;           /* the manuals list this shorthand with this delivery mode as valid */
    uint8_t vector;
    uint32_t destination;   /* xAPIC: 8 bits; x2APIC: 32 bits; meaningless with a shorthand */
};

/*
 * Decodes a write of `low` to ICR bits 31:0 while bits 63:32 hold `high` (xAPIC layout: destination
 * in bits 63:56). Total: every value has a class; reserved bits and the delivery status bit are
 * ignored, as the hardware ignores them.
 *
 * Classification goes by the delivery mode (and, for INIT, the level and trigger bits), never by
 * shorthand, so that no encoding of INIT, SIPI or NMI is forwarded.
 *  - Self and all-including-self with anything but fixed are called invalid by the manuals, which
 *    do not say what happens then: `defined` is false, and the class is that of the delivery mode,
 *    so INIT, SIPI and NMI are carried out as encoded. Implementations that take them do just that.
 *  - INIT with level 0 and trigger mode level is the old arbitration message. Current processors
 *    know no such message and ignore it, whatever the destination.
 *  - Trigger mode and level have no other influence: such IPIs are sent edge-triggered, asserted.
 *  - Delivery modes 011 and 111 are reserved (SDM) or model-specific (APM: remote read, external
 *    interrupt). What an implementation does with them is unknown, so they are not forwarded.
 *
 * May be called on any CPU in host context. SDM Vol 3: APIC > Issuing Interprocessor Interrupts >
 * Interrupt Command Register (ICR), Valid Combinations for the Pentium 4 and Intel Xeon Processors'
 * Local xAPIC Interrupt Command Register.
 */
struct icr_command icr_decode(uint32_t low, uint32_t high);

/*
 * The same for a write to MSR 830h in x2APIC mode (destination in bits 63:32). The caller has
 * already answered writes with reserved bits by #GP. SDM Vol 3: APIC > Extended XAPIC (x2APIC) >
 * ICR Operation in x2APIC Mode.
 */
struct icr_command icr_decode_x2apic(uint64_t value);

/*
 * What a read of ICR bits 31:0 gives back after `low` was written and the command is complete:
 * the writable bits, with delivery status idle. For commands that are not forwarded, so that the
 * guest reads its own command and not the last one that reached the hardware. Pure.
 */
static inline uint32_t icr_low_as_read(uint32_t low)
{
    return low & APIC_ICR_WRITABLE;
}

/* Whether a command, by its low half, is of class ICR_FORWARD; most are. */
static inline bool icr_is_forwarded(uint32_t low)
{
    return (1u << ICR_DELIVERY_FIXED | 1u << ICR_DELIVERY_LOWEST_PRIORITY | 1u << ICR_DELIVERY_SMI)
           >> ((low & APIC_ICR_DELIVERY_MODE) >> APIC_ICR_DELIVERY_MODE_SHIFT) & 1;
}

/* A write as its sender's mode has it: `value` is both halves. */
struct icr_command icr_decode_write(uint64_t value, bool x2apic);

/* The class's name for logs and tests, e.g. "init". Never NULL. */
const char *icr_class_name(enum icr_class class);

#endif
