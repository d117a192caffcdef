/* SPDX-License-Identifier: BSD-2-Clause */
/* Advertised is not verified: each candidate is tried in a micro-guest of a few instructions that
 * ends in a hypercall, so that a mechanism that does nothing is noticed instead of hanging. */
#ifndef SEXTANT_PROBE_SELFTEST_H
#define SEXTANT_PROBE_SELFTEST_H

#include <stddef.h>

#include "probe/report.h"

struct cpu;

/* Tests every strategy that the image carries and the processor could run under `id`, and what else is
 * only used if it works: marks the capability table and writes one result a test. Returns how many were written; 0 when this
 * backend cannot run here. Boot CPU, host context, before the guest is loaded: the micro-guest runs
 * in the hypervisor's own memory. */
size_t selftest_run(struct capabilities *capabilities, enum backend_id id,
                    struct selftest_result *results, size_t room);

/* For exit handlers: true, and the micro-guest will be left, when a self-test is running on this
 * CPU. Its hypercall ends it as planned; `unexpected` names anything else that ended it. */
bool selftest_ends(struct cpu *cpu, const char *unexpected);

/* For the tests in files of their own: the labels of the micro-guest that they enter at, its state for
 * an entry, the entry itself (until the micro-guest is left: NULL when its hypercall did that), and its memory in a CPU's view. */
extern const char selftest_spin[], selftest_nop[], selftest_apicv[], selftest_interrupt[],
    selftest_halt[];
void selftest_reset(struct cpu *cpu, const char *label);
const char *selftest_enter(struct cpu *cpu);
void selftest_map(struct cpu *cpu);

/* And what came of it: whether the step that was begun before the entry finished, what ended the
 * micro-guest (NULL: its hypercall), a word of its memory, the address of a label in it. */
bool selftest_stepped(void);
const char *selftest_ended_by(void);
uint16_t selftest_word(uint16_t address);
uint16_t selftest_address(const char *label);

#define SELFTEST_STACK_TOP  0x1000
#define SELFTEST_VECTOR     0x40        /* like all interrupts: counted in SI, with an EOI */

/* Writes to the APIC page under the bound `apic` strategy: what went wrong, or NULL. */
const char *selftest_apic_page(struct cpu *cpu);

/* For core/step.c: the step that a self-test asked for finished or was cancelled. */
void selftest_step_ended(struct cpu *cpu, bool finished);

#endif
