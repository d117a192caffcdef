/* SPDX-License-Identifier: BSD-2-Clause */
/* What a processor vendor's virtualization must do for the rest of Sextant: one const table per
 * vendor (svm/svm.c; vmx/ mirrors it), bound once in core/main.c. Unless a line says otherwise an
 * operation is called on the CPU whose virtual CPU it names, in exit context: between a VM exit and
 * the next VM entry, host NMIs held where the vendor can hold them. */
#ifndef SEXTANT_CORE_BACKEND_H
#define SEXTANT_CORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apic/reset.h"
#include "core/cpu.h"
#include "core/event.h"
#include "core/guest_msr.h"

enum guest_register {
    GUEST_RIP, GUEST_RSP, GUEST_RFLAGS, GUEST_CR0, GUEST_CR2, GUEST_CR3, GUEST_CR4, GUEST_EFER,
    GUEST_DR6, GUEST_DR7, GUEST_DEBUG_CONTROL
};

enum guest_segment {
    GUEST_ES, GUEST_CS, GUEST_SS, GUEST_DS, GUEST_FS, GUEST_GS, GUEST_LDTR, GUEST_TR, GUEST_GDTR,
    GUEST_IDTR
};

/* In segment_state.attributes. */
#define SEGMENT_WRITABLE    (1u << 1)   /* data; of code: readable */
#define SEGMENT_EXPAND_DOWN (1u << 2)   /* data */
#define SEGMENT_CODE        (1u << 3)
#define SEGMENT_NOT_SYSTEM  (1u << 4)
#define SEGMENT_DPL_SHIFT   5
#define SEGMENT_PRESENT     (1u << 7)
#define SEGMENT_CODE_64     (1u << 9)   /* code */
#define SEGMENT_CODE_32     (1u << 10)  /* code that is not 64-bit */

/* What a page of the guest-physical address space lets the guest do. */
enum page_access { PAGE_NONE, PAGE_READ, PAGE_READ_WRITE };

/* What decides where the guest's next instruction is, how it reads, and how its operands are found: for
 * core/guest_code.c. */
struct execution_state {
    uint64_t rip, rflags, cs_base;
    uint64_t cr0, cr3, cr4, efer;
    uint16_t cs_attributes;     /* as in struct segment_state */
    uint8_t privilege;          /* CPL */
};

/* What a step changes. Passed in general registers. */
struct step_registers {
    uint64_t rflags, dr6;
};

/* Intercepted instructions whose length may have to be found from their bytes: 0F and this. */
enum intercepted {
    INTERCEPTED_INVD = 0x08,
    INTERCEPTED_MOV_FROM_CR = 0x20,
    INTERCEPTED_MOV_TO_CR = 0x22,
    INTERCEPTED_WRMSR = 0x30,
    INTERCEPTED_RDMSR = 0x32,
    INTERCEPTED_CPUID = 0xa2,
};

struct capabilities;
struct guest_start;

struct backend {
    const char *name;
    uint8_t hypercall[3];       /* the instruction: VMMCALL or VMCALL */
    /* Once, boot CPU, all CPUs known: allocates what all CPUs share, decides the controls from the
     * capabilities and from nothing else. False: a sentence in error[]. */
    bool (*prepare)(const struct capabilities *capabilities, char *error, size_t error_size);
    /* Every CPU, before any guest: turns virtualization on and initialises cpu's control
     * structures, nested paging view included, for a guest that has not started. */
    void (*enable)(struct cpu *cpu);
    /* Turns virtualization off again on the CPU that calls it; an INIT that was held comes now. Host
     * context, for self-tests. */
    void (*disable)(struct cpu *cpu);
    /* Turns virtualization off for a moment in which the machine may be reset, and on again, the virtual
     * CPU as it was: an INIT is held as long as a CPU is in VMX operation, and some reset lines make
     * one. NULL: it gets through as it is. Twice the same is once. Host context, no guest register may
     * be touched in between. */
    void (*suspend)(struct cpu *cpu);
    void (*resume)(struct cpu *cpu);
    /* Runs the virtual CPU with the general registers at cpu->registers, and leaves them there when
     * an exit handler has set cpu->leave_guest. Host context. */
    void (*run)(struct cpu *cpu);
    /* Host NMIs: let a held one in (and further ones), hold them again. Nothing on VMX. */
    void (*host_nmi_allow)(void);
    void (*host_nmi_hold)(void);

