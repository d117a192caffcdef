/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's accesses to hidden memory: reads see ones without an exit (the shared nested paging
 * structures map a page of ones), writes are stepped on a scratch page, counted, and forgotten. */
#ifndef SEXTANT_CORE_HIDDEN_ACCESS_H
#define SEXTANT_CORE_HIDDEN_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* The guest's access to a page where it may see ones and change nothing faulted. Exit context. */
void hidden_access(struct cpu *cpu, uint64_t guest_physical, bool write);

/* The end of that step; only core/step.c calls these. */
void hidden_step_finished(struct cpu *cpu);
void hidden_step_cancelled(struct cpu *cpu);

#endif
