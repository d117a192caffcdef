/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decision.  For a backend whose needs are met: the candidates of every axis in the order of
 * the request, then the first combination in which every strategy's condition on the other axes
 * holds.  Everything that was not taken gets its reason.
 *
 * Why it is monotone: a capability more only adds candidates, it never removes or reorders any; the
 * search is lexicographic with the axes that others depend on first; and the best startup strategy
 * asks nothing of the other axes.
 */
#include "strategies/select.h"

#include <string.h>

/* One more than an axis has strategies, for "nothing". */
#define CANDIDATES_MAX  (PREFERENCE_MAX + 8)

struct candidates {
    uint8_t count;
    uint8_t id[CANDIDATES_MAX];
    bool asked[CANDIDATES_MAX];     /* named by the person, not added by auto */
};

struct choice {
    uint8_t strategy[AXIS_COUNT];   /* enum strategy_id or STRATEGY_NONE */
    bool asked[AXIS_COUNT];
};

struct question {
    const struct capabilities *capabilities;
    const struct selection_request *request;
    struct strategy_set implemented;
};

/* ---- needs ---- */

/* A broken capability satisfies a need only when the strategy is forced. */
static bool need_met(const struct capabilities *capabilities, uint16_t id, bool forced)
{
    return capability_has(capabilities, (enum capability_id)id)
           || (forced && capabilities->state[id] == CAPABILITY_BROKEN);
}

static bool way_met(const struct capabilities *capabilities, const struct strategy_way *way,
                    bool forced)
{
    if (!way->offered) {
        return false;
    }
    for (unsigned i = 0; i < STRATEGY_NEEDS_MAX && way->needs[i] != CAPABILITY_NONE; i++) {
        if (!need_met(capabilities, way->needs[i], forced)) {
            return false;
        }
    }
    return true;
}

static bool is_listed(const struct missing *missing, uint16_t id)
{
    for (unsigned i = 0; i < missing->count; i++) {
        if (missing->id[i] == id) {
            return true;
        }
    }
    return false;
}

static void add_missing(struct missing *missing, uint16_t id)
{
    if (!is_listed(missing, id)) {
        missing->id[missing->count++] = id;
    }
}

static void add_missing_of_way(const struct capabilities *capabilities,
                               const struct strategy_way *way, struct missing *missing)
{
    missing->looked_at = true;
    for (unsigned i = 0; i < STRATEGY_NEEDS_MAX && way->needs[i] != CAPABILITY_NONE; i++) {
        if (!need_met(capabilities, way->needs[i], false)) {
            add_missing(missing, way->needs[i]);
        }
    }
}

/* Leaves out what only follows: bits of a register that does not exist without a listed one. */
static void leave_out_what_follows(struct missing *missing)
{
    struct missing kept = { .looked_at = missing->looked_at };

    for (unsigned i = 0; i < missing->count; i++) {
        enum capability_id needed =
            capability_depends_on((enum capability_id)missing->id[i]);

        if (needed == CAPABILITY_NONE || !is_listed(missing, (uint16_t)needed)) {
            kept.id[kept.count++] = missing->id[i];
        }
    }
    *missing = kept;
}

/* Behind a shut gate nothing is known, so only the gate is missing. */
static void add_missing_of_backend(const struct capabilities *capabilities,
                                   const struct backend_row *row, struct missing *missing)
{
    missing->looked_at = true;
    for (unsigned i = 0; i < row->gates; i++) {
        if (!need_met(capabilities, row->needs.needs[i], false)) {
            add_missing(missing, row->needs.needs[i]);
            return;
        }
    }
    add_missing_of_way(capabilities, &row->needs, missing);
}

/* ---- candidates ---- */

static bool backend_usable(const struct question *q, enum backend_id backend)
{
    return way_met(q->capabilities, &backend_row(backend)->needs, false)
           && strategy_set_has_backend(q->implemented, backend);
}

static bool strategy_usable(const struct question *q, enum backend_id backend,
                            enum strategy_id id, bool forced)
{
    return strategy_set_has(q->implemented, id)
           && way_met(q->capabilities, &strategy_row(id)->way[backend], forced)
           && (forced || q->request->selftest[id] != SELFTEST_FAILED);
}

