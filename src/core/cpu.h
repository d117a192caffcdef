/* SPDX-License-Identifier: BSD-2-Clause */
/* One CPU: the host's state for it, and the guest's virtual CPU that runs on it.
 *
 * Every CPU owns one naturally aligned block of CPU_BLOCK_SIZE bytes in hidden memory, reached
 * through the direct map: this structure first, then pages that hardware reads, the host stack on
 * top. The current CPU is found by masking the stack pointer, so that neither the guest's segment
 * registers nor the APIC ID register have to be consulted. */
#ifndef SEXTANT_CORE_CPU_H
#define SEXTANT_CORE_CPU_H

#define CPU_BLOCK_SIZE              0x10000
#define CPU_BLOCK_PAGE_BACKEND      1   /* VMCB; VMXON region and VMCS */
#define CPU_BLOCK_PAGE_HOST_SAVE    2   /* SVM host save area */
#define CPU_BLOCK_PAGE_APIC_SHADOW  3   /* what a stepped instruction sees instead of the APIC */
#define CPU_BLOCK_PAGE_SCRATCH      4   /* where writes to hidden memory go */
#define CPU_BLOCK_PAGE_VIEW         5   /* this CPU's own nested paging structures */
#define CPU_BLOCK_VIEW_PAGES        8

#ifndef __ASSEMBLER__

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "apic/destination.h"
#include "apic/startup.h"
#include "core/counters.h"
#include "core/event.h"
#include "instruction/instruction.h"
#include "x2apic/mode.h"

/* General registers in the order in which the instruction encodings number them. RSP is the
 * backend's; its slot keeps the numbering. */
