/* SPDX-License-Identifier: BSD-2-Clause */
/* x2apic=passthrough: the guest has the x2APIC registers themselves, ICR too, and none of them exits.
 * Only with startup=sipi: nobody sees what the guest writes to ICR. */
#include "apic/policy.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "x86/msr.h"

static void mode_changed(struct cpu *cpu)
{
    backend->msr_view(cpu, cpu->apic.mode == APIC_MODE_X2APIC ? MSR_VIEW_OPEN : MSR_VIEW_CLOSED);
}

static bool read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    return msr_read_safe(index, value);
}

static bool write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)cpu;
    return msr_write_safe(index, value);
}

const struct x2apic_operations x2apic_passthrough_operations = {
    .name = "passthrough",
    .offers_x2apic = true,
    .mode_changed = mode_changed,
    .icr_write = apic_policy_write_icr,
    .msr_read = read,
    .msr_write = write,
};
