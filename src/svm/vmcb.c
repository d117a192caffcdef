/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMCB: its contents for a new virtual CPU, and its fields by the backend's names (APM Vol 2:
 * VMCB Layout). No clean bits are used: every field is read anew at VMRUN. */
#include <string.h>

#include "core/advance.h"
#include "core/cold.h"
#include "core/machine.h"
#include "svm/instruction_bytes.h"
#include "svm/svm.h"
#include "x86/msr.h"
#include "x86/registers.h"

/* #DB and #AC always exit: delivering them can loop for ever within the processor, out of the reach
 * of interrupts (CVE-2015-5307, CVE-2015-8104). #GP does because VMRUN needs EFER.SVME: with it SVM
 * instructions of programs raise #GP, where the guest's processor has no such instructions. */
#define ALWAYS_INTERCEPTED  (1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_GP)

#define ALL_BUT_NMI         (~(1u << VECTOR_NMI))

/* Where the exit does not tell the cause of a #DB, the guest can only get its own from the processor;
 * only emulators are like that, and they cannot loop out of the reach of interrupts. */
static uint32_t always_intercepted(void)
{
    return machine.debug_cause_hidden ? ALWAYS_INTERCEPTED & ~(1u << VECTOR_DB)
                                      : ALWAYS_INTERCEPTED;
}

#define GUEST_ASID          1
#define PAT_AFTER_RESET     UINT64_C(0x0007040600070406)

void svm_vmcb_initialise(struct cpu *cpu)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    memset(vmcb, 0, sizeof *vmcb);
    vmcb->intercept_exceptions = always_intercepted();
    vmcb->intercept3 = INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CPUID | INTERCEPT_INVD
                     | INTERCEPT_INVLPGA | INTERCEPT_IOIO_PROT | INTERCEPT_MSR_PROT
                     | INTERCEPT_SHUTDOWN;
    vmcb->intercept4 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE
                     | INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT;
    vmcb->iopm_base = svm_iopm_physical;
    vmcb->msrpm_base = svm_msrpm_physical[MSR_VIEW_CLOSED];
    vmcb->asid = GUEST_ASID;
    vmcb->tlb_control = TLB_CONTROL_FLUSH_ALL;
    vmcb->nested_control = NESTED_CONTROL_NP_ENABLE;
    vmcb->efer = EFER_SVME;
    vmcb->guest_pat = PAT_AFTER_RESET;
    vmcb->dr6 = DR6_INIT;
    vmcb->dr7 = DR7_INIT;
    vmcb->rflags = RFLAGS_FIXED;
}

static uint64_t *register_field(struct vmcb *vmcb, enum guest_register which)
{
    switch (which) {
    case GUEST_RIP:
        return &vmcb->rip;
    case GUEST_RSP:
        return &vmcb->rsp;
    case GUEST_RFLAGS:
        return &vmcb->rflags;
    case GUEST_CR0:
        return &vmcb->cr0;
    case GUEST_CR2:
        return &vmcb->cr2;
    case GUEST_CR3:
        return &vmcb->cr3;
    case GUEST_CR4:
        return &vmcb->cr4;
    case GUEST_EFER:
        return &vmcb->efer;
    case GUEST_DR6:
        return &vmcb->dr6;
    case GUEST_DR7:
        return &vmcb->dr7;
    case GUEST_DEBUG_CONTROL:
        break;
    }
    __builtin_unreachable();
}

/* VMRUN demands EFER.SVME; the guest's own EFER never has it. Without LBR virtualization DEBUGCTL
 * stays the guest's in the CPU. */
uint64_t svm_register_read(struct cpu *cpu, enum guest_register which)
{
    uint64_t value;

    if (which == GUEST_DEBUG_CONTROL)
        return msr_read(MSR_IA32_DEBUGCTL);
    value = *register_field(vmcb_of(cpu), which);
    return which == GUEST_EFER ? value & ~EFER_SVME : value;
}

void svm_register_write(struct cpu *cpu, enum guest_register which, uint64_t value)
{
    if (which == GUEST_DEBUG_CONTROL) {
        msr_write(MSR_IA32_DEBUGCTL, value);
        return;
    }
    if (which == GUEST_CR2) {
        svm_write_cr2(vmcb_of(cpu), value);
        return;
    }
    if (which == GUEST_EFER)
        value |= EFER_SVME;
    *register_field(vmcb_of(cpu), which) = value;
    if (which == GUEST_CR0 || which == GUEST_CR3 || which == GUEST_CR4 || which == GUEST_EFER)
        svm_flush(cpu);
}

static struct vmcb_segment *segment_field(struct vmcb *vmcb, enum guest_segment which)
{
    switch (which) {
    case GUEST_ES:
        return &vmcb->es;
    case GUEST_CS:
        return &vmcb->cs;
    case GUEST_SS:
        return &vmcb->ss;
    case GUEST_DS:
        return &vmcb->ds;
    case GUEST_FS:
        return &vmcb->fs;
    case GUEST_GS:
        return &vmcb->gs;
    case GUEST_LDTR:
        return &vmcb->ldtr;
    case GUEST_TR:
        return &vmcb->tr;
    case GUEST_GDTR:
        return &vmcb->gdtr;
    case GUEST_IDTR:
        return &vmcb->idtr;
    }
    __builtin_unreachable();
}

