/* SPDX-License-Identifier: BSD-2-Clause */
/* The one single step that a CPU can have under way, and who waits for it. Several owners may join
 * the same step: an instruction may touch the APIC page and hidden memory at once. All functions:
 * on the CPU they name, exit context. */
#ifndef SEXTANT_CORE_STEP_H
#define SEXTANT_CORE_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"

/* Steps the instruction that caused this exit on behalf of `owner` (STEP_OWNER_…). `loads_rflags`:
 * the instruction is IRET or POPF, whose RFLAGS come from the stack. Joins a step that is under way. */
void step_begin(struct cpu *cpu, uint32_t owner, bool loads_rflags);

/* True while a step is under way. */
static inline bool step_active(const struct cpu *cpu)
{
    return cpu->step.owners != 0;
}

/* `owner` has lost what it waited for: the step goes on, and it is not told of its end. Nothing when it
 * is none of the owners. */
void step_dismiss(struct cpu *cpu, uint32_t owner);

/* The guest exited for what exit_after_delivery() may have asked for: that ends the step of an
 * event's delivery, if one is under way. */
void step_delivery_ended(struct cpu *cpu);

/* The stepped instruction completed. Restores the guest, then tells every owner. */
void step_finish(struct cpu *cpu);

/* The stepped instruction will not complete now. Restores the guest, then tells every owner. */
void step_cancel(struct cpu *cpu);

#endif
