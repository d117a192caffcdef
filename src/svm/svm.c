/* SPDX-License-Identifier: BSD-2-Clause */
/* The SVM backend (APM Vol 2: Secure Virtual Machine > Enabling SVM). */
#include "svm/svm.h"

#include "core/hidden.h"
#include "core/kick.h"
#include "x86/msr.h"

static bool prepare(const struct capabilities *capabilities, char *error, size_t error_size)
{
    (void)capabilities;
    (void)error;
    (void)error_size;
    svm_bitmaps_prepare();
    svm_npt_prepare();
    return true;
}

static void host_nmi_allow(void)
{
    __asm__ volatile("stgi; nop; nop" : : : "memory");
}

static void host_nmi_hold(void)
{
    __asm__ volatile("clgi" : : : "memory");
}

/* An INIT that reaches the CPU becomes #SX in host context instead of a reset (APM Vol 2: Secure
 * Virtual Machine > INIT Support), and no address loses its bit 20. Not every emulator has VM_CR, and QEMU
 * does both all the same. */
static void shield_from_pins(void)
{
    uint64_t value;

    if (msr_read_safe(MSR_VM_CR, &value))
        msr_write_safe(MSR_VM_CR, value | VM_CR_R_INIT | VM_CR_DIS_A20M);
}

static void enable(struct cpu *cpu)
{
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME);
    msr_write(MSR_VM_HSAVE_PA, physical_of(cpu_block_page(cpu, CPU_BLOCK_PAGE_HOST_SAVE)));
    cpu->backend_page = cpu_block_page(cpu, CPU_BLOCK_PAGE_BACKEND);
    cpu->backend_physical = physical_of(cpu->backend_page);
    shield_from_pins();
    svm_vmcb_initialise(cpu);
    svm_npt_initialise(cpu);
    cpu->enabled = true;
    host_nmi_hold();
}

static void disable(struct cpu *cpu)
{
    cpu->enabled = false;
    host_nmi_allow();
    msr_write(MSR_EFER, msr_read(MSR_EFER) & ~EFER_SVME);
}

static void run(struct cpu *cpu)
{
    struct general_registers *area = cpu->registers;

    cpu->leave_guest = false;
    entry_post(cpu);
    svm_run(area, &cpu->entry_work, vmcb_of(cpu), cpu->backend_physical);
    cpu->registers = area;
}

const struct backend svm_backend = {
    .name = "svm",
    .hypercall = { 0x0f, 0x01, 0xd9 },
    .prepare = prepare,
    .enable = enable,
    .disable = disable,
    .run = run,
    .host_nmi_allow = host_nmi_allow,
    .host_nmi_hold = host_nmi_hold,
    .register_read = svm_register_read,
    .register_write = svm_register_write,
    .segment_read = svm_segment_read,
    .segment_write = svm_segment_write,
    .execution_read = svm_execution_read,
    .code = svm_code,
    .undisturbed_code = svm_undisturbed_code,
    .pdptes_read = svm_pdptes_read,
    .reset_events = svm_reset_events,
    .advance = svm_advance,
    .interrupt_shadow_read = svm_interrupt_shadow_read,
    .interrupt_shadow_write = svm_interrupt_shadow_write,
    .step_read = svm_step_read,
    .step_prepare = svm_step_prepare,
    .step_restore = svm_step_restore,
    .exceptions_intercept = svm_exceptions_intercept,
    .nmi_window_request = svm_nmi_window_request,
    .cr8_separate = svm_cr8_separate,
    .exit_after_delivery = kick_self,
    .page_map = svm_page_map,
    .page_restore = svm_page_restore,
    .msr_view = svm_msr_view,
};
