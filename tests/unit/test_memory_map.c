/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map: single rules, and a deterministic fuzz against an oracle that knows the type of
 * every single byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory_map.h"

#define CELLS 1024
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static struct memory_map map;

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 8) % limit;
}

static void check_range(uint32_t index, uint64_t start, uint64_t length, uint32_t type)
{
    assert_true(index < map.count);
    assert_int_equal(map.range[index].start, start);
    assert_int_equal(map.range[index].length, length);
    assert_int_equal(map.range[index].type, type);
}

static void sorts_and_merges(void **state)
{
    (void)state;
    memory_map_clear(&map);
    assert_true(memory_map_add(&map, 0x3000, 0x1000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x1000, 0x1000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x2000, 0x1000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x4000, 0x1000, MEMORY_RESERVED));
    assert_int_equal(map.count, 2);
    check_range(0, 0x1000, 0x3000, MEMORY_USABLE);
    check_range(1, 0x4000, 0x1000, MEMORY_RESERVED);
}

static void more_restrictive_type_wins_in_any_order(void **state)
{
    static const uint32_t ascending[] = { MEMORY_USABLE, MEMORY_ACPI, MEMORY_NVS, 6, 7, 12,
                                          0xffffffff, MEMORY_RESERVED, MEMORY_UNUSABLE };

    (void)state;
    for (size_t low = 0; low < ARRAY_SIZE(ascending); low++) {
        for (size_t high = low; high < ARRAY_SIZE(ascending); high++) {
            for (int swap = 0; swap < 2; swap++) {
                memory_map_clear(&map);
                assert_true(memory_map_add(&map, 0, 0x1000, ascending[swap ? high : low]));
                assert_true(memory_map_add(&map, 0, 0x1000, ascending[swap ? low : high]));
                assert_int_equal(map.count, 1);
                check_range(0, 0, 0x1000, ascending[high]);
            }
        }
    }
}

static void reserve_and_carve_override(void **state)
{
    (void)state;
    memory_map_clear(&map);
    assert_true(memory_map_add(&map, 0, 0x10000, MEMORY_UNUSABLE));
    assert_true(memory_map_reserve(&map, 0x4000, 0x2000, MEMORY_USABLE));
    assert_true(memory_map_carve(&map, 0x8000, 0x1000));
    assert_int_equal(map.count, 4);
    check_range(0, 0, 0x4000, MEMORY_UNUSABLE);
    check_range(1, 0x4000, 0x2000, MEMORY_USABLE);
    check_range(2, 0x6000, 0x2000, MEMORY_UNUSABLE);
    check_range(3, 0x9000, 0x7000, MEMORY_UNUSABLE);
    assert_true(memory_map_reserve(&map, 0x20000, 0x1000, MEMORY_RESERVED));
    check_range(4, 0x20000, 0x1000, MEMORY_RESERVED);
}

static void empty_and_wrapping_ranges_are_ignored(void **state)
{
    (void)state;
    memory_map_clear(&map);
    assert_true(memory_map_add(&map, 0x1000, 0, MEMORY_USABLE));
    assert_true(memory_map_add(&map, UINT64_MAX, 2, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 1, UINT64_MAX, MEMORY_USABLE));
    assert_true(memory_map_reserve(&map, 0x8000000000000000u, 0x8000000000000000u,
                                   MEMORY_RESERVED));
    assert_true(memory_map_carve(&map, UINT64_MAX, UINT64_MAX));
    assert_int_equal(map.count, 0);
    assert_int_equal(memory_map_end(&map), 0);
    assert_true(memory_map_add(&map, UINT64_MAX - 1, 1, MEMORY_USABLE));
    assert_int_equal(memory_map_end(&map), UINT64_MAX);
}

static void type_zero_is_reserved(void **state)
{
    (void)state;
    memory_map_clear(&map);
    assert_true(memory_map_add(&map, 0, 0x1000, 0));
    check_range(0, 0, 0x1000, MEMORY_RESERVED);
}

static void too_many_ranges_leave_the_map_unchanged(void **state)
{
    static struct memory_map before;

    (void)state;
    memory_map_clear(&map);
    for (uint64_t i = 0; i < MEMORY_MAP_CAPACITY; i++) {
        assert_true(memory_map_add(&map, i * 0x2000, 0x1000, MEMORY_USABLE));
    }
    before = map;
    assert_false(memory_map_add(&map, 0x10000000, 0x1000, MEMORY_USABLE));
    assert_false(memory_map_reserve(&map, 0x400, 0x100, MEMORY_RESERVED));
    assert_false(memory_map_carve(&map, 0x400, 0x100));
    assert_memory_equal(&before, &map, sizeof(map));
    /* Filling a gap merges two ranges: room again. */
    assert_true(memory_map_add(&map, 0x1000, 0x1000, MEMORY_USABLE));
    assert_int_equal(map.count, MEMORY_MAP_CAPACITY - 1);
}

