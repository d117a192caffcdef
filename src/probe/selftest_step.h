/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-tests of the step axis: every way in which a step can end, and what must not get into it. */
#ifndef SEXTANT_PROBE_SELFTEST_STEP_H
#define SEXTANT_PROBE_SELFTEST_STEP_H

#include <stdbool.h>

struct cpu;

/* Tries the bound `step` strategy: dbstep, also whether DR6 says why a #DB exited
 * (machine.debug_cause_hidden); mtf, also where an injected pending MTF exit is taken. What went
 * wrong, NULL for nothing, or a remark. Boot CPU, host context. */
const char *selftest_step_dbstep(struct cpu *cpu);
const char *selftest_step_mtf(struct cpu *cpu);

/* True for what a test that passed has to say. */
bool selftest_is_remark(const char *detail);

#endif
