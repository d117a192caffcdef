/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which `auto` tries the strategies of an axis: the documented one of strategies.def, or,
 * where strategies were measured doing the same thing on this machine, by exits first and ticks
 * second. Pure.
 */
#ifndef SEXTANT_STRATEGIES_SELECT_RANK_H
#define SEXTANT_STRATEGIES_SELECT_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "strategies/strategy.h"

/* What one operation of the axis cost with a strategy. */
struct strategy_cost {
    bool measured;
    uint32_t exits;             /* exact */
    uint64_t ticks;             /* of the time-stamp counter, the least of several rounds */
};

/* As many as the axis with the most strategies has. */
#define AXIS_STRATEGIES_MAX  8

/* What is measured on an axis, "a write to TPR", for the report; NULL: nothing is. */
const char *rank_operation(enum axis axis);

/* Whether what was measured orders the axis. Not where its strategies do not serve the guest alike: a
 * guest without x2APIC makes no such access, and so a figure of x2apic=hide would say nothing; an NMI
 * comes at once or at the next exit. There the documented order stays. */
bool rank_is_measured(enum axis axis);

/*
 * All strategies of an axis, the one to try first at order[0]. costs is indexed by enum strategy_id;
 * NULL: the documented order. One that has nothing to test counts as no exits; those that were not
 * measured come last. Fewer exits come first; with as many, the ticks decide only when one took less
 * than half of the other's, since ticks differ between boots, and otherwise the documented order.
 * Depends on nothing else: neither on what is usable nor on what was asked for.
 */
void rank_axis(enum axis axis, const struct strategy_cost *costs,
               uint8_t order[AXIS_STRATEGIES_MAX]);

/* Whether `auto` tries the first strategy before the second, of the same axis or STRATEGY_NONE, which
 * comes last. */
bool rank_before(const struct strategy_cost *costs, enum strategy_id first, uint8_t second);

#endif
