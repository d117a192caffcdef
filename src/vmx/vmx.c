/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMX backend (SDM Vol 3: Introduction to Virtual Machine Extensions > Enabling and Entering
 * VMX Operation; VMX Instruction Reference). */
#include "vmx/vmx.h"

#include <string.h>

#include "core/entry.h"
#include "core/hidden.h"
#include "lib/panic.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define SEALED __attribute__((section(".sealed")))
SEALED static uint32_t revision;

_Noreturn void vmcs_access_failed(const char *instruction, uint64_t operand)
{
    panic("%s of %#lx failed", instruction, (unsigned long)operand);
}

static bool prepare(const struct capabilities *capabilities, char *error, size_t error_size)
{
    if (!vmx_controls_compose(capabilities, error, error_size))
        return false;
    vmx_filter_prepare();
    revision = capabilities->vmx_revision;
    for (uint32_t i = 0; i < cpu_count; i++)
        cpus[i]->backend_state = hidden_allocate(sizeof(struct vmx_cpu), 16);
    vmx_mtrr_prepare(capability_has(capabilities, CAPABILITY_MTRR));
    vmx_bitmaps_prepare();
    vmx_ept_prepare(capabilities);
    vmx_vmcs_prepare(capabilities);
    vmx_virtual_apic_prepare(capabilities);
    return true;
}

/* Firmware may have left the register open: VMXON needs it locked. */
static void open_feature_control(void)
{
    uint64_t value = msr_read(MSR_IA32_FEATURE_CONTROL);

    if (!(value & FEATURE_CONTROL_LOCK))
        msr_write(MSR_IA32_FEATURE_CONTROL,
                  value | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX);
}

static uint64_t prepare_region(struct cpu *cpu, unsigned page)
{
    uint32_t *region = cpu_block_page(cpu, page);

    memset(region, 0, 4096);
    region[0] = revision;
    return physical_of(region);
}

static void enable(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);

    if (!vmx->in_vmx_operation) {
        open_feature_control();
        cr0_write(cr0_read() | vmx_cr0_fixed);
        cr4_write(cr4_read() | vmx_cr4_fixed);
        if (!vmx_on(prepare_region(cpu, CPU_BLOCK_PAGE_HOST_SAVE)))
            panic("VMXON failed on CPU %u", (unsigned)cpu->index);
        vmx->in_vmx_operation = true;
    }
    cpu->backend_physical = physical_of(cpu_block_page(cpu, CPU_BLOCK_PAGE_BACKEND));
    vmcs_clear(cpu->backend_physical);
    cpu->backend_page = cpu_block_page(cpu, CPU_BLOCK_PAGE_BACKEND);
    prepare_region(cpu, CPU_BLOCK_PAGE_BACKEND);
    if (!vmcs_clear(cpu->backend_physical) || !vmcs_load(cpu->backend_physical))
        panic("the VMCS of CPU %u cannot be loaded", (unsigned)cpu->index);
    cpu->launched = false;
    vmx->init_held = false;
    vmx_controls_initialise(cpu);
    vmx_host_initialise(cpu);
    vmx_vmcs_initialise(cpu);
    vmx_ept_initialise(cpu);
    vmx_virtual_apic_initialise(cpu);
    vmx_unblock_nmis();         /* firmware may have left them blocked */
    cpu->enabled = true;
}

static void disable(struct cpu *cpu)
{
    cpu->enabled = false;
    vmx_of(cpu)->in_vmx_operation = false;
    vmcs_clear(cpu->backend_physical);
    __asm__ volatile("vmxoff" : : : "memory", "cc");
}

static void suspend(struct cpu *cpu)
{
    if (!vmx_of(cpu)->in_vmx_operation)
        return;
    vmcs_clear(cpu->backend_physical);
    vmx_of(cpu)->in_vmx_operation = false;
    __asm__ volatile("vmxoff" : : : "memory", "cc");
}

static void resume(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);

    if (vmx->in_vmx_operation)
        return;
    if (!vmx_on(physical_of(cpu_block_page(cpu, CPU_BLOCK_PAGE_HOST_SAVE)))
        || !vmcs_load(cpu->backend_physical))
        panic("VMX operation cannot be entered again on CPU %u", (unsigned)cpu->index);
    vmx->in_vmx_operation = true;
    cpu->launched = false;
    entry_post(cpu);
}

/* NMIs cannot be held in VMX operation: the host's handler only sets flags, and run.S looks at them
 * once more right before it enters the guest. */
static void host_nmi_nothing(void)
{
}

static void run(struct cpu *cpu)
{
    struct general_registers *area = cpu->registers;

    cpu->leave_guest = false;
    entry_post(cpu);
    vmx_run(area, &cpu->entry_work);
    cpu->registers = area;
}

const struct backend vmx_backend = {
    .name = "vmx",
    .hypercall = { 0x0f, 0x01, 0xc1 },
    .prepare = prepare,
    .enable = enable,
    .disable = disable,
    .suspend = suspend,
    .resume = resume,
    .run = run,
    .host_nmi_allow = host_nmi_nothing,
    .host_nmi_hold = host_nmi_nothing,
    .register_read = vmx_register_read,
    .register_write = vmx_register_write,
    .segment_read = vmx_segment_read,
    .segment_write = vmx_segment_write,
    .execution_read = vmx_execution_read,
    .code = vmx_code,
    .undisturbed_code = vmx_undisturbed_code,
    .pdptes_read = vmx_pdptes_read,
    .reset_events = vmx_reset_events,
    .advance = vmx_advance,
    .interrupt_shadow_read = vmx_interrupt_shadow_read,
    .interrupt_shadow_write = vmx_interrupt_shadow_write,
    .step_read = vmx_step_read,
    .step_prepare = vmx_step_prepare,
    .step_restore = vmx_step_restore,
    .exceptions_intercept = vmx_exceptions_intercept,
    .nmi_window_request = vmx_nmi_window_request,
    .cr8_separate = vmx_cr8_separate,
    .exit_after_delivery = vmx_exit_after_delivery,
    .page_map = vmx_page_map,
    .page_restore = vmx_page_restore,
    .filter_cpuid = vmx_filter_cpuid,
    .memory_type_shown = vmx_memory_type_shown,
    .msr_view = vmx_msr_view,
};
