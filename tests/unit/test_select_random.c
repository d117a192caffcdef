/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selection under random requests, capability states and images: deterministic, and never more than
 * what was asked for and allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "select_subsets.h"

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
        cmocka_unit_test(anything_gets_an_answer),
        cmocka_unit_test(a_request_that_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
