/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's linear addresses and instruction bytes (SDM Vol 3: Paging). Guest memory is read
 * once into a local copy before it is judged. Exit context of the CPU named. */
#ifndef SEXTANT_CORE_GUEST_MEMORY_H
#define SEXTANT_CORE_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;

/* Translates a linear address by the guest's paging structures, without checking rights and
 * without setting accessed bits: for instructions that the processor itself has just fetched.
 * False when it is not mapped, or a table lies outside of memory that the guest may read. */
bool guest_translate(struct cpu *cpu, uint64_t linear, uint64_t *physical);

/* Copies up to `size` bytes at the guest's CS:RIP; returns how many could be read (it stops at a
 * page that is not mapped). */
size_t guest_fetch(struct cpu *cpu, uint8_t *bytes, size_t size);

/* 16, 32 or 64: the width of the code that the guest executes. */
unsigned guest_code_width(struct cpu *cpu);

#endif
