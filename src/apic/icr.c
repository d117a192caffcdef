/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding and classification of writes to the interrupt command register.
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Issuing Interprocessor Interrupts
 * > Interrupt Command Register (ICR).
 */
#include "apic/icr.h"

#include "apic/registers.h"

static enum icr_class classify(enum icr_delivery_mode mode, bool assert, bool level_triggered)
{
    switch (mode) {
    case ICR_DELIVERY_FIXED:
    case ICR_DELIVERY_LOWEST_PRIORITY:
    case ICR_DELIVERY_SMI:
        return ICR_FORWARD;
    case ICR_DELIVERY_NMI:
        return ICR_NMI;
    case ICR_DELIVERY_INIT:
        /* Only this pair of bits is the old arbitration message; an INIT with the level bit clear
         * but edge trigger is an INIT, since current processors send every INIT as asserted. */
        return !assert && level_triggered ? ICR_INIT_DEASSERT : ICR_INIT;
    case ICR_DELIVERY_STARTUP:
        return ICR_STARTUP;
    default:
        return ICR_RESERVED;
    }
}

static bool combination_defined(enum icr_delivery_mode mode, enum icr_shorthand shorthand)
{
    if (mode == ICR_DELIVERY_RESERVED_3 || mode == ICR_DELIVERY_RESERVED_7) {
        return false;
    }
    if (shorthand == ICR_SHORTHAND_SELF || shorthand == ICR_SHORTHAND_ALL_INCLUDING_SELF) {
        return mode == ICR_DELIVERY_FIXED;
    }
    return true;
}

static struct icr_command decode(uint32_t low, uint32_t destination, bool x2apic)
{
    enum icr_delivery_mode mode =
        (enum icr_delivery_mode)((low & APIC_ICR_DELIVERY_MODE) >> APIC_ICR_DELIVERY_MODE_SHIFT);
    enum icr_shorthand shorthand =
        (enum icr_shorthand)((low & APIC_ICR_SHORTHAND) >> APIC_ICR_SHORTHAND_SHIFT);
    bool assert = (low & APIC_ICR_ASSERT) != 0;
    bool level_triggered = (low & APIC_ICR_LEVEL_TRIGGERED) != 0;

    return (struct icr_command){
        .class = classify(mode, assert, level_triggered),
        .delivery_mode = mode,
        .shorthand = shorthand,
        .logical = (low & APIC_ICR_LOGICAL) != 0,
        .assert = assert,
        .level_triggered = level_triggered,
        .x2apic = x2apic,
        .defined = combination_defined(mode, shorthand),
        .vector = (uint8_t)(low & APIC_ICR_VECTOR),
        .destination = destination,
    };
}

struct icr_command icr_decode(uint32_t low, uint32_t high)
{
    return decode(low, high >> APIC_ICR_DESTINATION_SHIFT, false);
}

struct icr_command icr_decode_x2apic(uint64_t value)
{
    return decode((uint32_t)value, (uint32_t)(value >> 32), true);
}

struct icr_command icr_decode_write(uint64_t value, bool x2apic)
{
    return x2apic ? icr_decode_x2apic(value)
                  : icr_decode((uint32_t)value, (uint32_t)(value >> 32));
}

const char *icr_class_name(enum icr_class class)
{
    static const char *const names[] = {
        [ICR_FORWARD] = "forward",
        [ICR_INIT] = "init",
        [ICR_INIT_DEASSERT] = "init-deassert",
        [ICR_STARTUP] = "startup",
        [ICR_NMI] = "nmi",
        [ICR_RESERVED] = "reserved",
    };

    return (unsigned)class < sizeof(names) / sizeof(names[0]) ? names[class] : "unknown";
}
