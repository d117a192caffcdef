/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the VMX backend share (SDM Vol 3: Introduction to Virtual Machine
 * Extensions). */
#ifndef SEXTANT_VMX_VMX_H
#define SEXTANT_VMX_VMX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "core/entry.h"
#include "core/guest_code.h"
#include "probe/capabilities.h"
#include "vmx/virtual_apic.h"
#include "x86/registers.h"
#include "x86/vmcs.h"

#define GUEST_VPID      1

/* MSRs that VM entries and exits switch by an area in memory where no control does it. */
enum switched_msr { SWITCHED_EFER, SWITCHED_PAT, SWITCHED_MSRS };

struct msr_entry {
    uint32_t index, reserved;
    uint64_t value;
};

/* How the guest is entered; the numbers are known to run.S. */
enum vmx_entry { VMX_RESUME, VMX_LAUNCH, VMX_LEAVE };

/* What a CPU has besides its VMCS; in hidden memory. */
struct vmx_cpu {
    /* Of the MSRs that an area switches: loaded at entry and stored at exit; loaded at exit. */
    _Alignas(16) struct msr_entry guest_msr[SWITCHED_MSRS];
    struct msr_entry host_msr[SWITCHED_MSRS];
    uint32_t task_state[26];        /* the host's TSS: it must exist, nothing in it is used */
    uint64_t gdt[6];                /* the host's, with a TSS of this CPU's own */
    uint64_t ept_pointer;
    uint32_t controls[VMX_WORD_COUNT];  /* what the VMCS holds */
    bool init_held;                 /* an INIT that the SIPI's exit will act on */
    bool by_launch;                 /* the entry under way, or the last one, is by VMLAUNCH */
    uint32_t soft_length;           /* bytes of the instruction that raised the queued soft event */
    struct virtual_apic virtual_apic;
    bool in_vmx_operation;
    bool flush_vpid;                /* before the next entry: what is cached of the guest's paging is old */
    bool nmi_may_be_blocked;        /* since one was injected; an exit may show the contrary */
};

static inline struct vmx_cpu *vmx_of(struct cpu *cpu)
{
    return cpu->backend_state;
}

/* run.S: enters the guest and calls vmx_exit() after each exit, until vmx_attend() says VMX_LEAVE. `entry_work`
 * (core/entry.h) is looked at right before every entry. */
void vmx_run(struct general_registers *area, const _Atomic uint32_t *entry_work);

/* run.S: after something that left NMIs blocked. Host context. */
void vmx_unblock_nmis(void);

/* exits.c: handles one exit. Called by run.S with the guest's registers on this CPU's stack. */
void vmx_exit(struct general_registers *registers);

/* entry.c: what has to be done before an entry when cpu->entry_work says that somebody must look: kicks, INIT and
 * SIPI, NMIs, events, what is cached. May be repeated before the entry happens, when something is posted meanwhile.
 * Called by run.S as vmx_exit() is. */
enum vmx_entry vmx_attend(struct general_registers *registers);

/* controls.c: the VMX controls, from the capability table and from nothing else. */
bool vmx_controls_compose(const struct capabilities *capabilities, char *error, size_t error_size);
void vmx_controls_initialise(struct cpu *cpu);
/* True when the image uses this control (the processor allows it, and it is wanted). */
bool vmx_control_used(enum capability_id id);
/* True when the processor allows the control to be set. */
bool vmx_control_allowed(enum capability_id id);
/* Sets or clears one control in this CPU's VMCS; one that is not allowed is a defect: panics. */
void vmx_control_set(struct cpu *cpu, enum capability_id id, bool on);
/* What the processor allows of a word, for the audit. */
const struct vmx_controls *vmx_controls_allowed(enum vmx_control_word word);
extern const uint32_t vmx_control_fields[VMX_WORD_COUNT];   /* 0: the word is not used */

/* vmcs.c: VMCS fields behind the backend's names. */
/* IA32_VMX_CR0_FIXED0 and 1, the same of CR4, and the width of linear addresses: for the audit. */
extern uint64_t vmx_cr0_bounds[2], vmx_cr4_bounds[2];
extern uint8_t vmx_linear_bits;
extern uint64_t vmx_cr0_fixed, vmx_cr4_fixed;   /* bits that must be 1 while a guest runs */
void vmx_vmcs_prepare(const struct capabilities *capabilities);
void vmx_vmcs_initialise(struct cpu *cpu);
uint64_t vmx_register_read(struct cpu *cpu, enum guest_register which);
void vmx_register_write(struct cpu *cpu, enum guest_register which, uint64_t value);
void vmx_segment_read(struct cpu *cpu, enum guest_segment which, struct segment_state *out);
void vmx_segment_write(struct cpu *cpu, enum guest_segment which, const struct segment_state *in);
void vmx_execution_read(struct cpu *cpu, struct execution_state *out);
struct guest_code *vmx_code(struct cpu *cpu);
struct guest_code *vmx_undisturbed_code(struct cpu *cpu);
bool vmx_pdptes_read(struct cpu *cpu, uint64_t pointers[4]);
void vmx_advance(struct cpu *cpu, uint64_t next_rip);
/* Past the instruction that exited. */
void vmx_go_on(struct cpu *cpu, const struct past_exit *exit);
uint64_t vmx_interrupt_shadow_read(struct cpu *cpu);
void vmx_interrupt_shadow_write(struct cpu *cpu, uint64_t shadow);
struct step_registers vmx_step_read(struct cpu *cpu);
void vmx_step_prepare(struct cpu *cpu, struct step_registers registers);
void vmx_step_restore(struct cpu *cpu, struct step_registers registers);
void vmx_exceptions_intercept(struct cpu *cpu, uint32_t vectors);
void vmx_nmi_window_request(struct cpu *cpu, bool wanted);
void vmx_exit_after_delivery(struct cpu *cpu);
/* Makes the guest exit after that many units of the preemption timer, counted from each VM entry on;
 * VMX_NEVER: not for that reason. Nothing where the processor has no timer. Exit context. */
