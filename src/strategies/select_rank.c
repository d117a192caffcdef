/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Clearly fewer ticks" is no order: a chain of small differences can add up to a clear one. So the
 * order is built by choosing: of those that are left, in the documented order, the first that none
 * after it beats is found by going through them once. That is a permutation whatever the figures.
 */
#include "strategies/select_rank.h"

#include <stddef.h>

#define CLEARLY  2              /* times as many ticks */

const char *rank_operation(enum axis axis)
{
    static const char *const operations[AXIS_COUNT] = {
        [AXIS_APIC] = "a write to TPR",
        [AXIS_X2APIC] = "a write to ICR in x2APIC mode",
        [AXIS_STEP] = "a step over a NOP",
    };

    return operations[axis];
}

bool rank_is_measured(enum axis axis)
{
    return axis == AXIS_APIC || axis == AXIS_STEP;
}

/* False: nothing is known. */
static bool cost_of(const struct strategy_cost *costs, uint8_t id, struct strategy_cost *cost)
{
    *cost = costs[id];
    return cost->measured || (strategy_row((enum strategy_id)id)->flags & STRATEGY_NOTHING_TO_TEST);
}

/* Whether `later` comes before `earlier`, which the documents have in front of it. */
static bool beats(const struct strategy_cost *costs, uint8_t later, uint8_t earlier)
{
    struct strategy_cost a, b;

    if (!cost_of(costs, later, &a)) {
        return false;
    }
    if (!cost_of(costs, earlier, &b)) {
        return true;
    }
    if (a.exits != b.exits) {
        return a.exits < b.exits;
    }
    return a.measured && b.measured && a.ticks < b.ticks / CLEARLY;
}

void rank_axis(enum axis axis, const struct strategy_cost *costs,
               uint8_t order[AXIS_STRATEGIES_MAX])
{
    const struct axis_row *row = axis_row(axis);

    for (unsigned i = 0; i < row->count; i++) {
        order[i] = (uint8_t)(row->first + i);
    }
    if (costs == NULL || !rank_is_measured(axis)) {
        return;
    }
    for (unsigned done = 0; done < row->count; done++) {
        unsigned best = done;
        uint8_t id;

        for (unsigned i = done + 1; i < row->count; i++) {
            if (beats(costs, order[i], order[best])) {
                best = i;
            }
        }
        id = order[best];
        /* The others keep the documented order. */
        for (unsigned i = best; i > done; i--) {
            order[i] = order[i - 1];
        }
        order[done] = id;
    }
}

bool rank_before(const struct strategy_cost *costs, enum strategy_id first, uint8_t second)
{
    uint8_t order[AXIS_STRATEGIES_MAX];
    unsigned i = 0;

    if (second == STRATEGY_NONE) {
        return true;
    }
    rank_axis(strategy_row(first)->axis, costs, order);
    while (order[i] != first && order[i] != second) {
        i++;
    }
    return order[i] == first && first != second;
}