static bool strategy_verified(const struct selection_request *request, enum strategy_id id)
{
    return request->selftest[id] == SELFTEST_PASSED
           || (strategy_row(id)->flags & STRATEGY_NOTHING_TO_TEST) != 0;
}

static bool tests_were_run(const struct selection_request *request)
{
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        if (request->selftest[i] != SELFTEST_NOT_RUN) {
            return true;
        }
    }
    return false;
}

static void add_candidate(struct candidates *candidates, uint8_t id, bool asked)
{
    for (unsigned i = 0; i < candidates->count; i++) {
        if (candidates->id[i] == id) {
            return;
        }
    }
    candidates->id[candidates->count] = id;
    candidates->asked[candidates->count++] = asked;
}

static const struct strategy_cost *costs(const struct question *q)
{
    return q->request->rank_static ? NULL : q->request->cost;
}

/*
 * auto: the verified ones, best first; then those that were not tested.  When no self-test was run
 * at all, everything counts alike: that is a prediction, not a binding.
 */
static void add_automatic(const struct question *q, enum backend_id backend, enum axis axis,
                          struct candidates *candidates)
{
    const struct axis_row *row = axis_row(axis);
    bool tested = tests_were_run(q->request);
    uint8_t order[AXIS_STRATEGIES_MAX];

    rank_axis(axis, costs(q), order);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < row->count; i++) {
            enum strategy_id id = (enum strategy_id)order[i];
            bool first = !tested || strategy_verified(q->request, id);

            if (first == (pass == 0) && strategy_usable(q, backend, id, false)) {
                add_candidate(candidates, (uint8_t)id, false);
            }
        }
    }
}

static void list_candidates(const struct question *q, enum backend_id backend, enum axis axis,
                            struct candidates *candidates)
{
    const struct preference *preference = &q->request->axis[axis];

    memset(candidates, 0, sizeof(*candidates));
    if (preference->count == 0) {
        add_automatic(q, backend, axis, candidates);
    }
    for (unsigned i = 0; i < preference->count; i++) {
        uint8_t id = preference->entry[i].strategy;

        if (id == STRATEGY_AUTO) {
            add_automatic(q, backend, axis, candidates);
        } else if (id < STRATEGY_COUNT && strategy_row((enum strategy_id)id)->axis == axis
                   && strategy_usable(q, backend, (enum strategy_id)id,
                                      preference->entry[i].forced)) {
            add_candidate(candidates, id, true);
        }
    }
}

/* ---- the search ---- */

static bool traps(uint8_t id)
{
    return id != STRATEGY_NONE
           && (strategy_row((enum strategy_id)id)->flags & STRATEGY_TRAPS) != 0;
}

static bool condition_holds(const struct choice *choice, uint8_t id)
{
    if (id == STRATEGY_NONE) {
        return true;
    }
    switch (strategy_row((enum strategy_id)id)->condition) {
    case CONDITION_WITH_STARTUP_SIPI:
        return choice->strategy[AXIS_STARTUP] == STRATEGY_STARTUP_SIPI;
    case CONDITION_WITH_TRAPPING_APIC:
        return traps(choice->strategy[AXIS_APIC]);
    case CONDITION_WITH_A_STEP:
        return choice->strategy[AXIS_STEP] != STRATEGY_NONE;
    case CONDITION_ALONE:
        break;
    }
    return true;
}

static bool conditions_hold(const struct choice *choice)
{
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (!condition_holds(choice, choice->strategy[axis])) {
            return false;
        }
    }
    return true;
}

/*
 * Goes through all combinations in lexicographic order of the axes.  With gaps, every axis may also
 * be left without a strategy, as its last candidate: that always succeeds.
 */
