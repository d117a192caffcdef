/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lookup in the table of local APIC registers.
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Local APIC > The Local APIC Block
 * Diagram (Local APIC Register Address Map).
 */
#include "apic/registers.h"

#include <stddef.h>

#define APIC_REGISTER_ROW(_name, _offset, _xapic, _x2apic, _writable, _after_init, _presence)      \
    {                                                                                              \
        .name = #_name,                                                                            \
        .offset = _offset,                                                                         \
        .xapic = APIC_ACCESS_##_xapic,                                                             \
        .x2apic = APIC_ACCESS_##_x2apic,                                                           \
        .presence = APIC_PRESENT_##_presence,                                                      \
        .writable = _writable,                                                                     \
        .after_init = _after_init,                                                                 \
    },

static const struct apic_register registers[] = { APIC_REGISTERS(APIC_REGISTER_ROW) };

const struct apic_register *apic_register_at(uint32_t offset)
{
    uint32_t start = offset & ~(APIC_REGISTER_STRIDE - 1);

    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        if (registers[i].offset == start) {
            return &registers[i];
        }
    }
    return NULL;
}

bool apic_register_present(const struct apic_register *reg, uint32_t version)
{
    uint32_t max_lvt = (version & APIC_VERSION_MAX_LVT) >> APIC_VERSION_MAX_LVT_SHIFT;

    switch (reg->presence) {
    case APIC_PRESENT_LVT4:
        return max_lvt >= 4;
    case APIC_PRESENT_LVT5:
        return max_lvt >= 5;
    case APIC_PRESENT_LVT6:
        return max_lvt >= 6;
    case APIC_PRESENT_EXTENDED:
        return (version & APIC_VERSION_EXTENDED_SPACE) != 0;
    default:
        return true;
    }
}
