/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware task switches, for processors that do not carry them out for a guest (SDM Vol 3: Task
 * Management > Task Switching). Pure: the guest's memory is behind struct task_memory. */
#ifndef SEXTANT_CORE_TASK_SWITCH_H
#define SEXTANT_CORE_TASK_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apic/reset.h"

/* What caused it, numbered as in the exit qualification of VMX. */
enum task_switch_source { TASK_SWITCH_CALL, TASK_SWITCH_IRET, TASK_SWITCH_JMP, TASK_SWITCH_GATE };

struct task_switch_request {
    enum task_switch_source source; /* TASK_SWITCH_GATE: a task gate in the IDT */
    uint16_t selector;              /* of the new TSS; the processor has judged it already */
    bool external;                  /* by an event from outside the program: error codes say so */
    bool has_error;                 /* an error code goes onto the new task's stack */
    uint32_t error;
};

enum task_segment { TASK_ES, TASK_CS, TASK_SS, TASK_DS, TASK_FS, TASK_GS, TASK_SEGMENTS };

/* What a task switch saves and loads. */
struct task_state {
    uint32_t eip;                   /* before: where the old task is to go on */
    uint32_t eflags;
    uint32_t registers[8];          /* EAX ECX EDX EBX ESP EBP ESI EDI */
    struct segment_state segment[TASK_SEGMENTS];
    struct segment_state ldtr, tr, gdtr;
    uint32_t cr0, cr3, dr7;
};

/* An exception that the task switch raised. */
struct task_fault {
    uint8_t vector;
    uint32_t error;
    uint32_t address;               /* of a page fault, for CR2 */
};

/* The guest's memory by linear address, as the processor's own accesses see it. Each returns false
 * with the page fault that the access raises. */
struct task_memory {
    void *context;
    bool (*read)(void *context, uint32_t linear, void *to, size_t size, struct task_fault *fault);
    bool (*write)(void *context, uint32_t linear, const void *from, size_t size,
                  struct task_fault *fault);
    /* Whether a write there would succeed. */
    bool (*reach)(void *context, uint32_t linear, size_t size, struct task_fault *fault);
    /* A push by the task itself, at its privilege level. */
    bool (*push)(void *context, uint32_t linear, const void *from, size_t size, bool user,
                 struct task_fault *fault);
    /* The accesses that follow go through these tables; false: what they begin with is not legal. */
    bool (*load_cr3)(void *context, uint32_t cr3);
};

enum task_switch_result {
    TASK_SWITCHED,
    TASK_SWITCHED_TRAP,             /* and the new TSS asks for a debug exception (its T bit) */
    TASK_FAULTED,                   /* an exception in the new task, before its first instruction */
    TASK_REFUSED                    /* an exception in the old task; nothing has changed */
};

/* Carries out a task switch outside of IA-32e mode: reads and writes TSSs and descriptors, changes
 * *state unless it returns TASK_REFUSED, and writes *fault when there is one. */
enum task_switch_result task_switch(struct task_state *state,
                                    const struct task_switch_request *request,
                                    const struct task_memory *memory, struct task_fault *fault);

#endif