void vmx_exit_within(struct cpu *cpu, uint32_t units);
#define VMX_NEVER UINT32_MAX
void vmx_reset_events(struct cpu *cpu);

/* True where going past an instruction means more than another RIP: a trap, the interrupt shadow; or one of
 * `flags` is set. */
WITHIN bool vmx_advance_is_special(const struct cpu *cpu, uint64_t rflags, uint64_t flags)
{
    uint64_t shadow = vmcs_read_known(VMCS_GUEST_INTERRUPTIBILITY);

    return (rflags & (RFLAGS_TF | flags))
           | (shadow & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) | cpu->step.owners;
}

/* Goes past the instruction that exited, as long as there is nothing special about it, for frequent ones. False:
 * vmx_go_on() has to. */
WITHIN bool vmx_goes_on(struct cpu *cpu, const struct past_exit *exit)
{
    uint32_t length = (uint32_t)vmcs_read_known(VMCS_EXIT_INSTRUCTION_LENGTH);
    uint64_t next = exit->rip + length;

    if ((uint32_t)next < length
        || vmx_advance_is_special(cpu, vmcs_read_known(VMCS_GUEST_RFLAGS), RFLAGS_RF))
        return false;
    vmcs_write_known(VMCS_GUEST_RIP, next);
    return true;
}

/* host.c: the host-state area, and the host's own descriptor table. */
void vmx_host_initialise(struct cpu *cpu);

/* events.c: event injection and IDT-vectoring information. */
void vmx_take_event(struct cpu *cpu, uint32_t information);
static inline void vmx_take_interrupted(struct cpu *cpu)
{
    uint32_t information = (uint32_t)vmcs_read_known(VMCS_IDT_VECTORING);

    if (information & INTERRUPTION_VALID)
        vmx_take_event(cpu, information);
    else
        cpu->interrupted.valid = false;
}
void vmx_inject(struct cpu *cpu);
/* An exception exit, as an event of the guest: queues it as what it was (INT1, INT3 and INTO are
 * software exceptions). */
void vmx_mark_soft(struct cpu *cpu, uint32_t interruption);

/* control_registers.c: MOV to CR0 and CR4 with bits that are not the guest's. */
void vmx_exit_control_register(struct cpu *cpu, const struct past_exit *exit);
void vmx_cr8_separate(struct cpu *cpu, bool separate);

/* task.c: a task switch. */
void vmx_exit_task_switch(struct cpu *cpu, const struct past_exit *exit);

/* cpuid.c: takes away from an answer what the guest cannot have. _prepare: boot CPU, once the controls are
 * composed. */
void vmx_filter_prepare(void);
void vmx_filter_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t words[4]);

/* bitmaps.c: the I/O and MSR bitmaps that all CPUs share. */
void vmx_bitmaps_prepare(void);
void vmx_msr_view(struct cpu *cpu, enum msr_view view);
extern uint64_t vmx_io_bitmap_a, vmx_io_bitmap_b, vmx_msr_bitmap[MSR_VIEW_COUNT];   /* physical */

/* ept.c: the extended page tables. */
void vmx_ept_prepare(const struct capabilities *capabilities);
void vmx_ept_initialise(struct cpu *cpu);
/* Drops what the processor caches of this CPU's view, which has changed; of the guest's own paging. */
void vmx_flush_view(struct cpu *cpu);
void vmx_flush_vpid(struct cpu *cpu);
void vmx_page_map(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                  enum page_access access);
void vmx_page_restore(struct cpu *cpu, uint64_t guest_physical);
bool vmx_ept_fill(struct cpu *cpu, uint64_t guest_physical);

/* mtrr.c: memory types of host memory, from the MTRRs. */
void vmx_mtrr_prepare(bool present);
bool vmx_memory_type(uint64_t physical, uint64_t size, uint64_t *bits);
/* The type that this CPU's tables give a page of the guest, as in an MTRR; false: they have none. */
bool vmx_memory_type_shown(struct cpu *cpu, uint64_t guest_physical, uint8_t *type);
/* True for the registers whose writes vmx_mtrr_written() has to see; all of them are among those below. */
bool vmx_is_mtrr(uint32_t index);
#define MSR_MTRR_FIRST  0x200
#define MSR_MTRR_LAST   0x2ff
void vmx_mtrr_each(void (*each)(void *context, uint32_t index), void *context);
/* The guest wrote an MSR of that range: exit context, after the write. */
void vmx_mtrr_written(struct cpu *cpu, uint32_t index);

/* audit.c: prints every control and field of the VMCS that violates the manual's checks, by name; or
 * gives each as a line to `line`, and returns how many there are. */
void vmx_audit(struct cpu *cpu);
unsigned vmx_audit_to(struct cpu *cpu, void (*line)(void *context, const char *text),
                      void *context);
void vmx_audit_prepare(const struct capabilities *capabilities);

#endif
