/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's accesses to hidden memory: reads see ones without an exit (the shared nested paging
 * structures map a page of ones), writes are stepped on a scratch page, counted, and forgotten. */
#ifndef SEXTANT_CORE_HIDDEN_ACCESS_H
#define SEXTANT_CORE_HIDDEN_ACCESS_H

#include <stdint.h>

struct cpu;

/* The guest wrote to a page for which hidden_contains() holds. Exit context. */
void hidden_write(struct cpu *cpu, uint64_t guest_physical);

/* The end of that step; only core/step.c calls these. */
void hidden_step_finished(struct cpu *cpu);
void hidden_step_cancelled(struct cpu *cpu);

#endif