static void finds_the_expected_places(void **state)
{
    const struct memory_span avoid[] = { { 0x100000, 0x1000 }, { 0x7ff000, 0x1000 } };
    struct memory_request request = { .size = 0x2000, .alignment = 0x1000, .minimum = 0x100000,
                                      .maximum = 1ull << 32, .direction = MEMORY_BOTTOM_UP,
                                      .avoid = avoid, .avoid_count = 2 };
    uint64_t start;

    (void)state;
    memory_map_clear(&map);
    assert_true(memory_map_add(&map, 0, 0x9f000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x100000, 0x700000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x100000000, 0x1000000, MEMORY_USABLE));
    assert_true(memory_map_find_free(&map, &request, &start));
    assert_int_equal(start, 0x101000);
    request.direction = MEMORY_TOP_DOWN;
    assert_true(memory_map_find_free(&map, &request, &start));
    assert_int_equal(start, 0x7fd000);
    assert_int_equal(memory_map_largest_free(&map, &request), 0x7ff000 - 0x101000);
    request.maximum = UINT64_MAX;
    assert_true(memory_map_find_free(&map, &request, &start));
    assert_int_equal(start, 0x100ffe000);
    request.size = 0x1000001;
    assert_false(memory_map_find_free(&map, &request, &start));
    request.size = 0;
    assert_false(memory_map_find_free(&map, &request, &start));
    request.size = 0x1000;
    request.alignment = 0x3000;
    assert_false(memory_map_find_free(&map, &request, &start));
    assert_int_equal(memory_map_largest_free(&map, &request), 0);
    request.alignment = 0;
    assert_true(memory_map_find_free(&map, &request, &start));
}

static void totals_and_ends(void **state)
{
    (void)state;
    memory_map_clear(&map);
    assert_true(memory_map_add(&map, 0, 0x1000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x2000, 0x3000, MEMORY_USABLE));
    assert_true(memory_map_add(&map, 0x8000, 0x1000, MEMORY_RESERVED));
    assert_int_equal(memory_map_total(&map, MEMORY_USABLE), 0x4000);
    assert_int_equal(memory_map_end_of(&map, MEMORY_USABLE), 0x5000);
    assert_int_equal(memory_map_end_of(&map, MEMORY_ACPI), 0);
    assert_int_equal(memory_map_end(&map), 0x9000);
    assert_true(memory_map_is(&map, 0x2800, 0x800, MEMORY_USABLE));
    assert_true(memory_map_is(&map, 0x2000, 0x3000, MEMORY_USABLE));
    assert_false(memory_map_is(&map, 0x2000, 0x3001, MEMORY_USABLE));
    assert_false(memory_map_is(&map, 0x800, 0x1801, MEMORY_USABLE));
    assert_false(memory_map_is(&map, 0x2000, 0, MEMORY_USABLE));
    assert_false(memory_map_is(&map, 0x2000, UINT64_MAX, MEMORY_USABLE));
    assert_false(memory_map_is(&map, 0x8000, 1, MEMORY_USABLE));
}

static void spans_overlap(void **state)
{
    (void)state;
    assert_true(memory_spans_overlap((struct memory_span){ 0, 2 }, (struct memory_span){ 1, 1 }));
    assert_false(memory_spans_overlap((struct memory_span){ 0, 1 }, (struct memory_span){ 1, 1 }));
    assert_false(memory_spans_overlap((struct memory_span){ 5, 0 }, (struct memory_span){ 0, 9 }));
    assert_true(memory_spans_overlap((struct memory_span){ UINT64_MAX, 9 },
                                     (struct memory_span){ UINT64_MAX, 1 }));
    assert_false(memory_spans_overlap((struct memory_span){ UINT64_MAX, 9 },
                                      (struct memory_span){ 0, 9 }));
}

/* The oracle: the type of each byte of a window of the address space, 0 for a hole. */
static uint32_t cell[CELLS];
static uint64_t base;

static unsigned rank(uint32_t type)
{
    static const uint32_t ascending[] = { 0, MEMORY_USABLE, MEMORY_ACPI, MEMORY_NVS, 7,
                                          MEMORY_RESERVED, MEMORY_UNUSABLE };

    for (unsigned i = 0; i < ARRAY_SIZE(ascending); i++) {
        if (ascending[i] == type) {
            return i;
        }
    }
    fail();
    return 0;
}

static uint32_t runs(const uint32_t *cells)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < CELLS; i++) {
        count += cells[i] != 0 && (i == 0 || cells[i] != cells[i - 1]);
    }
    return count;
}

/* Compares range by range: sorted, merged and exactly as the cells say. */
static void compare_with_cells(void)
{
    unsigned at = 0;

    assert_int_equal(map.count, runs(cell));
    for (uint32_t i = 0; i < map.count; i++) {
        while (at < CELLS && cell[at] == 0) {
            at++;
        }
        assert_true(at < CELLS);
        check_range(i, base + at, map.range[i].length, cell[at]);
        for (uint64_t left = map.range[i].length; left != 0; left--, at++) {
            assert_true(at < CELLS && cell[at] == map.range[i].type);
        }
        assert_true(at == CELLS || cell[at] != map.range[i].type);
    }
}