static bool search(const struct candidates candidates[AXIS_COUNT], bool gaps,
                   struct choice *choice)
{
    unsigned at[AXIS_COUNT] = { 0 };

    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (candidates[axis].count == 0 && !gaps) {
            return false;
        }
    }
    for (;;) {
        unsigned axis = AXIS_COUNT;

        for (unsigned i = 0; i < AXIS_COUNT; i++) {
            bool gap = at[i] == candidates[i].count;

            choice->strategy[i] = gap ? STRATEGY_NONE : candidates[i].id[at[i]];
            choice->asked[i] = !gap && candidates[i].asked[at[i]];
        }
        if (conditions_hold(choice)) {
            return true;
        }
        /* Count up, the last axis first. */
        do {
            if (axis == 0) {
                return false;
            }
            axis--;
            at[axis] = (at[axis] + 1) % (candidates[axis].count + (gaps ? 1 : 0));
        } while (at[axis] == 0);
    }
}

/* True when every axis has a strategy. */
static bool choose(const struct question *q, enum backend_id backend, struct choice *choice)
{
    struct candidates candidates[AXIS_COUNT];

    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        list_candidates(q, backend, (enum axis)axis, &candidates[axis]);
    }
    if (search(candidates, false, choice)) {
        return true;
    }
    search(candidates, true, choice);
    return false;
}

/*
 * The first backend under which everything can be chosen.  Otherwise, to explain with: the one that
 * is given as otherwise; when that is BACKEND_NONE, the first that is usable at all.
 */
static enum backend_id choose_backend(const struct question *q, enum backend_id otherwise,
                                      struct choice *choice, bool *complete)
{
    *complete = false;
    memset(choice->strategy, STRATEGY_NONE, sizeof(choice->strategy));
    memset(choice->asked, 0, sizeof(choice->asked));
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        if (!backend_usable(q, (enum backend_id)i)) {
            continue;
        }
        *complete = choose(q, (enum backend_id)i, choice);
        if (*complete) {
            return (enum backend_id)i;
        }
        if (otherwise == BACKEND_NONE) {
            otherwise = (enum backend_id)i;
        }
    }
    if (otherwise != BACKEND_NONE) {
        choose(q, otherwise, choice);
    }
    return otherwise;
}

/* ---- the verdicts ---- */

static bool all_in_state(const struct capabilities *capabilities, const struct missing *missing,
                         enum capability_state state)
{
    for (unsigned i = 0; i < missing->count; i++) {
        if (capabilities->state[missing->id[i]] != state) {
            return false;
        }
    }
    return missing->count != 0;
}

/* The verdict that the capabilities alone give; VERDICT_CHOSEN when nothing is missing. */
static enum verdict verdict_of_missing(const struct capabilities *capabilities,
                                       const struct strategy_verdict *verdict)
{
    bool masked = false, broken = false, missing = false;

    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct missing *list = &verdict->missing[i];

        if (list->looked_at && list->count == 0) {
            return VERDICT_CHOSEN;
        }
        if (all_in_state(capabilities, list, CAPABILITY_MASKED)) {
            masked = true;
        } else if (all_in_state(capabilities, list, CAPABILITY_BROKEN)) {
            broken = true;
        } else if (list->count != 0) {
            missing = true;
        }
    }
    return broken ? VERDICT_BROKEN
           : masked ? VERDICT_MASKED : missing ? VERDICT_MISSING : VERDICT_CHOSEN;
}

static void judge_backend(const struct question *q, enum backend_id id, enum backend_id chosen,
                          struct strategy_verdict *verdict)
{
    enum verdict missing;

    memset(verdict, 0, sizeof(*verdict));
    verdict->built = strategy_set_has_backend(q->implemented, id);
    add_missing_of_backend(q->capabilities, backend_row(id), &verdict->missing[id]);
    leave_out_what_follows(&verdict->missing[id]);
    missing = verdict_of_missing(q->capabilities, verdict);
    verdict->verdict = (uint8_t)(missing != VERDICT_CHOSEN ? missing
                                 : !verdict->built ? VERDICT_NOT_BUILT
                                 : id == chosen ? VERDICT_CHOSEN : VERDICT_NOT_PREFERRED);
}

/*
 * Lists what a strategy lacks: under the bound backend where that has a way, otherwise under every
 * backend that has one, together with what that backend lacks.
 */
