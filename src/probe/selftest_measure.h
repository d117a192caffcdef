/* SPDX-License-Identifier: BSD-2-Clause */
/* What the strategies of an axis cost, each doing the same thing in the micro-guest
 * (strategies/select_rank.h names it). */
#ifndef SEXTANT_PROBE_SELFTEST_MEASURE_H
#define SEXTANT_PROBE_SELFTEST_MEASURE_H

#include "strategies/select_rank.h"

struct cpu;

/* Does the axis' operation some times with the strategy that is bound, whose self-test has passed.
 * Not measured: the axis has no operation. Boot CPU, while the self-tests run. */
struct strategy_cost selftest_measure(struct cpu *cpu, enum axis axis);

#endif