static bool oracle_avoided(const struct memory_request *request, uint64_t start, uint64_t size)
{
    for (size_t i = 0; i < request->avoid_count; i++) {
        if (request->avoid[i].length != 0 && start < request->avoid[i].start +
            request->avoid[i].length && request->avoid[i].start < start + size) {
            return true;
        }
    }
    return false;
}

static bool oracle_fits(const struct memory_request *request, unsigned at, uint64_t size)
{
    uint64_t alignment = request->alignment ? request->alignment : 1;

    if ((base + at) % alignment != 0 || base + at < request->minimum || at + size > CELLS ||
        base + at + size > request->maximum || oracle_avoided(request, base + at, size)) {
        return false;
    }
    for (uint64_t i = 0; i < size; i++) {
        if (cell[at + i] != MEMORY_USABLE) {
            return false;
        }
    }
    return true;
}

static void compare_searches(void)
{
    struct memory_span avoid[3];
    struct memory_request request = {
        .size = 1 + random_below(random_below(2) ? 8 : 200),
        .alignment = random_below(2) ? 1u << random_below(6) : 0,
        .minimum = base + random_below(CELLS / 2),
        .maximum = base + CELLS / 2 + random_below(CELLS / 2),
        .direction = random_below(2) ? MEMORY_BOTTOM_UP : MEMORY_TOP_DOWN,
        .avoid = avoid,
        .avoid_count = random_below(4),
    };
    uint64_t start = 0, largest = 0;
    int expected = -1;

    for (unsigned i = 0; i < 3; i++) {
        avoid[i] = (struct memory_span){ base + random_below(CELLS), random_below(40) };
    }
    for (int at = 0; at < CELLS; at++) {
        if (oracle_fits(&request, (unsigned)at, request.size) &&
            (expected < 0 || request.direction == MEMORY_TOP_DOWN)) {
            expected = at;
        }
        while (oracle_fits(&request, (unsigned)at, largest + 1)) {
            largest++;
        }
    }
    assert_int_equal(memory_map_find_free(&map, &request, &start), expected >= 0);
    if (expected >= 0) {
        assert_int_equal(start, base + (uint64_t)expected);
    }
    assert_int_equal(memory_map_largest_free(&map, &request), largest);
}

/* One random operation on map and cells. */
static void random_operation(bool small)
{
    static const uint32_t types[] = { MEMORY_USABLE, MEMORY_USABLE, MEMORY_RESERVED, MEMORY_ACPI,
                                      MEMORY_NVS, 7, MEMORY_UNUSABLE };
    static struct memory_map before;
    static uint32_t wanted[CELLS];
    uint64_t at = random_below(CELLS);
    uint64_t length = random_below(small ? 4 : 200);
    uint32_t type = types[random_below(ARRAY_SIZE(types))];
    unsigned kind = (unsigned)random_below(4);
    bool done;

    length = length < CELLS - at ? length : CELLS - at;
    memcpy(wanted, cell, sizeof(wanted));
    for (uint64_t i = at; i < at + length; i++) {
        wanted[i] = kind == 0   ? 0
                    : kind == 1 ? type
                                : (rank(type) > rank(cell[i]) ? type : cell[i]);
    }
    before = map;
    done = kind == 0   ? memory_map_carve(&map, base + at, length)
           : kind == 1 ? memory_map_reserve(&map, base + at, length, type)
                       : memory_map_add(&map, base + at, length, type);
    assert_int_equal(done, runs(wanted) <= MEMORY_MAP_CAPACITY);
    if (done) {
        memcpy(cell, wanted, sizeof(cell));
    } else {
        assert_memory_equal(&before, &map, sizeof(map));
    }
}

static void fuzz_against_the_oracle(void **state)
{
    static const uint64_t bases[] = { 0, 0x100000000 - 512, UINT64_MAX - CELLS };
    unsigned full = 0;

    (void)state;
    for (unsigned round = 0; round < 150; round++) {
        bool small = round % 2 != 0;    /* small ranges fill the map up */

        base = bases[round % ARRAY_SIZE(bases)];
        memory_map_clear(&map);
        memset(cell, 0, sizeof(cell));
        for (unsigned i = 0; i < (small ? 900u : 60u); i++) {
            random_operation(small);
            if (i % 16 == 0 || i > 850) {
                compare_with_cells();
                compare_searches();
            }
        }
        full += map.count >= MEMORY_MAP_CAPACITY - 8;
    }
    assert_true(full > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_and_merges),
        cmocka_unit_test(more_restrictive_type_wins_in_any_order),
        cmocka_unit_test(reserve_and_carve_override),
        cmocka_unit_test(empty_and_wrapping_ranges_are_ignored),
        cmocka_unit_test(type_zero_is_reserved),
        cmocka_unit_test(too_many_ranges_leave_the_map_unchanged),
        cmocka_unit_test(finds_the_expected_places),
        cmocka_unit_test(totals_and_ends),
        cmocka_unit_test(spans_overlap),
        cmocka_unit_test(fuzz_against_the_oracle),
    };

    return cmocka_run_group_tests_name("memory map", tests, NULL, NULL);
}
