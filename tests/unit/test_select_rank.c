/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order that measurements give an axis, and selection by it: exits first, clear differences of
 * ticks second, the documented order otherwise; total, deterministic and monotone whatever the
 * figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot/cmdline.h"
#include "select_subsets.h"

static uint32_t seed = 7;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

static struct strategy_cost cost(uint32_t exits, uint64_t ticks)
{
    return (struct strategy_cost){ .measured = true, .exits = exits, .ticks = ticks };
}

static enum strategy_id best_of(enum axis axis, const struct strategy_cost *costs)
{
    uint8_t order[AXIS_STRATEGIES_MAX];

    rank_axis(axis, costs, order);
    return (enum strategy_id)order[0];
}

static void an_axis_fits(void **state)
{
    (void)state;
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        assert_in_range(axis_row((enum axis)axis)->count, 1, AXIS_STRATEGIES_MAX);
    }
}

static void without_figures_the_order_is_the_documented_one(void **state)
{
    struct strategy_cost none[STRATEGY_COUNT] = { { 0 } };
    uint8_t order[AXIS_STRATEGIES_MAX];

    (void)state;
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        for (unsigned given = 0; given < 2; given++) {
            rank_axis((enum axis)axis, given != 0 ? none : NULL, order);
            for (unsigned i = 0; i < axis_row((enum axis)axis)->count; i++) {
                assert_int_equal(order[i], axis_row((enum axis)axis)->first + i);
            }
        }
    }
}

static void exits_decide_first(void **state)
{
    struct strategy_cost costs[STRATEGY_COUNT] = { { 0 } };

    (void)state;
    costs[STRATEGY_STEP_MTF] = cost(2, 1);
    costs[STRATEGY_STEP_DBSTEP] = cost(1, 1000000);
    assert_int_equal(best_of(AXIS_STEP, costs), STRATEGY_STEP_DBSTEP);
    costs[STRATEGY_STEP_DBSTEP] = cost(3, 0);
    assert_int_equal(best_of(AXIS_STEP, costs), STRATEGY_STEP_MTF);
}

static void ticks_decide_when_the_difference_is_clear(void **state)
{
    struct strategy_cost costs[STRATEGY_COUNT] = { { 0 } };

    (void)state;
    costs[STRATEGY_STEP_MTF] = cost(1, 1000);
    costs[STRATEGY_STEP_DBSTEP] = cost(1, 500);
    assert_int_equal(best_of(AXIS_STEP, costs), STRATEGY_STEP_MTF);
    costs[STRATEGY_STEP_DBSTEP] = cost(1, 499);
    assert_int_equal(best_of(AXIS_STEP, costs), STRATEGY_STEP_DBSTEP);
    /* The other way round nothing needs to be clear: the documents agree. */
    costs[STRATEGY_STEP_DBSTEP] = cost(1, 1001);
    assert_int_equal(best_of(AXIS_STEP, costs), STRATEGY_STEP_MTF);
    costs[STRATEGY_STEP_MTF] = cost(1, UINT64_MAX);
    costs[STRATEGY_STEP_DBSTEP] = cost(1, UINT64_MAX - 1);
    assert_int_equal(best_of(AXIS_STEP, costs), STRATEGY_STEP_MTF);
}

/* Nothing to test costs nothing, and ticks cannot speak against it. */
static void passthrough_costs_no_exits(void **state)
{
    struct strategy_cost costs[STRATEGY_COUNT] = { { 0 } };
    uint8_t order[AXIS_STRATEGIES_MAX];

    (void)state;
    costs[STRATEGY_APIC_APICV] = cost(0, 1);
    costs[STRATEGY_APIC_DECODE] = cost(1, 100);
    costs[STRATEGY_APIC_PAGE] = cost(2, 10);
    rank_axis(AXIS_APIC, costs, order);
    assert_int_equal(order[0], STRATEGY_APIC_PASSTHROUGH);
    assert_int_equal(order[1], STRATEGY_APIC_APICV);
    assert_int_equal(order[2], STRATEGY_APIC_DECODE);
    assert_int_equal(order[3], STRATEGY_APIC_PAGE);
}

/* What was not measured has nothing to show for itself. */
static void the_unmeasured_come_last(void **state)
{
    struct strategy_cost costs[STRATEGY_COUNT] = { { 0 } };
    uint8_t order[AXIS_STRATEGIES_MAX];

    (void)state;
    costs[STRATEGY_APIC_PAGE] = cost(2, 10);
    rank_axis(AXIS_APIC, costs, order);
    assert_int_equal(order[0], STRATEGY_APIC_PASSTHROUGH);
    assert_int_equal(order[1], STRATEGY_APIC_PAGE);
    assert_int_equal(order[2], STRATEGY_APIC_APICV);
    assert_int_equal(order[3], STRATEGY_APIC_DECODE);
}

/* x2apic=hide has no exits because it has no x2APIC. */
static void what_is_not_comparable_stays(void **state)
{
    struct strategy_cost costs[STRATEGY_COUNT] = { { 0 } };

    (void)state;
    costs[STRATEGY_X2APIC_MSR] = cost(1, 100);
    costs[STRATEGY_X2APIC_HIDE] = cost(0, 0);
    assert_int_equal(best_of(AXIS_X2APIC, costs), STRATEGY_X2APIC_PASSTHROUGH);
    costs[STRATEGY_STARTUP_ICR] = cost(0, 0);
    costs[STRATEGY_STARTUP_SIPI] = cost(9, 9);
    assert_int_equal(best_of(AXIS_STARTUP, costs), STRATEGY_STARTUP_SIPI);
}

