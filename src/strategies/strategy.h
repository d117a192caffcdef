/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The axes and the strategies of each: names, needs, and what a choice loses.  One table, read by
 * automatic selection, forced selection, the command line and the report, so that they cannot drift
 * apart. The mechanisms themselves (ops structs) live in the strategies' own folders.
 */
#ifndef SEXTANT_STRATEGIES_STRATEGY_H
#define SEXTANT_STRATEGIES_STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/capabilities.h"

enum axis {
#define AXIS(id, name, what, first, last) AXIS_##id,
#include "strategies/axes.def"
#undef AXIS
    AXIS_COUNT
};

enum backend_id {
#define BACKEND(id, name, what, gates, needs) BACKEND_##id,
#include "strategies/strategies.def"
#undef BACKEND
    BACKEND_COUNT,
    BACKEND_NONE = 0xff
};

/* STRATEGY_STARTUP_SIPI, ..., STRATEGY_NMI_IRET; an axis' strategies stand together, best first. */
enum strategy_id {
#define STRATEGY(axis, id, name, what, lost, lost_with, vmx, svm, condition, flags) \
    STRATEGY_##axis##_##id,
#include "strategies/strategies.def"
#undef STRATEGY
    STRATEGY_COUNT,
    STRATEGY_AUTO = 0xfe,       /* in a preference list: the best of those that are left */
    STRATEGY_NONE = 0xff
};

#define STRATEGY_NEEDS_MAX  12  /* capabilities of one way, ended by CAPABILITY_NONE */

/* What a strategy needs under one backend. */
struct strategy_way {
    bool offered;
    uint16_t needs[STRATEGY_NEEDS_MAX];
};

/* What must be chosen on another axis. */
enum strategy_condition {
    CONDITION_ALONE,
    CONDITION_WITH_STARTUP_SIPI,
    CONDITION_WITH_TRAPPING_APIC,
    CONDITION_WITH_A_STEP
};

#define STRATEGY_TRAPS            0x1   /* sees every write to ICR before it takes effect */
#define STRATEGY_NOTHING_TO_TEST  0x2   /* no mechanism of its own: counts as verified */
#define STRATEGY_BREAKS           0x4   /* a failed self-test breaks its way's first need */

/* One row of strategies.def. */
struct strategy_row {
    const char *name;
    enum axis axis;
    const char *what;
    const char *lost;           /* NULL: nothing */
    enum capability_id lost_with;
    struct strategy_way way[BACKEND_COUNT];
    enum strategy_condition condition;
    uint8_t flags;
};

struct backend_row {
    const char *name;
    const char *what;
    uint8_t gates;              /* first needs that decide whether the others exist */
    struct strategy_way needs;
};

struct axis_row {
    const char *name;
    const char *what;
    enum strategy_id first;
    uint8_t count;
};

/*
 * The strategies and backends that this image carries: bits by enum strategy_id and enum
 * backend_id.
 */
struct strategy_set {
    uint32_t strategies;
    uint32_t backends;
};

/* A boot parameter of one axis: names in the person's order. */
#define PREFERENCE_MAX  8

struct preference {
    uint8_t count;              /* 0: not given, the same as auto */
    struct {
        uint8_t strategy;       /* enum strategy_id of this axis, or STRATEGY_AUTO */
        bool forced;            /* NAME! */
    } entry[PREFERENCE_MAX];
};

/* What the self-test of a strategy said on this machine. */
enum selftest_verdict {
    SELFTEST_NOT_RUN,
    SELFTEST_PASSED,
    SELFTEST_LIMITED,           /* works, with a limit: not preferred by auto */
    SELFTEST_FAILED
};

static inline void strategy_set_add(struct strategy_set *set, enum strategy_id id)
{
    set->strategies |= UINT32_C(1) << id;
}

static inline void strategy_set_add_backend(struct strategy_set *set, enum backend_id id)
{
    set->backends |= UINT32_C(1) << id;
}

static inline bool strategy_set_has(struct strategy_set set, enum strategy_id id)
{
    return set.strategies >> id & 1;
}

static inline bool strategy_set_has_backend(struct strategy_set set, enum backend_id id)
{
    return set.backends >> id & 1;
}

/* The rows.  Pure; ids in range. */
const struct strategy_row *strategy_row(enum strategy_id id);
const struct backend_row *backend_row(enum backend_id id);
const struct axis_row *axis_row(enum axis axis);

/* The strategy of an axis by its name (length bytes), or STRATEGY_NONE.  Pure. */
enum strategy_id strategy_find(enum axis axis, const char *name, size_t length);

#endif
