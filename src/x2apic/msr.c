/* SPDX-License-Identifier: BSD-2-Clause */
/* x2apic=msr: the guest has the x2APIC registers themselves, but for ICR, whose writes the MSR bitmap
 * intercepts (SDM Vol 3: APIC > Extended XAPIC (x2APIC) > ICR Operation in x2APIC Mode). EOI, TPR,
 * SELF IPI and every read cost nothing; after an INIT, SIPI or NMI that was emulated, or a message of
 * the host's own, the hardware's ICR shows another command than the guest's: until the next one that
 * is forwarded its reads exit too. */
#include "apic/local.h"
#include "apic/policy.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "x2apic/msr_rules.h"
#include "x86/msr.h"

static void mode_changed(struct cpu *cpu)
{
    if (cpu->apic.mode != APIC_MODE_X2APIC)
        backend->msr_view(cpu, MSR_VIEW_CLOSED);
    else
        backend->msr_view(cpu, cpu->apic.reads_closed ? MSR_VIEW_ICR : MSR_VIEW_ICR_WRITE);
}

/* Only ICR exits. */
static bool read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    if (index != X2APIC_MSR_ICR)
        return msr_read_safe(index, value);
    *value = (uint64_t)cpu->apic.icr_high << 32 | cpu->apic.icr_low;
    return true;
}

static bool write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)cpu;
    return index != X2APIC_MSR_ICR && msr_write_safe(index, value);
}

const struct x2apic_operations x2apic_msr_operations = {
    .name = "msr",
    .offers_x2apic = true,
    .mode_changed = mode_changed,
    .icr_write = apic_policy_write_icr,
    .msr_read = read,
    .msr_write = write,
};