static void list_missing(const struct question *q, enum backend_id backend, enum strategy_id id,
                         struct strategy_verdict *verdict)
{
    const struct strategy_row *row = strategy_row(id);

    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        bool here = backend == i;

        if (!row->way[i].offered
            || (backend != BACKEND_NONE && row->way[backend].offered && !here)) {
            continue;
        }
        add_missing_of_way(q->capabilities, &row->way[i], &verdict->missing[i]);
        if (!here) {
            add_missing_of_backend(q->capabilities, backend_row((enum backend_id)i),
                                   &verdict->missing[i]);
        }
        leave_out_what_follows(&verdict->missing[i]);
    }
}

static bool request_names(const struct selection_request *request, enum strategy_id id)
{
    const struct preference *preference = &request->axis[strategy_row(id)->axis];

    for (unsigned i = 0; i < preference->count; i++) {
        if (preference->entry[i].strategy == id
            || preference->entry[i].strategy == STRATEGY_AUTO) {
            return true;
        }
    }
    return preference->count == 0;
}

static void judge_strategy(const struct question *q, enum backend_id backend,
                           const struct choice *choice, enum strategy_id id,
                           struct strategy_verdict *verdict)
{
    enum axis axis = strategy_row(id)->axis;
    bool failed = q->request->selftest[id] == SELFTEST_FAILED;
    enum verdict missing;

    memset(verdict, 0, sizeof(*verdict));
    verdict->built = strategy_set_has(q->implemented, id);
    verdict->ahead = rank_before(costs(q), id, choice->strategy[axis]);
    list_missing(q, backend, id, verdict);
    missing = verdict_of_missing(q->capabilities, verdict);
    if (choice->strategy[axis] == id) {
        verdict->verdict = VERDICT_CHOSEN;
        verdict->forced = failed || missing != VERDICT_CHOSEN;
    } else if (missing == VERDICT_MISSING || missing == VERDICT_MASKED) {
        verdict->verdict = (uint8_t)missing;
    } else if (!verdict->built) {
        verdict->verdict = VERDICT_NOT_BUILT;
    } else if (failed || missing == VERDICT_BROKEN) {
        verdict->verdict = VERDICT_BROKEN;
    } else if (backend == BACKEND_NONE) {
        verdict->verdict = VERDICT_NO_BACKEND;
    } else if (!strategy_row(id)->way[backend].offered) {
        verdict->verdict = VERDICT_CONDITION;
    } else if (!request_names(q->request, id)) {
        verdict->verdict = VERDICT_NOT_ASKED;
    } else if (verdict->ahead && !condition_holds(choice, (uint8_t)id)) {
        verdict->verdict = VERDICT_CONDITION;
    } else {
        verdict->verdict = VERDICT_NOT_PREFERRED;
    }
}

/* A fallback: it costs something, and a better strategy of the axis exists under this backend. */
static bool is_fallback(const struct question *q, enum backend_id backend, enum axis axis,
                        uint8_t id)
{
    const struct strategy_row *row;

    if (id == STRATEGY_NONE) {
        return false;
    }
    row = strategy_row((enum strategy_id)id);
    if (row->lost == NULL || (row->lost_with != CAPABILITY_NONE
                              && !capability_has(q->capabilities, row->lost_with))) {
        return false;
    }
    for (unsigned i = 0; i < axis_row(axis)->count; i++) {
        enum strategy_id better = (enum strategy_id)(axis_row(axis)->first + i);

        /* What could not be measured here would be better by the documents. */
        if (strategy_row(better)->way[backend].offered
            && (rank_before(costs(q), better, id)
                || (better < id && !q->request->cost[better].measured))) {
            return true;
        }
    }
    return false;
}

static bool only_named(const struct preference *preference)
{
    for (unsigned i = 0; i < preference->count; i++) {
        if (preference->entry[i].strategy == STRATEGY_AUTO) {
            return false;
        }
    }
    return preference->count != 0;
}

static void describe_axis(const struct question *q, enum axis axis, const struct choice *choice,
                          struct selection *out)
{
    struct axis_selection *selection = &out->axis[axis];
    uint8_t id = choice->strategy[axis];