static void random_costs(struct strategy_cost costs[STRATEGY_COUNT])
{
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        costs[i] = chance(4) == 0 ? (struct strategy_cost){ 0 } : cost(chance(3), chance(40));
    }
}

static void the_order_is_total(void **state)
{
    struct strategy_cost costs[STRATEGY_COUNT];

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        enum axis axis = (enum axis)chance(AXIS_COUNT);
        const struct axis_row *row = axis_row(axis);
        uint8_t order[AXIS_STRATEGIES_MAX], again[AXIS_STRATEGIES_MAX];
        uint32_t seen = 0;

        random_costs(costs);
        rank_axis(axis, costs, order);
        rank_axis(axis, costs, again);
        assert_memory_equal(order, again, row->count);
        for (unsigned i = 0; i < row->count; i++) {
            assert_in_range(order[i], row->first, row->first + row->count - 1);
            seen |= UINT32_C(1) << order[i];
            assert_true(rank_before(costs, (enum strategy_id)order[i], STRATEGY_NONE));
            for (unsigned j = 0; j < row->count; j++) {
                assert_int_equal(rank_before(costs, (enum strategy_id)order[i], order[j]), i < j);
            }
        }
        assert_int_equal(__builtin_popcount(seen), row->count);
    }
}

static unsigned rank_in(const struct strategy_cost *costs, enum axis axis, uint8_t id)
{
    uint8_t order[AXIS_STRATEGIES_MAX];
    unsigned rank = 0;

    if (id == STRATEGY_NONE) {
        return AXIS_STRATEGIES_MAX;
    }
    rank_axis(axis, costs, order);
    while (order[rank] != id) {
        rank++;
    }
    return rank;
}

/* Strategies that do not serve the guest alike keep the documented order, whatever was measured. */
static void other_axes_keep_the_documented_order(void **state)
{
    static const enum axis axes[] = { AXIS_STARTUP, AXIS_X2APIC, AXIS_NMI };
    struct strategy_cost costs[STRATEGY_COUNT];
    uint8_t order[AXIS_STRATEGIES_MAX];

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        random_costs(costs);
        for (unsigned k = 0; k < sizeof(axes) / sizeof(axes[0]); k++) {
            rank_axis(axes[k], costs, order);
            for (unsigned i = 0; i < axis_row(axes[k])->count; i++) {
                assert_int_equal(order[i], axis_row(axes[k])->first + i);
            }
        }
    }
    assert_non_null(rank_operation(AXIS_X2APIC));
    assert_true(rank_is_measured(AXIS_APIC) && rank_is_measured(AXIS_STEP));
}

/* A group of capabilities more never makes an axis take what is ranked lower. */
static void selection_is_monotone(void **state)
{
    static struct selection less, more;
    struct selection_request request = { .rank_static = false };

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t groups = chance(SUBSETS);
        struct capabilities capabilities;

        random_costs(request.cost);
        subset(groups, &capabilities);
        select_strategies(&capabilities, &request, everything_built(), &less);
        check_outcome(&capabilities, &request, &less);
        subset(groups | BIT(chance(GROUPS)), &capabilities);
        select_strategies(&capabilities, &request, everything_built(), &more);
        assert_true(!selection_runs(&less) || selection_runs(&more));
        for (unsigned axis = 0; less.backend == more.backend && axis < AXIS_COUNT; axis++) {
            assert_true(rank_in(request.cost, (enum axis)axis, more.axis[axis].chosen)
                        <= rank_in(request.cost, (enum axis)axis, less.axis[axis].chosen));
        }
    }
}

/* As the command line leads to it. */
static void as_asked(const char *line, struct selection_request *request)
{
    struct boot_parameters parameters;
    struct cmdline_error error;

    assert_true(cmdline_parse(line, &parameters, &error));
    boot_parameters_request(&parameters, request);
}

/* Verified ones first; of these the one that costs less, unless the documented order is asked for. */
static void auto_takes_what_costs_less(void **state)
{
    struct selection_request request = { .rank_static = false };
    struct capabilities capabilities;
    struct selection selection;

    (void)state;
    subset(SUBSETS - 1, &capabilities);
    request.selftest[STRATEGY_STEP_MTF] = SELFTEST_PASSED;
    request.selftest[STRATEGY_STEP_DBSTEP] = SELFTEST_PASSED;
    request.cost[STRATEGY_STEP_MTF] = cost(1, 1000);
    request.cost[STRATEGY_STEP_DBSTEP] = cost(1, 100);
    select_strategies(&capabilities, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_false(selection.axis[AXIS_STEP].fallback);
    assert_int_equal(selection.strategy[STRATEGY_STEP_MTF].verdict, VERDICT_NOT_PREFERRED);

    as_asked("rank=static", &request);
    assert_true(request.rank_static);
    select_strategies(&capabilities, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);

    as_asked("rank=measured", &request);
    select_strategies(&capabilities, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    request.selftest[STRATEGY_STEP_DBSTEP] = SELFTEST_FAILED;
    select_strategies(&capabilities, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_axis_fits),
        cmocka_unit_test(without_figures_the_order_is_the_documented_one),
        cmocka_unit_test(exits_decide_first),
        cmocka_unit_test(ticks_decide_when_the_difference_is_clear),
        cmocka_unit_test(passthrough_costs_no_exits),
        cmocka_unit_test(the_unmeasured_come_last),
        cmocka_unit_test(what_is_not_comparable_stays),
        cmocka_unit_test(the_order_is_total),
        cmocka_unit_test(other_axes_keep_the_documented_order),
        cmocka_unit_test(selection_is_monotone),
        cmocka_unit_test(auto_takes_what_costs_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
