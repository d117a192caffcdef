/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's view of the xAPIC page while it is watched by nested paging: read-only or closed, and for
 * one stepped instruction a shadow page, of which the register that faulted (and only that) is then
 * replayed through apic/policy.c. What the strategies that watch the page have in common; each function
 * is one of struct apic_operations, with its rules. */
#ifndef SEXTANT_APIC_SHADOW_H
#define SEXTANT_APIC_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

void apic_shadow_attach(struct cpu *cpu);
void apic_shadow_fault(struct cpu *cpu, uint64_t guest_physical, bool write);
void apic_shadow_step_finished(struct cpu *cpu);
void apic_shadow_step_cancelled(struct cpu *cpu);
void apic_shadow_icr_disturbed(struct cpu *cpu);
void apic_shadow_icr_restored(struct cpu *cpu);

/* Before step_finished: what was pushed onto the shadow page has TF and IF as the step set them, and gets them as the
 * guest's are. */
void apic_shadow_flags_pushed(struct cpu *cpu);

#endif
