/* SPDX-License-Identifier: BSD-2-Clause */
/* The 32-bit program's 64-bit division, against this machine's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot32/division.h"

/* Where carries, borrows and the short way for 32 bits begin and end. */
static const uint64_t edges[] = {
    0, 1, 2, 3, 9, 10, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000001,
    0x1ffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0xfffffffffffffffe,
    0xffffffffffffffff, 0xaaaaaaaaaaaaaaaa, 0x5555555555555555,
};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

#define RANDOM_PAIRS 200000

static void check(uint64_t dividend, uint64_t divisor)
{
    int64_t signed_dividend = (int64_t)dividend, signed_divisor = (int64_t)divisor, signed_rest;
    uint64_t rest;

    if (divisor == 0) {
        return;
    }
    assert_int_equal(divide_64(dividend, divisor, &rest), dividend / divisor);
    assert_int_equal(rest, dividend % divisor);
    if (signed_dividend == INT64_MIN && signed_divisor == -1) {
        return;         /* has no quotient in C */
    }
    assert_int_equal(divide_signed_64(signed_dividend, signed_divisor, &signed_rest),
                     signed_dividend / signed_divisor);
    assert_int_equal(signed_rest, signed_dividend % signed_divisor);
}

static void at_the_edges(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EDGES; i++) {
        for (unsigned j = 0; j < EDGES; j++) {
            check(edges[i], edges[j]);
        }
    }
}

/* xorshift64, cut to lengths of 1 to 64 bits so that quotients of all lengths come. */
static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void on_random_numbers(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1d;

    (void)state;
    for (unsigned i = 0; i < RANDOM_PAIRS; i++) {
        uint64_t dividend = next(&seed) >> next(&seed) % 64;
        uint64_t divisor = next(&seed) >> next(&seed) % 64;

        check(dividend, divisor);
    }
}

static void smallest_by_minus_one_wraps(void **state)
{
    int64_t rest;

    (void)state;
    assert_int_equal(divide_signed_64(INT64_MIN, -1, &rest), INT64_MIN);
    assert_int_equal(rest, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_edges),
        cmocka_unit_test(on_random_numbers),
        cmocka_unit_test(smallest_by_minus_one_wraps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
