/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of the nested paging structures that mean something. */
#ifndef SEXTANT_CORE_NESTED_FAULT_H
#define SEXTANT_CORE_NESTED_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* The guest's access to a guest-physical address was refused: hands it to the APIC strategy or to
 * hidden memory. False when it is neither, and the backend has to map what lies there. */
bool guest_nested_fault(struct cpu *cpu, uint64_t guest_physical, bool write);

#endif
