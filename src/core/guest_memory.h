/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's linear addresses and instruction bytes, as its processor would find them
 * (core/guest_paging.h). Guest memory is read once into a local copy before it is judged; hidden memory
 * and the APIC's page are never touched. Exit context of the CPU named. */
#ifndef SEXTANT_CORE_GUEST_MEMORY_H
#define SEXTANT_CORE_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/guest_paging.h"

struct cpu;
struct execution_state;

#define GUEST_CODE_BYTES    15      /* the longest instruction */
#define GUEST_CODE_BUFFER   32

/* The guest's next instruction, as far as its processor could fetch it. */
struct guest_code {
    uint64_t rip;
    unsigned width;                 /* 16, 32 or 64 */
    unsigned available;             /* bytes that could be read, at most GUEST_CODE_BYTES */
    uint8_t bytes[GUEST_CODE_BUFFER];   /* what follows the available ones has no meaning */
};

/* Translates a linear address for an access (PAGING_WRITE or 0; PAGING_USER is added at CPL 3), and
 * remembers the way there. False when the access would fault or cannot be judged here. */
bool guest_translate(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                     unsigned access, uint64_t *physical);

/* The CPU's view shows other pages than before, its APIC's for instance: remembered ways hold no longer. */
void guest_memory_forget(struct cpu *cpu);

/* Reads 4 bytes that the guest may read there; false when it may not, or not with one access to memory
 * that is only memory. */
bool guest_read_4(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                  uint32_t *value);

/* Copies the instruction at the guest's CS:RIP; it stops at a page that cannot be fetched from. The
 * second form when the state has been read already. */
void guest_fetch(struct cpu *cpu, struct guest_code *code);
void guest_fetch_at(struct cpu *cpu, const struct execution_state *state, struct guest_code *code);

/* The same from the processor's own copy, taken when the instruction caused a nested page fault: the
 * exit that is being handled. False when it gives none; it may be only the instruction's beginning.
 * Only while machine.decode_assists. */
bool guest_fetch_given(struct cpu *cpu, const struct execution_state *state,
                       struct guest_code *code);

/* 16, 32 or 64: the width of the code that the guest executes. */
unsigned guest_code_width(struct cpu *cpu);

#endif
