/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's linear addresses and instruction bytes (SDM Vol 3: Paging). Guest memory is read
 * once into a local copy before it is judged. Exit context of the CPU named. */
#ifndef SEXTANT_CORE_GUEST_MEMORY_H
#define SEXTANT_CORE_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;
struct execution_state;

#define GUEST_CODE_BYTES    15      /* the longest instruction */

/* The guest's next instruction, as far as it is mapped. */
struct guest_code {
    uint64_t rip;
    unsigned width;                 /* 16, 32 or 64 */
    unsigned available;             /* bytes that could be read, at most GUEST_CODE_BYTES */
    uint8_t bytes[GUEST_CODE_BYTES + 1];    /* what follows the available ones has no meaning */
};

/* Translates a linear address by the guest's paging structures, without checking rights and
 * without setting accessed bits: for instructions that the processor itself has just fetched.
 * False when it is not mapped, or a table lies outside of memory that the guest may read. */
bool guest_translate(const struct execution_state *state, uint64_t linear, uint64_t *physical);

/* Copies the instruction at the guest's CS:RIP; it stops at a page that is not mapped. */
void guest_fetch(struct cpu *cpu, struct guest_code *code);

/* 16, 32 or 64: the width of the code that the guest executes. */
unsigned guest_code_width(struct cpu *cpu);

#endif
