/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selection over all subsets of the capabilities that any strategy needs.
 *
 * Strategies and backends need 26 capabilities (and long mode).  Those that are only ever needed
 * together are one group (select_subsets.h), which leaves 12 independent bits; one test shows that
 * the members of a group are indeed alike, in every subset of the others.  All 2^12 subsets are
 * gone through for auto, for each name alone, for images that lack a strategy, for failed tests,
 * and checked to be total, monotone, explained, and never to take a strategy whose needs are not
 * met.  test_select_random.c has determinism and mixed requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "select_subsets.h"

static bool is_trapping(uint8_t id)
{
    return id == STRATEGY_APIC_APICV || id == STRATEGY_APIC_DECODE || id == STRATEGY_APIC_PAGE;
}

/* Nothing that was chosen may lack a need, or stand without what it needs on another axis. */
static void check_chosen(uint32_t groups, struct strategy_set implemented,
                         const struct selection_request *request,
                         const struct selection *selection)
{
    if (selection->backend == BACKEND_NONE) {
        for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
            assert_int_equal(selection->axis[axis].chosen, STRATEGY_NONE);
        }
        return;
    }
    assert_true(groups & BIT(selection->backend == BACKEND_VMX ? GROUP_VMX : GROUP_SVM));
    assert_true(strategy_set_has_backend(implemented, (enum backend_id)selection->backend));
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        uint8_t id = selection->axis[axis].chosen;

        if (id == STRATEGY_NONE) {
            continue;
        }
        assert_int_equal(strategy_row((enum strategy_id)id)->axis, axis);
        assert_true(needs_met(groups, (enum backend_id)selection->backend,
                              (enum strategy_id)id));
        assert_true(strategy_set_has(implemented, (enum strategy_id)id));
        assert_int_not_equal(request->selftest[id], SELFTEST_FAILED);
        assert_int_equal(selection->strategy[id].verdict, VERDICT_CHOSEN);
        assert_false(selection->axis[axis].forced);
    }
    if (selection->axis[AXIS_APIC].chosen == STRATEGY_APIC_PASSTHROUGH
        || selection->axis[AXIS_X2APIC].chosen == STRATEGY_X2APIC_PASSTHROUGH) {
        assert_int_equal(selection->axis[AXIS_STARTUP].chosen, STRATEGY_STARTUP_SIPI);
    }
    if (selection->axis[AXIS_STARTUP].chosen == STRATEGY_STARTUP_ICR) {
        assert_true(is_trapping(selection->axis[AXIS_APIC].chosen));
    }
    if (selection->axis[AXIS_APIC].chosen == STRATEGY_APIC_PAGE) {
        assert_int_not_equal(selection->axis[AXIS_STEP].chosen, STRATEGY_NONE);
    }
}

/* Every strategy that was not taken says why, and truly. */
static void check_verdicts(uint32_t groups, struct strategy_set implemented,
                           const struct selection *selection)
{
    if (selection->backend == BACKEND_NONE) {
        return;
    }
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        enum strategy_id id = (enum strategy_id)i;
        bool met = needs_met(groups, (enum backend_id)selection->backend, id);
        uint8_t verdict = selection->strategy[i].verdict;
        enum backend_id other = selection->backend == BACKEND_VMX ? BACKEND_SVM : BACKEND_VMX;

        /* Where both backends could be used, a way of the other one is not missing anything. */
        if (!met && !strategy_row(id)->way[selection->backend].offered
            && (groups & BIT(other == BACKEND_VMX ? GROUP_VMX : GROUP_SVM)) != 0
            && needs_met(groups, other, id)) {
            assert_true(verdict == VERDICT_CONDITION || verdict == VERDICT_NOT_BUILT
                        || verdict == VERDICT_BROKEN);
            continue;
        }
        assert_int_equal(verdict == VERDICT_MISSING, !met);
        assert_int_equal(verdict == VERDICT_NOT_BUILT, met && !strategy_set_has(implemented, id));
    }
}

/* What is kept of a selection for comparing it with others. */
struct kept {
    bool runs;
    uint8_t backend;
    uint8_t chosen[AXIS_COUNT];
};

static struct kept results[SUBSETS];

static void keep(uint32_t groups, const struct selection *selection)
{
    results[groups].runs = selection_runs(selection);
    results[groups].backend = selection->backend;
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        results[groups].chosen[axis] = selection->axis[axis].chosen;
    }
}

/* One capability group more: never worse.  Worse is larger: STRATEGY_NONE is the largest. */
static void check_monotone(void)
{
    for (uint32_t groups = 0; groups < SUBSETS; groups++) {
        for (unsigned group = 0; group < GROUPS; group++) {
            const struct kept *less = &results[groups], *more = &results[groups | BIT(group)];

            if (less->runs && !more->runs) {
                fail_msg("subset 0x%x runs, with group %u more it does not", (unsigned)groups,
                         group);
            }
            if (less->backend != more->backend) {
                continue;
            }
            for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
                if (more->chosen[axis] > less->chosen[axis]) {
                    fail_msg("subset 0x%x, group %u more: axis %u falls from %u to %u",
                             (unsigned)groups, group, axis, less->chosen[axis],
                             more->chosen[axis]);
                }
            }
        }
    }
}

