/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destination matching of interprocessor interrupts.
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Issuing Interprocessor Interrupts
 * > Determining IPI Destination.
 */
#include "apic/destination.h"

#include "apic/registers.h"

static bool physical_matches(const struct icr_command *command, const struct apic_identity *target)
{
    uint32_t broadcast = command->x2apic ? X2APIC_BROADCAST : APIC_BROADCAST;

    return command->destination == broadcast || command->destination == target->id;
}

static bool logical_matches_x2apic(uint32_t destination, uint32_t ldr)
{
    return destination >> 16 == ldr >> 16 && (destination & ldr & 0xFFFF) != 0;
}

static bool logical_matches_xapic(uint32_t destination, const struct apic_identity *target)
{
    uint32_t logical_id = target->ldr >> APIC_LDR_SHIFT;

    /* The target compares 8 bits; a wider message, which only an x2APIC sender can form, names a
     * cluster that no xAPIC target is in. */
    if (destination > 0xFF) {
        return false;
    }
    switch (target->dfr >> APIC_DFR_MODEL_SHIFT) {
    case APIC_DFR_MODEL_FLAT:
        return (destination & logical_id) != 0;
    case APIC_DFR_MODEL_CLUSTER:
        return destination == 0xFF || (destination >> 4 == logical_id >> 4 &&
                                       (destination & logical_id & 0xF) != 0);
    default:
        return false;
    }
}

static bool logical_matches(const struct icr_command *command, const struct apic_identity *target)
{
    if (command->x2apic && command->destination == X2APIC_BROADCAST) {
        return true;
    }
    return target->x2apic ? logical_matches_x2apic(command->destination, target->ldr)
                          : logical_matches_xapic(command->destination, target);
}

bool destination_matches(const struct icr_command *command, const struct apic_identity *target,
                         bool is_sender)
{
    if (!target->enabled) {
        return false;
    }
    switch (command->shorthand) {
    case ICR_SHORTHAND_SELF:
        return is_sender;
    case ICR_SHORTHAND_ALL_INCLUDING_SELF:
        return true;
    case ICR_SHORTHAND_ALL_EXCLUDING_SELF:
        return !is_sender;
    default:
        return command->logical ? logical_matches(command, target)
                                : physical_matches(command, target);
    }
}

uint32_t x2apic_logical_id(uint32_t id)
{
    return (id & 0xFFFF0u) << 12 | 1u << (id & 0xF);
}
