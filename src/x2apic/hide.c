/* SPDX-License-Identifier: BSD-2-Clause */
/* x2apic=hide: the guest sees a processor without x2APIC (SDM Vol 3: APIC > Extended XAPIC (x2APIC) >
 * Detecting and Enabling x2APIC Mode): the CPUID bit is clear, its MSRs and IA32_APIC_BASE.EXTD raise
 * #GP. Also where the processor really has none. */
#include "core/backend.h"
#include "strategies/operations.h"

static void mode_changed(struct cpu *cpu)
{
    backend->msr_view(cpu, MSR_VIEW_CLOSED);
}

/* None of these is ever called: the guest's APIC is never in x2APIC mode. */
static void icr_write(struct cpu *cpu, uint64_t icr)
{
    (void)cpu;
    (void)icr;
}

static bool read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    (void)index;
    (void)value;
    return false;
}

static bool write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)cpu;
    (void)index;
    (void)value;
    return false;
}

const struct x2apic_operations x2apic_hide_operations = {
    .name = "hide",
    .offers_x2apic = false,
    .mode_changed = mode_changed,
    .icr_write = icr_write,
    .msr_read = read,
    .msr_write = write,
};