static void go_through_all(const struct selection_request *request,
                           struct strategy_set implemented, bool texts)
{
    struct capabilities capabilities;
    struct selection selection;

    for (uint32_t groups = 0; groups < SUBSETS; groups++) {
        subset(groups, &capabilities);
        memset(&selection, 0xa5, sizeof(selection));
        select_strategies(&capabilities, request, implemented, &selection);
        check_chosen(groups, implemented, request, &selection);
        check_verdicts(groups, implemented, &selection);
        if (texts) {
            check_outcome(&capabilities, request, &selection);
        }
        keep(groups, &selection);
    }
    check_monotone();
}

/* ---- tests ---- */

static void all_subsets_automatic(void **state)
{
    struct selection_request request;

    (void)state;
    memset(&request, 0, sizeof(request));
    go_through_all(&request, everything_built(), true);
}

static void all_subsets_each_name_alone(void **state)
{
    (void)state;
    for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
        struct selection_request request = request_of((enum strategy_id)id, (id & 1) != 0);
        struct selection selection;
        struct capabilities capabilities;

        go_through_all(&request, everything_built(), false);
        /* A name alone is taken or refused, never replaced. */
        for (uint32_t groups = 0; groups < SUBSETS; groups++) {
            uint8_t chosen = results[groups].chosen[strategy_row((enum strategy_id)id)->axis];

            assert_true(chosen == id || chosen == STRATEGY_NONE);
        }
        for (uint32_t groups = 0; groups < SUBSETS; groups += 37) {
            subset(groups, &capabilities);
            select_strategies(&capabilities, &request, everything_built(), &selection);
            check_outcome(&capabilities, &request, &selection);
        }
    }
}

/* An image that lacks one strategy, or has only what the first one has. */
static void all_subsets_of_partial_images(void **state)
{
    struct strategy_set first = { 0 };
    struct selection_request request;

    (void)state;
    memset(&request, 0, sizeof(request));
    for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
        struct strategy_set implemented = everything_built();

        implemented.strategies &= ~(UINT32_C(1) << id);
        go_through_all(&request, implemented, false);
    }
    strategy_set_add_backend(&first, BACKEND_SVM);
    strategy_set_add(&first, STRATEGY_STARTUP_ICR);
    strategy_set_add(&first, STRATEGY_APIC_PAGE);
    strategy_set_add(&first, STRATEGY_X2APIC_HIDE);
    strategy_set_add(&first, STRATEGY_STEP_DBSTEP);
    strategy_set_add(&first, STRATEGY_NMI_IRET);
    go_through_all(&request, first, true);
    for (uint32_t groups = 0; groups < SUBSETS; groups++) {
        assert_int_equal(results[groups].runs, (groups & BIT(GROUP_SVM)) != 0);
    }
}

/* Self-tests: one failed after the other, the others passed. */
static void all_subsets_with_a_failed_selftest(void **state)
{
    (void)state;
    for (unsigned failed = 0; failed < STRATEGY_COUNT; failed++) {
        struct selection_request request;

        memset(&request, 0, sizeof(request));
        memset(request.selftest, SELFTEST_PASSED, sizeof(request.selftest));
        request.selftest[failed] = SELFTEST_FAILED;
        go_through_all(&request, everything_built(), false);
        for (uint32_t groups = 0; groups < SUBSETS; groups++) {
            for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
                assert_int_not_equal(results[groups].chosen[axis], failed);
            }
        }
    }
}

