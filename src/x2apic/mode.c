/* SPDX-License-Identifier: BSD-2-Clause */
/* The modes of a local APIC (SDM Vol 3: APIC > Extended XAPIC (x2APIC) > x2APIC State
 * Transitions). */
#include "x2apic/mode.h"

#include "apic/registers.h"

#define PAGE_MASK   UINT64_C(0xfff)

enum apic_mode apic_mode_of(uint64_t apic_base)
{
    return (enum apic_mode)((apic_base & APIC_BASE_EN ? 2 : 0) | (apic_base & APIC_BASE_EXTD ? 1 : 0));
}

uint64_t apic_mode_bits(enum apic_mode mode)
{
    return (mode & 2 ? APIC_BASE_EN : 0) | (mode & 1 ? APIC_BASE_EXTD : 0);
}

uint64_t apic_base_address(uint64_t apic_base)
{
    return apic_base & UINT64_C(0x000ffffffffff000);
}

bool apic_mode_transition(enum apic_mode from, enum apic_mode to)
{
    switch (to) {
    case APIC_MODE_DISABLED:
        return from != APIC_MODE_INVALID;
    case APIC_MODE_XAPIC:
        return from == APIC_MODE_XAPIC || from == APIC_MODE_DISABLED;
    case APIC_MODE_X2APIC:
        return from == APIC_MODE_X2APIC || from == APIC_MODE_XAPIC;
    default:
        return false;
    }
}

enum apic_mode apic_mode_after_init(enum apic_mode mode)
{
    return mode;
}

enum apic_mode apic_mode_after_reset(enum apic_mode mode)
{
    (void)mode;
    return APIC_MODE_XAPIC;
}

bool apic_base_write_legal(const struct apic_base_rules *rules, enum apic_mode mode,
                           uint64_t value)
{
    uint64_t addresses = ((UINT64_C(1) << rules->physical_address_bits) - 1) & ~PAGE_MASK;
    uint64_t legal = APIC_BASE_BSP | APIC_BASE_EN | addresses
                   | (rules->x2apic ? APIC_BASE_EXTD : 0);
    enum apic_mode wanted = apic_mode_of(value);

    if (value & ~legal)
        return false;
    if (rules->locked && mode == APIC_MODE_X2APIC && wanted != APIC_MODE_X2APIC)
        return false;
    return apic_mode_transition(mode, wanted);
}
