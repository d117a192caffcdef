/* SPDX-License-Identifier: BSD-2-Clause */
/* x2apic=apicv (VMX): the processor virtualizes the x2APIC registers (SDM Vol 3: APIC Virtualization
 * and Virtual Interrupts > Virtualizing MSR-Based APIC Accesses). Reads come from the virtual-APIC
 * page, but for the timer's count; TPR, EOI and SELF IPI have their effect without an exit; other
 * writes exit like any intercepted WRMSR (vmx/virtual_apic.c). */
#include "apic/local.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/guest_msr.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"
#include "x2apic/msr_rules.h"
#include "x86/msr.h"

/* The page keeps what the guest's ICR shows, so that a message of the host's own changes nothing. */
static void mode_changed(struct cpu *cpu)
{
    if (cpu->apic.mode == APIC_MODE_X2APIC)
        vmx_virtual_apic_start(cpu);
    else
        backend->msr_view(cpu, MSR_VIEW_CLOSED);
}

static bool read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    return msr_read_safe(index, value);
}

/* What the hardware holds it judges itself, reserved bits and all. */
static bool write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    uint32_t offset = (index - X2APIC_MSR_FIRST) * APIC_REGISTER_STRIDE;

    switch (index) {
    case X2APIC_MSR_ICR:
        return false;
    case X2APIC_MSR_TPR:
    case X2APIC_MSR_EOI:
        if (!x2apic_msr_writable(index, value, local_apic_read(APIC_VERSION)))
            return false;
        vmx_virtual_apic_write(cpu, offset, (uint32_t)value);
        return true;
    default:
        if (!msr_write_safe(index, value))
            return false;
        vmx_virtual_apic_written(cpu, offset);
        return true;
    }
}

const struct x2apic_operations x2apic_apicv_operations = {
    .name = "apicv",
    .offers_x2apic = true,
    .mode_changed = mode_changed,
    .icr_write = vmx_virtual_apic_write_icr,
    .msr_read = read,
    .msr_write = write,
    .reset = vmx_virtual_apic_reset,
    .detach = vmx_virtual_apic_stop,
};