struct general_registers {
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* Who asked for the instruction that is being stepped; several may share one step. */
#define STEP_OWNER_APIC     (1u << 0)
#define STEP_OWNER_HIDDEN   (1u << 1)
#define STEP_OWNER_IRET     (1u << 2)
#define STEP_OWNER_SELFTEST (1u << 3)
/* Nobody, but the end of the step has to look at it: a trap of the guest's waits for that; the instruction pushes RFLAGS
 * onto the APIC page. */
#define STEP_OWNER_HELD_TRAP (1u << 4)
#define STEP_OWNER_PUSHF    (1u << 5)

/* The one step that a CPU can have under way (see core/step.h). */
struct step_state {
    uint32_t owners;            /* 0: no step */
    bool loads_rflags;          /* IRET, POPF: RFLAGS come from the stack ... */
    bool keeps_if;              /* ... but for IF, when CPL is above IOPL */
    bool cause_shown;           /* the last #DB that ended a step had BS in DR6 */
    uint32_t dismissed;         /* owners that no longer want to be told */
    bool delivery;              /* no instruction, but the delivery of an event is stepped */
    uint64_t saved_rflags;      /* of these only TF and IF are restored */
    uint64_t saved_dr6;
    uint64_t held_hits;         /* STEP_OWNER_HELD_TRAP: B0 to B3 of that trap */
    uint64_t branch_from;       /* with DEBUGCTL.BTF: where the instruction is */
};

/* This CPU's local APIC as its guest has it. */
struct apic_page_state {
    enum apic_mode mode;        /* the guest's; the hardware's APIC is never switched off ... */
    bool hardware_x2apic;       /* ... and never leaves x2APIC mode */
    bool irregular;             /* it does not answer messages as the guest's would: forward.c */
    uint64_t base;              /* where the guest has put the page: guest-physical */
    uint64_t hardware_base;     /* where it is: host-physical, constant */
    volatile uint32_t *registers;   /* there, for the host; NULL while the APIC is in x2APIC mode */
    struct apic_identity identity;  /* how messages address this APIC; read by senders */
    uint32_t stepped_register;  /* offset of the register that faulted first in this step ... */
    uint64_t untouched;         /* ... and what the shadow page has there until it is written, if that tells;
                                 * else more than 32 bits */
    uint64_t last_return;       /* the exit after which the guest went back to its instruction last ... */
    uint32_t returns;           /* ... and how many of those came in succession */
    bool reads_closed;          /* the hardware's ICR cannot show what the guest wrote */
    bool faulted_on_write;
    uint8_t separate_cr8;       /* SVM, while the guest's APIC is off */
    uint32_t icr_low;           /* what the guest reads back while reads_closed */
    uint32_t icr_high;          /* the same, where the hardware's half is no register or another */
};

/* The guest's NMIs on this CPU, for nmi=iret. */
struct nmi_state {
    bool pending;
    bool blocked;               /* since the last injection, until an IRET */
    bool iret_seen;             /* the IRET at iret_rip is about to execute */
    uint64_t iret_rip;
};

/* Pages whose mapping differs for this CPU from what all share (core/nested_view.c). */
#define VIEW_OVERRIDES 5

struct view_mapping {
    uint64_t host_physical;
    uint64_t entry;             /* as the tables have it */
    uint32_t access;            /* enum page_access */
};

struct view_override {
    uint64_t guest_physical;
    uint64_t *place;            /* its entry in the view's tables; NULL: not entered */
    uint32_t now;               /* which of the two is in force; a step goes back and forth */
    struct view_mapping mapping[2];
};

struct cpu_view {
    struct view_override override[VIEW_OVERRIDES];
    uint32_t override_count;
    uint32_t pool_used;
    uint32_t generation;        /* of the shared tables that the view was built from */
};

/* Pages of hidden memory that the stepped instruction accesses. */
#define HIDDEN_PAGES 3

struct hidden_pages {
    uint64_t page[HIDDEN_PAGES];
    uint32_t count;
    bool written;
};

/* A walk of the guest's paging structures: which entries it read. Where there are fewer the rest are their
 * own. */
#define KEPT_LEVELS 4

struct kept_entry {
    const volatile uint64_t *place;
    uint64_t value;
};

struct kept_walk {
    struct kept_entry entry[KEPT_LEVELS];
};

/* An instruction of the guest that exited (core/guest_code.h). */
#define GUEST_CODES         16      /* by the low bits of their addresses */
#define GUEST_CODE_BYTES    15      /* the longest instruction */

struct guest_code {
    _Alignas(256) uint64_t rip;     /* where it was found; a size that is a power of two */
    uint64_t cr3, cr4, efer;
    struct kept_walk walk;
    const uint8_t *memory;          /* its bytes, where the guest has them: 16 of them in one page */
    uint8_t bytes[GUEST_CODE_BYTES + 1];    /* what follows the available ones has no meaning */
    uint8_t available;              /* bytes that could be fetched, at most GUEST_CODE_BYTES */
    uint8_t width;                  /* 16, 32 or 64 */
    uint8_t opcode;                 /* where it is, behind the prefixes */
    uint8_t second;                 /* the byte behind 0F, when the opcode is that; else 0 */
    bool only_stores;               /* MOV to memory or STOS: reads no memory */
    bool decoded;                   /* it is one of those in instruction/instruction.h: */
    bool stores_word;               /* among them: MOV of 4 bytes to memory, */
    bool plain_store;               /* and of these what kernels do to an APIC (core/guest_code.c) */
    struct instruction instruction;
    uint64_t next_rip;              /* behind it, if it is decoded, or nothing but the opcode 0F `second` */
    /* Its operand in memory, a register of the APIC, when that was found last time. Whether it is read or written
     * is the instruction's. */
    uint64_t operand_linear, operand_physical;
    struct kept_walk operand_walk;
};

/* What the processor said of an exit, read once: for its handler, and for a panic, which tells the last of
 * them. */
#define EXIT_HISTORY 8

struct past_exit {
    _Alignas(32) uint64_t reason;
    uint64_t rip;
    uint64_t info;                  /* SVM: EXITINFO1; VMX: the exit qualification */
};

static_assert(sizeof(struct past_exit) * EXIT_HISTORY == 256, "an 8-bit offset wraps at the end");

struct cpu {
    struct general_registers *registers;    /* on this CPU's stack, valid between exit and entry */
    uint32_t index;                         /* 0 is the bootstrap processor */
    uint32_t apic_id;                       /* from the MADT: never read back from the APIC */
    void *backend_page;                     /* struct vmcb for SVM */
    uint64_t backend_physical;
    void *backend_state;                    /* struct vmx_cpu for VMX */
    struct event event;                     /* to be delivered at the next entry */
    struct event interrupted;               /* its delivery was cut short by this exit */
    bool waiting;                           /* for a SIPI */
    bool leave_guest;                       /* the backend's run() returns after this exit */
    bool launched;                          /* VMX: the VMCS, since it was cleared */
    struct step_state step;
    struct apic_page_state apic;
    struct nmi_state nmi;
    struct cpu_view view;
    struct hidden_pages hidden_pages;
    struct guest_code *code;                /* GUEST_CODES of them */
    struct startup_mailbox mailbox;
    _Atomic uint32_t entry_work;            /* core/entry.h */
    _Atomic uint32_t kicked;                /* a host NMI is on its way and not seen yet */
    _Atomic uint32_t waits_in_hardware;     /* for a SIPI: no kick reaches it */
    _Atomic uint32_t wakeup;                /* an NMI came since kick_wait() last looked */
    _Atomic uint32_t asleep;                /* in kick_wait() */
    _Atomic uint32_t rendezvous_seen;
    _Atomic uint32_t host_ready;
    void (*_Atomic job)(struct cpu *cpu);   /* to be done before its guest runs (core/smp.c) */
    void (*interrupt_taken)(uint8_t vector);    /* while the host has interrupts open */
    uint64_t rip_after_int;                 /* where an INT n that is delivered again returns to */
    bool enabled;                           /* virtualization is on */
    uint64_t guest_debug_control;
    uint64_t counters[COUNTER_COUNT];
    uint64_t snapshot[COUNTER_COUNT];
    struct past_exit history[EXIT_HISTORY];
    uint8_t history_next;                   /* offset in `history` of the oldest */
};

static_assert(sizeof(struct cpu) <= 4096, "struct cpu is the first page of its block");

/* All CPUs, by index; filled before any application processor is started, constant after. */
extern struct cpu **cpus;
extern uint32_t cpu_count;

/* The CPU that executes this. Host context; valid once the CPU runs on its own stack. */
static inline struct cpu *this_cpu(void)
{
    uintptr_t stack;
    __asm__("mov %%rsp, %0" : "=r"(stack));
    return (struct cpu *)(stack & ~(uintptr_t)(CPU_BLOCK_SIZE - 1));
}

/* Where the exit that has just come is put down; the oldest is forgotten. On the CPU named, exit context. */
static inline struct past_exit *cpu_new_exit(struct cpu *cpu)
{
    uint8_t offset = cpu->history_next;

    cpu->history_next = (uint8_t)(offset + sizeof(struct past_exit));
    return (struct past_exit *)((char *)cpu->history + offset);
}

/* Forgets the exits until now, and what was counted: they were self-tests. On the CPU named, host context. */
void cpu_forget_exits(struct cpu *cpu);

/* The exit that was `back` exits ago (0: the last one); NULL when none is known. Host context. */
const struct past_exit *cpu_past_exit(const struct cpu *cpu, unsigned back);

/* Virtual address of page `page` of a CPU's block. */
static inline void *cpu_block_page(struct cpu *cpu, unsigned page)
{
    return (char *)cpu + page * 4096;
}

#endif
#endif
