/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of strategies.def and axes.def.  See strategies.def for the manuals' chapters.
 */
#include "strategies/strategy.h"

#include <string.h>

#define WITH(...)     { .offered = true, .needs = { __VA_ARGS__ } }
#define WITH_NOTHING  { .offered = true }
#define NO_WAY        { .offered = false }

static const struct strategy_row strategies[STRATEGY_COUNT] = {
#define STRATEGY(axis_, id_, name_, what_, lost_, lost_with_, vmx_, svm_, condition_, flags_) \
    [STRATEGY_##axis_##_##id_] = { \
        .name = name_, .axis = AXIS_##axis_, .what = what_, .lost = lost_, \
        .lost_with = lost_with_, .way = { [BACKEND_VMX] = vmx_, [BACKEND_SVM] = svm_ }, \
        .condition = condition_, .flags = flags_, \
    },
#include "strategies/strategies.def"
#undef STRATEGY
};

static const struct backend_row backends[BACKEND_COUNT] = {
#define BACKEND(id_, name_, what_, gates_, needs_) \
    [BACKEND_##id_] = { .name = name_, .what = what_, .gates = gates_, .needs = needs_ },
#include "strategies/strategies.def"
#undef BACKEND
};

static const struct axis_row axes[AXIS_COUNT] = {
#define AXIS(id_, name_, what_, first_, last_) \
    [AXIS_##id_] = { \
        .name = name_, .what = what_, .first = STRATEGY_##id_##_##first_, \
        .count = STRATEGY_##id_##_##last_ - STRATEGY_##id_##_##first_ + 1, \
    },
#include "strategies/axes.def"
#undef AXIS
};

_Static_assert(STRATEGY_COUNT <= 32, "struct strategy_set has 32 bits");

const struct strategy_row *strategy_row(enum strategy_id id)
{
    return &strategies[id];
}

const struct backend_row *backend_row(enum backend_id id)
{
    return &backends[id];
}

const struct axis_row *axis_row(enum axis axis)
{
    return &axes[axis];
}

enum strategy_id strategy_find(enum axis axis, const char *name, size_t length)
{
    for (unsigned i = 0; i < axes[axis].count; i++) {
        const char *candidate = strategies[axes[axis].first + i].name;

        if (strlen(candidate) == length && memcmp(candidate, name, length) == 0) {
            return (enum strategy_id)(axes[axis].first + i);
        }
    }
    return STRATEGY_NONE;
}