/* What auto takes when everything is built, written out as the design's table reads. */
static void automatic_is_the_table_of_the_design(void **state)
{
    struct selection_request request;

    (void)state;
    memset(&request, 0, sizeof(request));
    go_through_all(&request, everything_built(), false);
    for (uint32_t groups = 0; groups < SUBSETS; groups++) {
        bool has[GROUPS];
        uint8_t expected[AXIS_COUNT];
        enum backend_id backend = BACKEND_NONE;

        for (unsigned i = 0; i < GROUPS; i++) {
            has[i] = (groups & BIT(i)) != 0;
        }
        if (has[GROUP_VMX] && (has[GROUP_VNMI] || !has[GROUP_SVM])) {
            backend = BACKEND_VMX;
        } else if (has[GROUP_SVM]) {
            backend = BACKEND_SVM;
        }
        assert_int_equal(results[groups].backend, backend);
        if (backend == BACKEND_VMX) {
            bool apicv = has[GROUP_APICV];

            expected[AXIS_STARTUP] = has[GROUP_SIPI] ? STRATEGY_STARTUP_SIPI
                                                     : STRATEGY_STARTUP_ICR;
            expected[AXIS_APIC] = has[GROUP_SIPI] ? STRATEGY_APIC_PASSTHROUGH
                                  : apicv && has[GROUP_ACCESSES] ? STRATEGY_APIC_APICV
                                                                 : STRATEGY_APIC_DECODE;
            expected[AXIS_X2APIC] = !has[GROUP_X2APIC] || !has[GROUP_BITMAPS]
                                    ? STRATEGY_X2APIC_HIDE
                                    : has[GROUP_SIPI] ? STRATEGY_X2APIC_PASSTHROUGH
                                                      : STRATEGY_X2APIC_MSR;
            expected[AXIS_STEP] = has[GROUP_MTF] ? STRATEGY_STEP_MTF : STRATEGY_STEP_DBSTEP;
            expected[AXIS_NMI] = !has[GROUP_VNMI] ? STRATEGY_NONE
                                 : has[GROUP_WINDOW] ? STRATEGY_NMI_VNMI : STRATEGY_NMI_POLL;
        } else if (backend == BACKEND_SVM) {
            expected[AXIS_STARTUP] = STRATEGY_STARTUP_ICR;
            expected[AXIS_APIC] = STRATEGY_APIC_DECODE;
            expected[AXIS_X2APIC] = has[GROUP_X2APIC] ? STRATEGY_X2APIC_MSR
                                                      : STRATEGY_X2APIC_HIDE;
            expected[AXIS_STEP] = STRATEGY_STEP_DBSTEP;
            expected[AXIS_NMI] = STRATEGY_NMI_IRET;
        } else {
            memset(expected, STRATEGY_NONE, sizeof(expected));
        }
        assert_memory_equal(results[groups].chosen, expected, sizeof(expected));
    }
}

/* One member missing is the same as the whole group missing, in every subset of the others. */
static void members_of_a_group_are_alike(void **state)
{
    struct selection_request request;
    struct capabilities capabilities;
    struct selection selection;

    (void)state;
    memset(&request, 0, sizeof(request));
    go_through_all(&request, everything_built(), false);
    for (unsigned group = 0; group < GROUPS; group++) {
        for (unsigned i = 0; i < GROUP_MEMBERS && group_members[group][i] != CAPABILITY_NONE; i++) {
            for (uint32_t groups = 0; groups < SUBSETS; groups++) {
                if ((groups & BIT(group)) == 0) {
                    continue;
                }
                subset(groups, &capabilities);
                capabilities.state[group_members[group][i]] = CAPABILITY_ABSENT;
                select_strategies(&capabilities, &request, everything_built(), &selection);
                for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
                    assert_int_equal(selection.axis[axis].chosen,
                                     results[groups & ~BIT(group)].chosen[axis]);
                }
            }
        }
    }
}

/* Everything that strategies.def names is in a group above: no need can hide from these tests. */
static void every_need_is_in_a_group(void **state)
{
    bool known[CAPABILITY_COUNT] = { [CAPABILITY_LONG_MODE] = true };

    (void)state;
    for (unsigned group = 0; group < GROUPS; group++) {
        for (unsigned i = 0; i < GROUP_MEMBERS; i++) {
            known[group_members[group][i]] = true;
        }
    }
    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        for (unsigned i = 0; i < STRATEGY_NEEDS_MAX; i++) {
            assert_true(known[backend_row((enum backend_id)backend)->needs.needs[i]]);
        }
        for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
            for (unsigned i = 0; i < STRATEGY_NEEDS_MAX; i++) {
                assert_true(known[strategy_row((enum strategy_id)id)->way[backend].needs[i]]);
            }
        }
    }
}

static void without_long_mode_nothing_runs(void **state)
{
    struct selection_request request;
    struct capabilities capabilities;
    struct selection selection;

    (void)state;
    memset(&request, 0, sizeof(request));
    for (uint32_t groups = 0; groups < SUBSETS; groups += 3) {
        subset(groups, &capabilities);
        capabilities.state[CAPABILITY_LONG_MODE] = CAPABILITY_ABSENT;
        select_strategies(&capabilities, &request, everything_built(), &selection);
        assert_int_equal(selection.outcome, OUTCOME_CANNOT_RUN);
        assert_int_equal(selection.backend, BACKEND_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_need_is_in_a_group),
        cmocka_unit_test(all_subsets_automatic),
        cmocka_unit_test(all_subsets_each_name_alone),
        cmocka_unit_test(all_subsets_of_partial_images),
        cmocka_unit_test(all_subsets_with_a_failed_selftest),
        cmocka_unit_test(automatic_is_the_table_of_the_design),
        cmocka_unit_test(members_of_a_group_are_alike),
        cmocka_unit_test(without_long_mode_nothing_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
