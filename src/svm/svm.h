/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the SVM backend share (APM Vol 2: Secure Virtual Machine). */
#ifndef SEXTANT_SVM_SVM_H
#define SEXTANT_SVM_SVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "core/entry.h"
#include "core/guest_code.h"
#include "core/machine.h"
#include "x86/msr.h"
#include "x86/registers.h"
#include "x86/vmcb.h"

/* The VMCB of a CPU. */
static inline struct vmcb *vmcb_of(struct cpu *cpu)
{
    return cpu->backend_page;
}

/* run.S: enters the guest and calls svm_exit() after each exit, until svm_attend() says no. `entry_work`
 * (core/entry.h) is looked at before every entry. Host NMIs are held (GIF clear) on return. */
void svm_run(struct general_registers *area, const _Atomic uint32_t *entry_work, struct vmcb *vmcb,
             uint64_t vmcb_physical);

/* exits.c: handles one exit. Called by run.S with the guest's registers on this CPU's stack. */
void svm_exit(struct general_registers *registers);

/* entry.c: what has to be done before an entry when cpu->entry_work says that somebody must look: kicks, INIT and
 * SIPI, NMIs, events. False when the guest is to be left. Called by run.S as svm_exit() is. */
bool svm_attend(struct general_registers *registers);

/* QEMU lets a guest reach states that VMRUN refuses, where the manual has #GP: CR0.NW without CD, long
 * mode without PAE, high bits of the debug registers. They lose the bit that is wrong. */
static inline void svm_repair(struct vmcb *vmcb)
{
    if ((vmcb->cr0 & (CR0_NW | CR0_CD)) == CR0_NW)
        vmcb->cr0 &= ~CR0_NW;
    if (vmcb->efer & EFER_LMA)
        vmcb->cr4 |= CR4_PAE;
    vmcb->dr6_high = 0;
    vmcb->dr7_high = 0;
}

/* Bochs' VMRUN takes everything from the VMCB but CR2. The host has no use for it, so that after an exit
 * it still is the guest's, and who changes one changes the other. */
static inline void svm_write_cr2(struct vmcb *vmcb, uint64_t value)
{
    vmcb->cr2 = value;
    cr2_write(value);
}

/* What decides where the guest's next instruction is and how it reads. */
static inline struct execution_state svm_execution_state(const struct vmcb *vmcb)
{
    return (struct execution_state){
        .rip = vmcb->rip, .rflags = vmcb->rflags, .cs_base = vmcb->cs.base,
        .cr0 = vmcb->cr0, .cr3 = vmcb->cr3, .cr4 = vmcb->cr4, .efer = vmcb->efer,
        .cs_attributes = vmcb->cs.attributes, .privilege = vmcb->cpl,
    };
}

WITHIN struct guest_code *svm_code_here(struct cpu *cpu)
{
    struct guest_code *code = guest_code_kept(cpu, svm_execution_state(vmcb_of(cpu)));

    return code ? code : guest_code_fetch(cpu);
}

/* Where that instruction, which has exited, ends. False when the processor does not say and another CPU has
 * changed the code since: the guest then executes what is there now. */
WITHIN bool svm_find_next(struct cpu *cpu, enum intercepted which, uint64_t *next_rip)
{
    const struct guest_code *code;

    if (machine.next_rip) {
        *next_rip = vmcb_of(cpu)->next_rip;
        return true;
    }
    code = svm_code_here(cpu);
    *next_rip = code->next_rip;
    return code->second == which;
}

/* Goes past the instruction that exited, as long as neither RF nor a trap makes it special, for frequent ones. False:
 * svm_advance() has to. */
WITHIN bool svm_goes_on(struct cpu *cpu, uint64_t next_rip)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    if ((vmcb->rflags & (RFLAGS_RF | RFLAGS_TF)) | cpu->step.owners)
        return false;
    vmcb->rip = next_rip;
    vmcb->interrupt_shadow &= ~INTERRUPT_SHADOW;
    return true;
}

/* vmcb.c: VMCB fields behind the backend's names. */
void svm_vmcb_initialise(struct cpu *cpu);
uint64_t svm_register_read(struct cpu *cpu, enum guest_register which);
void svm_register_write(struct cpu *cpu, enum guest_register which, uint64_t value);
void svm_segment_read(struct cpu *cpu, enum guest_segment which, struct segment_state *out);
void svm_segment_write(struct cpu *cpu, enum guest_segment which, const struct segment_state *in);
void svm_execution_read(struct cpu *cpu, struct execution_state *out);
struct guest_code *svm_code(struct cpu *cpu);
struct guest_code *svm_undisturbed_code(struct cpu *cpu);
bool svm_pdptes_read(struct cpu *cpu, uint64_t pointers[4]);
void svm_advance(struct cpu *cpu, uint64_t next_rip);
uint64_t svm_interrupt_shadow_read(struct cpu *cpu);
void svm_interrupt_shadow_write(struct cpu *cpu, uint64_t shadow);
struct step_registers svm_step_read(struct cpu *cpu);
void svm_step_prepare(struct cpu *cpu, struct step_registers registers);
void svm_step_restore(struct cpu *cpu, struct step_registers registers);
void svm_exceptions_intercept(struct cpu *cpu, uint32_t vectors);
void svm_nmi_window_request(struct cpu *cpu, bool wanted);
void svm_reset_events(struct cpu *cpu);

/* control_registers.c: CR8 of a guest whose APIC is off. */
void svm_cr8_separate(struct cpu *cpu, bool separate);
void svm_exit_cr8(struct cpu *cpu, struct vmcb *vmcb);

/* events.c: EVENTINJ and EXITINTINFO, when that is valid. */
void svm_take_interrupted(struct cpu *cpu);
void svm_inject(struct cpu *cpu);
/* How NMIs are injected from now on: with their vector as an interrupt, or as what they are. Boot CPU,
 * before the strategies are sealed. */
void svm_inject_nmi_as_interrupt(bool wanted);

/* bitmaps.c: the permission maps that all CPUs share. */
void svm_bitmaps_prepare(void);
void svm_msr_view(struct cpu *cpu, enum msr_view view);
extern uint64_t svm_iopm_physical, svm_msrpm_physical[MSR_VIEW_COUNT];

/* npt.c: nested paging. */
void svm_npt_prepare(void);
void svm_npt_initialise(struct cpu *cpu);
void svm_page_map(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                  enum page_access access);
void svm_page_restore(struct cpu *cpu, uint64_t guest_physical);
/* Maps what lies at an address that no table covers yet; false when the address is impossible. */
bool svm_npt_fill(struct cpu *cpu, uint64_t guest_physical);
/* The whole TLB of this CPU's guest at the next entry. */
void svm_flush(struct cpu *cpu);

#endif
