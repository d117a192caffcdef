/* SPDX-License-Identifier: BSD-2-Clause */
/* SDM Vol 3: APIC > Local APIC > The Local APIC Register Map. */
#include "apic_registers.h"

#include "apic.h"

const struct apic_writable apic_writable[APIC_WRITABLE_COUNT] = {
    { APIC_TPR, 0, { 0x35, 0xa0 }, "task priority" },
    { APIC_LDR, 0, { 0x01000000, 0xfe000000 }, "logical destination" },
    { APIC_DFR, DFR_FLAT, { DFR_CLUSTER, DFR_FLAT }, "destination format" },
    { APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR, { 0x1ef, 0x1df }, "spurious-interrupt vector" },
    { APIC_ICR_HIGH, 0, { 0x01000000, 0xfe000000 }, "ICR, high half" },
    { APIC_LVT_TIMER, LVT_MASKED, { 0x30031, 0x10042 }, "LVT timer" },
    { APIC_LVT_THERMAL, LVT_MASKED, { 0x10033, 0x10244 }, "LVT thermal sensor" },
    { APIC_LVT_PERFORMANCE, LVT_MASKED, { 0x10034, 0x10445 }, "LVT performance counter" },
    { APIC_LVT_LINT0, LVT_MASKED, { 0x10735, 0x1a046 }, "LVT LINT0" },
    { APIC_LVT_LINT1, LVT_MASKED, { 0x10436, 0x12047 }, "LVT LINT1" },
    { APIC_LVT_ERROR, LVT_MASKED, { 0x10037, 0x10048 }, "LVT error" },
    { APIC_TIMER_INITIAL, 0, { 0x12345678, 0xfffffff0 }, "timer's initial count" },
    { APIC_TIMER_DIVIDE, DIVIDE_BY_1, { 0x3, 0xa }, "timer's divide configuration" },
};

void apic_rest(void)
{
    for (unsigned i = 0; i < APIC_WRITABLE_COUNT; i++)
        apic_write(apic_writable[i].offset, apic_writable[i].resting);
}

unsigned apic_changed(unsigned except)
{
    unsigned changed = 0;
    for (unsigned i = 0; i < APIC_WRITABLE_COUNT; i++)
        if (apic_writable[i].offset != except &&
            apic_read(apic_writable[i].offset) != apic_writable[i].resting)
            changed++;
    return changed;
}