/* FS, GS, LDTR and TR are in the CPU, not in the VMCB, while the guest runs. */
static bool lives_in_cpu(enum guest_segment which)
{
    return which == GUEST_FS || which == GUEST_GS || which == GUEST_LDTR || which == GUEST_TR;
}

void svm_segment_read(struct cpu *cpu, enum guest_segment which, struct segment_state *out)
{
    const struct vmcb_segment *field = segment_field(vmcb_of(cpu), which);

    if (lives_in_cpu(which))
        __asm__ volatile("vmsave %%rax" : : "a"(cpu->backend_physical) : "memory");
    *out = (struct segment_state){
        .selector = field->selector,
        .attributes = field->attributes,
        .limit = field->limit,
        .base = field->base,
    };
}

void svm_segment_write(struct cpu *cpu, enum guest_segment which, const struct segment_state *in)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    if (lives_in_cpu(which))
        __asm__ volatile("vmsave %%rax" : : "a"(cpu->backend_physical) : "memory");
    *segment_field(vmcb, which) = (struct vmcb_segment){
        .selector = in->selector,
        .attributes = in->attributes,
        .limit = in->limit,
        .base = in->base,
    };
    if (which == GUEST_SS)
        vmcb->cpl = in->attributes >> 5 & 3;
    if (lives_in_cpu(which))
        __asm__ volatile("vmload %%rax" : : "a"(cpu->backend_physical) : "memory");
}

void svm_execution_read(struct cpu *cpu, struct execution_state *out)
{
    *out = svm_execution_state(vmcb_of(cpu));
}

struct guest_code *svm_code(struct cpu *cpu)
{
    return svm_code_here(cpu);
}

/* What the processor fetched for the instruction that faulted, as long as nobody has asked for it in this exit,
 * is what it executed, whatever is there now. */
static COLD struct guest_code *given_code(struct cpu *cpu)
{
    struct vmcb *vmcb = vmcb_of(cpu);
    uint8_t bytes[SVM_INSTRUCTION_BYTES];
    unsigned count = svm_instruction_bytes_of(vmcb, bytes);

    vmcb->fetched_count = 0;
    return count ? guest_code_given(cpu, bytes, count) : svm_code_here(cpu);
}

struct guest_code *svm_undisturbed_code(struct cpu *cpu)
{
    const struct vmcb *vmcb = vmcb_of(cpu);

    if (vmcb->cpl == 3 || vmcb->rflags & RFLAGS_TF || vmcb->dr7 & DR7_ENABLED)
        return NULL;
    return machine.decode_assists ? given_code(cpu) : svm_code_here(cpu);
}

/* A nested walk reads them like the entries of any other level (APM Vol 2: Secure Virtual Machine >
 * Nested Paging > Legacy PAE Mode). */
bool svm_pdptes_read(struct cpu *cpu, uint64_t pointers[4])
{
    (void)cpu;
    (void)pointers;
    return false;
}

void svm_advance(struct cpu *cpu, uint64_t next_rip)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    if (svm_goes_on(cpu, next_rip))
        return;
    vmcb->rip = next_rip;
    vmcb->rflags &= ~RFLAGS_RF;
    vmcb->interrupt_shadow &= ~INTERRUPT_SHADOW;
    guest_trap(cpu, vmcb->rflags);
}

uint64_t svm_interrupt_shadow_read(struct cpu *cpu)
{
    return vmcb_of(cpu)->interrupt_shadow & INTERRUPT_SHADOW;
}

void svm_interrupt_shadow_write(struct cpu *cpu, uint64_t shadow)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    vmcb->interrupt_shadow = (vmcb->interrupt_shadow & ~INTERRUPT_SHADOW) | shadow;
}

struct step_registers svm_step_read(struct cpu *cpu)
{
    const struct vmcb *vmcb = vmcb_of(cpu);

    return (struct step_registers){ .rflags = vmcb->rflags, .dr6 = vmcb->dr6 };
}

void svm_step_prepare(struct cpu *cpu, struct step_registers registers)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    vmcb->rflags = registers.rflags;
    vmcb->dr6 = registers.dr6;
    vmcb->interrupt_shadow &= ~INTERRUPT_SHADOW;
    vmcb->intercept_exceptions = ALL_BUT_NMI;
}

void svm_step_restore(struct cpu *cpu, struct step_registers registers)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    vmcb->rflags = registers.rflags;
    vmcb->dr6 = registers.dr6;
    vmcb->intercept_exceptions = always_intercepted();
}

void svm_exceptions_intercept(struct cpu *cpu, uint32_t vectors)
{
    vmcb_of(cpu)->intercept_exceptions = always_intercepted() | vectors;
}

void svm_nmi_window_request(struct cpu *cpu, bool wanted)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    if (wanted)
        vmcb->intercept3 |= INTERCEPT_IRET;
    else
        vmcb->intercept3 &= ~INTERCEPT_IRET;
}

void svm_reset_events(struct cpu *cpu)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    vmcb->interrupt_shadow = 0;
    vmcb->event_injection = 0;
    vmcb->virtual_interrupt = 0;
    cpu->event.valid = false;
    cpu->interrupted.valid = false;
}
