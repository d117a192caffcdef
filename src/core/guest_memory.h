/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's linear addresses, as its processor would find them (core/guest_paging.h). Guest memory is
 * read once into a local copy before it is judged; hidden memory and the APIC's page are never touched.
 * Exit context of the CPU named. */
#ifndef SEXTANT_CORE_GUEST_MEMORY_H
#define SEXTANT_CORE_GUEST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/guest_paging.h"

struct cpu;
struct execution_state;

/* Walks to a linear address for an access (PAGING_WRITE, PAGING_FETCH or 0; PAGING_USER is added at CPL 3).
 * False when the access would fault or cannot be judged here. */
bool guest_memory_walk(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                       unsigned access, struct guest_walk *found);

/* Where the host reads what this CPU's view shows at the page with that guest-physical address; NULL when
 * that is not memory: the APIC's registers are not for a second look. */
void *guest_memory_page(const struct cpu *cpu, uint64_t physical);

/* Reads 4 bytes that the guest may read there; false when it may not, or not with one access to memory
 * that is only memory. */
bool guest_read_4(struct cpu *cpu, uint64_t linear, uint32_t *value);

#endif
