/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selection over all subsets of the capabilities that any strategy needs.
 *
 * The needs are written here a second time, from the design and not from strategies.def.  Eleven
 * independent bits remain when capabilities that every strategy needs together are one group; a
 * separate test shows that each group's members are indeed alike.  2^13 subsets (with the two
 * backends) times every request are gone through, and checked to be total, deterministic, monotone
 * and never to take a strategy whose needs are not met.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

/* ---- the second table of needs ---- */

enum group {
    GROUP_VMX, GROUP_SVM, GROUP_SIPI, GROUP_APICV, GROUP_ACCESSES, GROUP_X2APIC, GROUP_BITMAPS,
    GROUP_X2VIRT, GROUP_MTF, GROUP_VNMI, GROUP_WINDOW, GROUP_SVM_VNMI, GROUPS
};

#define GROUP_MEMBERS  10

static const enum capability_id members[GROUPS][GROUP_MEMBERS] = {
    [GROUP_VMX] = {
        CAPABILITY_VMX, CAPABILITY_VMX_USABLE, CAPABILITY_VMX_SECONDARY_CONTROLS,
        CAPABILITY_VMX_EPT, CAPABILITY_VMX_EPT_WALK_4, CAPABILITY_VMX_EPT_WRITE_BACK,
        CAPABILITY_VMX_UNRESTRICTED_GUEST, CAPABILITY_VMX_EXIT_HOST_ADDRESS_SPACE_SIZE,
        CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST,
    },
    [GROUP_SVM]      = { CAPABILITY_SVM, CAPABILITY_SVM_USABLE, CAPABILITY_SVM_NP },
    [GROUP_SIPI]     = { CAPABILITY_VMX_ACTIVITY_WAIT_FOR_SIPI },
    [GROUP_APICV]    = {
        CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION, CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY,
        CAPABILITY_VMX_TPR_SHADOW, CAPABILITY_VMX_EXTERNAL_INTERRUPT_EXITING,
    },
    [GROUP_ACCESSES] = { CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES },
    [GROUP_X2APIC]   = { CAPABILITY_X2APIC },
    [GROUP_BITMAPS]  = { CAPABILITY_VMX_MSR_BITMAPS },
    [GROUP_X2VIRT]   = { CAPABILITY_VMX_VIRTUALIZE_X2APIC },
    [GROUP_MTF]      = { CAPABILITY_VMX_MONITOR_TRAP_FLAG },
    [GROUP_VNMI]     = { CAPABILITY_VMX_VIRTUAL_NMIS, CAPABILITY_VMX_NMI_EXITING },
    [GROUP_WINDOW]   = { CAPABILITY_VMX_NMI_WINDOW_EXITING },
    [GROUP_SVM_VNMI] = { CAPABILITY_SVM_VNMI },
};

#define BIT(group)  (UINT32_C(1) << (group))
#define SUBSETS     (UINT32_C(1) << GROUPS)

/* Long mode is there in all subsets but those of its own test: without it no image runs at all. */
static void subset(uint32_t groups, struct capabilities *capabilities)
{
    memset(capabilities, 0, sizeof(*capabilities));
    capabilities->state[CAPABILITY_LONG_MODE] = CAPABILITY_ADVERTISED;
    for (unsigned group = 0; group < GROUPS; group++) {
        for (unsigned i = 0; i < GROUP_MEMBERS && members[group][i] != CAPABILITY_NONE; i++) {
            capabilities->state[members[group][i]] =
                (groups & BIT(group)) != 0 ? CAPABILITY_ADVERTISED : CAPABILITY_ABSENT;
        }
    }
}

/* Whether a strategy's own needs are met under a backend. */
static bool needs_met(uint32_t groups, enum backend_id backend, enum strategy_id id)
{
    bool vmx = backend == BACKEND_VMX;
    uint32_t needs = 0;

    switch (id) {
    case STRATEGY_STARTUP_SIPI:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_SIPI);
        break;
    case STRATEGY_APIC_PASSTHROUGH:
        return vmx;
    case STRATEGY_APIC_APICV:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_APICV) | BIT(GROUP_ACCESSES);
        break;
    case STRATEGY_X2APIC_PASSTHROUGH:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_X2APIC) | BIT(GROUP_BITMAPS);
        break;
    case STRATEGY_X2APIC_MSR:
        needs = BIT(GROUP_X2APIC) | (vmx ? BIT(GROUP_BITMAPS) : 0);
        break;
    case STRATEGY_X2APIC_APICV:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_X2APIC) | BIT(GROUP_BITMAPS) | BIT(GROUP_APICV) | BIT(GROUP_X2VIRT);
        break;
    case STRATEGY_STEP_MTF:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_MTF);
        break;
    case STRATEGY_NMI_VNMI:
        needs = vmx ? BIT(GROUP_VNMI) | BIT(GROUP_WINDOW) : BIT(GROUP_SVM_VNMI);
        break;
    case STRATEGY_NMI_POLL:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_VNMI);
        break;
    case STRATEGY_NMI_IRET:
        return !vmx;
    default:                    /* icr, decode, page, hide, dbstep: the backend is enough */
        break;
    }
    return (groups & needs) == needs;
}

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

static bool runs(const struct selection *selection)
{
    return selection->outcome == OUTCOME_RUNS || selection->outcome == OUTCOME_DEGRADED;
}

