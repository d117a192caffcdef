/* SPDX-License-Identifier: BSD-2-Clause */
/* Which accesses to the x2APIC MSRs are legal (SDM Vol 3: APIC > Extended XAPIC (x2APIC) > x2APIC
 * Register Availability; Reserved Bit Checking). */
#include "x2apic/msr_rules.h"

#include <stddef.h>

#include "apic/registers.h"

static const struct apic_register *row_of(uint32_t index, uint32_t version)
{
    const struct apic_register *row;

    if (index < X2APIC_MSR_FIRST || index > X2APIC_MSR_LAST)
        return NULL;
    row = apic_register_at((index - X2APIC_MSR_FIRST) * APIC_REGISTER_STRIDE);
    return row && apic_register_present(row, version) ? row : NULL;
}

bool x2apic_msr_readable(uint32_t index, uint32_t version)
{
    const struct apic_register *row = row_of(index, version);

    return row && (row->x2apic == APIC_ACCESS_READ || row->x2apic == APIC_ACCESS_READ_WRITE);
}

/* Read-only status bits are not reserved: a write of what was read is legal. */
static uint64_t may_be_one(const struct apic_register *row, uint32_t version)
{
    switch (row->offset) {
    case APIC_EOI:
    case APIC_ESR:
        return 0;
    case APIC_ICR_LOW:
        return X2APIC_ICR_LEGAL;
    case APIC_SELF_IPI:
        return APIC_ICR_VECTOR;
    case APIC_SVR:
        return version & APIC_VERSION_EOI_SUPPRESSION ? row->writable
                                                      : row->writable & ~APIC_SVR_SUPPRESS_EOI;
    case APIC_LVT_LINT0:
    case APIC_LVT_LINT1:
        return row->writable | APIC_LVT_SEND_PENDING | APIC_LVT_REMOTE_IRR;
    case APIC_LVT_CMCI:
    case APIC_LVT_TIMER:
    case APIC_LVT_THERMAL:
    case APIC_LVT_PERFORMANCE:
    case APIC_LVT_ERROR:
        return row->writable | APIC_LVT_SEND_PENDING;
    default:
        return row->writable;
    }
}

bool x2apic_msr_writable(uint32_t index, uint64_t value, uint32_t version)
{
    const struct apic_register *row = row_of(index, version);

    return row && (row->x2apic == APIC_ACCESS_WRITE || row->x2apic == APIC_ACCESS_READ_WRITE)
        && !(value & ~may_be_one(row, version));
}