    selection->chosen = id;
    selection->asked = choice->asked[axis];
    selection->refused = id == STRATEGY_NONE && only_named(&q->request->axis[axis]);
    if (id != STRATEGY_NONE) {
        const struct strategy_row *row = strategy_row((enum strategy_id)id);
        bool counts = row->lost_with == CAPABILITY_NONE
                      || capability_has(q->capabilities, row->lost_with);

        selection->lost = counts ? row->lost : NULL;
        selection->forced = out->strategy[id].forced;
        selection->verified = strategy_verified(q->request, (enum strategy_id)id);
        selection->fallback = is_fallback(q, (enum backend_id)out->backend, axis, id);
        out->fallbacks += selection->fallback;
    }
}

/* What auto would take on every axis, and whether the machine would run with it. */
static enum backend_id choose_automatically(const struct question *q, struct selection *out,
                                            bool *complete)
{
    struct selection_request automatic = *q->request;
    struct question question = *q;
    struct choice choice;
    enum backend_id backend;

    memset(automatic.axis, 0, sizeof(automatic.axis));
    question.request = &automatic;
    backend = choose_backend(&question, BACKEND_NONE, &choice, complete);
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        out->axis[axis].automatic = choice.strategy[axis];
    }
    return backend;
}

void select_strategies(const struct capabilities *capabilities,
                       const struct selection_request *request,
                       struct strategy_set implemented, struct selection *out)
{
    const struct question q = { capabilities, request, implemented };
    enum backend_id automatic;
    struct choice choice;
    bool complete, automatic_runs;

    memset(out, 0, sizeof(*out));
    automatic = choose_automatically(&q, out, &automatic_runs);
    out->backend = (uint8_t)choose_backend(&q, automatic, &choice, &complete);
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        judge_backend(&q, (enum backend_id)i, (enum backend_id)out->backend, &out->backends[i]);
    }
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        judge_strategy(&q, (enum backend_id)out->backend, &choice, (enum strategy_id)i,
                       &out->strategy[i]);
    }
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        describe_axis(&q, (enum axis)axis, &choice, out);
    }
    if (complete) {
        out->outcome = out->fallbacks != 0 ? OUTCOME_DEGRADED : OUTCOME_RUNS;
    } else {
        out->outcome = automatic_runs ? OUTCOME_REFUSED : OUTCOME_CANNOT_RUN;
    }
}

/* ---- self-tests ---- */

bool strategy_is_bindable(const struct capabilities *capabilities, struct strategy_set implemented,
                          enum backend_id backend, enum strategy_id id)
{
    return strategy_set_has_backend(implemented, backend) && strategy_set_has(implemented, id)
           && way_met(capabilities, &backend_row(backend)->needs, false)
           && way_met(capabilities, &strategy_row(id)->way[backend], false);
}

void selection_mark_selftest(struct capabilities *capabilities, enum backend_id backend,
                             enum strategy_id id, enum selftest_verdict verdict)
{
    const struct strategy_row *row = strategy_row(id);
    const uint16_t *needs = row->way[backend].needs;

    if (verdict == SELFTEST_PASSED) {
        for (unsigned i = 0; i < STRATEGY_NEEDS_MAX && needs[i] != CAPABILITY_NONE; i++) {
            capability_mark_verified(capabilities, (enum capability_id)needs[i]);
        }
    } else if (verdict == SELFTEST_FAILED && (row->flags & STRATEGY_BREAKS) != 0) {
        capability_mark_broken(capabilities, (enum capability_id)needs[0]);
    }
}

void selection_mark_forced(const struct selection *selection, struct capabilities *capabilities)
{
    if (selection->backend == BACKEND_NONE) {
        return;
    }
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        const uint16_t *needs;

        if (!selection->axis[axis].forced) {
            continue;
        }
        needs = strategy_row((enum strategy_id)selection->axis[axis].chosen)
                    ->way[selection->backend].needs;
        for (unsigned i = 0; i < STRATEGY_NEEDS_MAX && needs[i] != CAPABILITY_NONE; i++) {
            capability_mark_forced(capabilities, (enum capability_id)needs[i]);
        }
    }
}