/* The outcome says what the axes say, and every verdict has its reason. */
static void check_outcome(const struct capabilities *capabilities,
                          const struct selection_request *request,
                          const struct selection *selection)
{
    bool complete = true, refused = false, fallback = false;
    char text[SELECTION_SENTENCE_MAX];

    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        complete = complete && selection->axis[axis].chosen != STRATEGY_NONE;
        refused = refused || selection->axis[axis].refused;
        fallback = fallback || selection->axis[axis].fallback;
    }
    assert_int_equal(runs(selection), complete);
    assert_int_equal(selection->outcome == OUTCOME_DEGRADED, complete && fallback);
    if (selection->outcome == OUTCOME_REFUSED) {
        assert_true(refused);
    }
    selection_format_outcome(selection, capabilities, request, text, sizeof(text));
    assert_non_null(memchr(text, '\0', sizeof(text)));
    assert_int_equal(text[0] != '\0', selection->outcome != OUTCOME_RUNS);
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        int length = selection_format_reason(selection, capabilities, (enum strategy_id)i, text,
                                             sizeof(text));

        assert_in_range(length, 5, sizeof(text) - 1);
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
    results[groups].runs = runs(selection);
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
            expected[AXIS_NMI] = has[GROUP_SVM_VNMI] ? STRATEGY_NMI_VNMI : STRATEGY_NMI_IRET;
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
        for (unsigned i = 0; i < GROUP_MEMBERS && members[group][i] != CAPABILITY_NONE; i++) {
            for (uint32_t groups = 0; groups < SUBSETS; groups++) {
                if ((groups & BIT(group)) == 0) {
                    continue;
                }
                subset(groups, &capabilities);
                capabilities.state[members[group][i]] = CAPABILITY_ABSENT;
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
            known[members[group][i]] = true;
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

/* ---- random requests, states and images ---- */

static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

static void random_request(struct selection_request *request)
{
    memset(request, 0, sizeof(*request));
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        const struct axis_row *row = axis_row((enum axis)axis);
        struct preference *preference = &request->axis[axis];

        preference->count = chance(2) != 0 ? 0 : (uint8_t)chance(PREFERENCE_MAX + 1);
        for (unsigned i = 0; i < preference->count; i++) {
            preference->entry[i].strategy = chance(6) == 0 ? STRATEGY_AUTO
                                            : (uint8_t)(row->first + chance(row->count));
            preference->entry[i].forced = chance(3) == 0;
        }
    }
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        request->selftest[i] = (uint8_t)chance(3);
    }
}

static void random_states(struct capabilities *capabilities)
{
    subset(chance(SUBSETS), capabilities);
    for (unsigned id = 1; id < CAPABILITY_COUNT; id++) {
        if (capabilities->state[id] == CAPABILITY_ADVERTISED && chance(8) == 0) {
            static const uint8_t states[] = { CAPABILITY_VERIFIED, CAPABILITY_BROKEN,
                                              CAPABILITY_FORCED, CAPABILITY_MASKED };

            capabilities->state[id] = states[chance(4)];
        }
    }
}

static bool forced_by(const struct preference *preference, uint8_t id)
{
    for (unsigned i = 0; i < preference->count; i++) {
        if (preference->entry[i].strategy == id && preference->entry[i].forced) {
            return true;
        }
    }
    return false;
}

static bool named_by(const struct preference *preference, uint8_t id)
{
    for (unsigned i = 0; i < preference->count; i++) {
        if (preference->entry[i].strategy == id
            || preference->entry[i].strategy == STRATEGY_AUTO) {
            return true;
        }
    }
    return preference->count == 0;
}

static void anything_gets_an_answer(void **state)
{
    struct selection_request request;
    struct capabilities capabilities;
    struct selection selection, again;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct strategy_set implemented = { chance(UINT32_C(1) << STRATEGY_COUNT), chance(4) };

        random_request(&request);
        random_states(&capabilities);
        memset(&selection, 0, sizeof(selection));
        memset(&again, 0xff, sizeof(again));
        select_strategies(&capabilities, &request, implemented, &selection);
        select_strategies(&capabilities, &request, implemented, &again);
        assert_memory_equal(&selection, &again, sizeof(selection));
        check_outcome(&capabilities, &request, &selection);
        for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
            uint8_t id = selection.axis[axis].chosen;
            bool broken;

            if (id == STRATEGY_NONE) {
                continue;
            }
            assert_true(named_by(&request.axis[axis], id));
            assert_true(strategy_set_has(implemented, (enum strategy_id)id));
            broken = request.selftest[id] == SELFTEST_FAILED
                     || selection.strategy[id].missing[selection.backend].count != 0;
            assert_int_equal(selection.axis[axis].forced, broken);
            if (broken) {
                assert_true(forced_by(&request.axis[axis], id));
            }
            for (unsigned i = 0; i < selection.strategy[id].missing[selection.backend].count;
                 i++) {
                uint16_t missing = selection.strategy[id].missing[selection.backend].id[i];

                assert_int_equal(capabilities.state[missing], CAPABILITY_BROKEN);
            }
        }
    }
}

/* A request that names strategies of another axis, or none at all, is not trusted. */
static void a_request_that_makes_no_sense(void **state)
{
    struct selection_request request;
    struct capabilities capabilities;
    struct selection selection;

    (void)state;
    subset(SUBSETS - 1, &capabilities);
    request = request_of(STRATEGY_STEP_MTF, false);
    request.axis[AXIS_STEP].entry[0].strategy = STRATEGY_APIC_PAGE;
    select_strategies(&capabilities, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_NONE);
    assert_int_equal(selection.outcome, OUTCOME_REFUSED);
    request.axis[AXIS_STEP].entry[0].strategy = STRATEGY_NONE;
    select_strategies(&capabilities, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_NONE);
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
        cmocka_unit_test(anything_gets_an_answer),
        cmocka_unit_test(a_request_that_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