    uint64_t (*register_read)(struct cpu *cpu, enum guest_register which);
    void (*register_write)(struct cpu *cpu, enum guest_register which, uint64_t value);
    void (*segment_read)(struct cpu *cpu, enum guest_segment which, struct segment_state *out);
    void (*segment_write)(struct cpu *cpu, enum guest_segment which,
                          const struct segment_state *state);
    void (*execution_read)(struct cpu *cpu, struct execution_state *out);
    /* The instruction that the guest is at (core/guest_code.h). */
    struct guest_code *(*code)(struct cpu *cpu);
    /* The same when nothing but that instruction has to be carried out: CPL 0 to 2, no single step of the
     * guest's, no breakpoint that may lie on an operand. Else NULL. */
    struct guest_code *(*undisturbed_code)(struct cpu *cpu);
    /* With PAE paging: the page-directory-pointer-table entries that the processor holds. False:
     * it holds none, they are in memory. */
    bool (*pdptes_read)(struct cpu *cpu, uint64_t pointers[4]);
    /* State that INIT also changes and that has no register above: shadows, pending events. */
    void (*reset_events)(struct cpu *cpu);

    /* Goes past the instruction that was carried out for the guest, to the next: RIP, no RF, no blocking
     * by STI or MOV SS, and the traps (core/advance.h). */
    void (*advance)(struct cpu *cpu, uint64_t next_rip);
    /* Blocking by STI or MOV SS: an opaque value, 0 when there is none. */
    uint64_t (*interrupt_shadow_read)(struct cpu *cpu);
    void (*interrupt_shadow_write)(struct cpu *cpu, uint64_t shadow);
    /* RFLAGS and DR6 at once, for a step. step_prepare also ends blocking by STI or MOV SS, makes a trap of the guest's
     * that this holds wait for the step's end (STEP_OWNER_HELD_TRAP), and makes every exception but NMI exit;
     * step_restore makes those exit again that always do. */
    struct step_registers (*step_read)(struct cpu *cpu);
    void (*step_prepare)(struct cpu *cpu, struct step_registers registers);
    void (*step_restore)(struct cpu *cpu, struct step_registers registers);
    /* Exceptions that exit besides those that always do: a bit per vector. */
    void (*exceptions_intercept)(struct cpu *cpu, uint32_t vectors);
    /* Exit when the guest is about to execute IRET (SVM) or can take an NMI (VMX). */
    void (*nmi_window_request)(struct cpu *cpu, bool wanted);
    /* `separate`: CR8 becomes a register of the guest's own, which is 0, and no longer the hardware's task priority.
     * Does nothing where the processor cannot do that. */
    void (*cr8_separate)(struct cpu *cpu, bool separate);
    /* The event in cpu->interrupted will be delivered again: exit right after that, before the first
     * instruction of its handler. The exit handler then calls step_delivery_ended(). */
    void (*exit_after_delivery)(struct cpu *cpu);

    /* This CPU's view of the 4 KiB page at guest_physical: other memory, other access; never seen
     * by another CPU. page_restore puts back what every guest starts with. */
    void (*page_map)(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                     enum page_access access);
    void (*page_restore)(struct cpu *cpu, uint64_t guest_physical);
    /* Takes away from what CPUID says what its guest cannot have, for the leaves that core/guest_cpuid.c
     * has in its set. NULL: nothing. */
    void (*filter_cpuid)(uint32_t leaf, uint32_t subleaf, uint32_t words[4]);
    /* The memory type that the nested tables of this CPU give a page now, as a number of the MTRRs; false:
     * nothing is mapped there. NULL: the tables carry none. */
    bool (*memory_type_shown)(struct cpu *cpu, uint64_t guest_physical, uint8_t *type);
    /* From the next entry on: which of the x2APIC MSRs exit on this CPU. */
    void (*msr_view)(struct cpu *cpu, enum msr_view view);
};

/* The bound backend; constant once the guest runs. */
extern const struct backend *backend;

/* The two there are (svm/svm.c, vmx/vmx.c). */
extern const struct backend svm_backend, vmx_backend;

#endif
