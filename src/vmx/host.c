/* SPDX-License-Identifier: BSD-2-Clause */
/* The host-state area: what every VM exit loads (SDM Vol 3: Virtual Machine Control Structures >
 * Host-State Area; VM Exits > Loading Host State). TR must name a task state segment, so each CPU
 * has one, and a descriptor table of its own that describes it. */
#include "boot/layout.h"
#include "core/hidden.h"
#include "vmx/vmx.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define DESCRIPTOR_TSS_BUSY     (UINT64_C(0x8b) << 40)

extern char vmx_exit_point[];

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint64_t table_base(bool idt)
{
    struct table_pointer pointer;

    if (idt)
        __asm__ volatile("sidt %0" : "=m"(pointer));
    else
        __asm__ volatile("sgdt %0" : "=m"(pointer));
    return pointer.base;
}

/* The shared descriptors, then the TSS of this CPU in the two slots of HOST_TSS. */
static void fill_descriptors(struct vmx_cpu *vmx)
{
    const uint64_t *shared = (const uint64_t *)table_base(false);
    uint64_t base = (uint64_t)vmx->task_state, limit = sizeof vmx->task_state - 1;

    if (shared == vmx->gdt)
        return;
    for (unsigned i = 0; i < HOST_TSS / 8; i++)
        vmx->gdt[i] = shared[i];
    vmx->gdt[HOST_TSS / 8] = DESCRIPTOR_TSS_BUSY | limit | (base & 0xffffff) << 16
                           | (base >> 24 & 0xff) << 56;
    vmx->gdt[HOST_TSS / 8 + 1] = base >> 32;
}

static void write_registers(struct vmx_cpu *vmx)
{
    vmcs_write(VMCS_HOST_CR0, cr0_read());
    vmcs_write(VMCS_HOST_CR3, cr3_read());
    vmcs_write(VMCS_HOST_CR4, cr4_read());
    vmcs_write(VMCS_HOST_FS_BASE, 0);
    vmcs_write(VMCS_HOST_GS_BASE, 0);
    vmcs_write(VMCS_HOST_TR_BASE, (uint64_t)vmx->task_state);
    vmcs_write(VMCS_HOST_GDTR_BASE, (uint64_t)vmx->gdt);
    vmcs_write(VMCS_HOST_IDTR_BASE, table_base(true));
    vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
    vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
    vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
    vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit_point);
}

void vmx_host_initialise(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);

    fill_descriptors(vmx);
    write_registers(vmx);
    vmcs_write(VMCS_HOST_CS_SELECTOR, HOST_CS64);
    vmcs_write(VMCS_HOST_SS_SELECTOR, HOST_DS);
    vmcs_write(VMCS_HOST_DS_SELECTOR, HOST_DS);
    vmcs_write(VMCS_HOST_ES_SELECTOR, HOST_DS);
    vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
    vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
    vmcs_write(VMCS_HOST_TR_SELECTOR, HOST_TSS);
    if (vmx_control_used(CAPABILITY_VMX_EXIT_LOAD_EFER))
        vmcs_write(VMCS_HOST_EFER, msr_read(MSR_EFER));
    if (vmx_control_used(CAPABILITY_VMX_EXIT_LOAD_PAT))
        vmcs_write(VMCS_HOST_PAT, msr_read(MSR_IA32_PAT));
}
