/* SPDX-License-Identifier: BSD-2-Clause */
/* A pending MTF VM exit as an event. */
#ifndef SEXTANT_STRATEGIES_MTF_PENDING_H
#define SEXTANT_STRATEGIES_MTF_PENDING_H

struct cpu;

/* The next VM entry of `cpu` injects a pending MTF VM exit. Only on VMX, where step=mtf has passed its
 * own test: elsewhere VM entry fails. On that CPU, exit context, no event queued. */
void mtf_inject_pending(struct cpu *cpu);

#endif
