/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmx/memory_types.c: the type of an address by the MTRRs.
 * SDM Vol 3: Memory Cache Control > Memory Type Range Registers (MTRRs): Fixed Range MTRRs, Variable
 * Range MTRRs, Example Base and Mask Calculations, MTRR Precedences, Large Page Size Considerations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmx/memory_types.h"

#define KIB     UINT64_C(0x400)
#define MIB     (KIB * KIB)
#define GIB     (MIB * KIB)
#define PAGE    (4 * KIB)
#define BITS    36
#define SEVERAL (-1)
#define ALL_WB  UINT64_C(0x0606060606060606)
#define BOTH    (MTRR_DEF_TYPE_ENABLE | MTRR_DEF_TYPE_FIXED)

static struct mtrr_model model;
static struct mtrr_values values;

/* Memory is write-back but for what a test puts into registers. */
static int start(void **unused)
{
    (void)unused;
    model = (struct mtrr_model){ .present = true, .have_fixed = true, .variable_count = 8,
                                 .address_bits = BITS };
    memset(&values, 0, sizeof values);
    values.def_type = BOTH | MEMORY_TYPE_WB;
    for (unsigned i = 0; i < MTRR_FIXED_REGISTERS; i++)
        values.fixed[i] = ALL_WB;
    return 0;
}

static void put_masked(unsigned which, uint64_t base, uint64_t mask, enum memory_type_number type)
{
    values.variable[which].base = base | type;
    values.variable[which].mask = (mask & ((UINT64_C(1) << BITS) - 1)) | MTRR_MASK_VALID;
}

static void put(unsigned which, uint64_t base, uint64_t length, enum memory_type_number type)
{
    put_masked(which, base, ~(length - 1), type);
}

static int type_of(uint64_t address, uint64_t size)
{
    uint8_t type = 0xee;
    bool one = mtrr_memory_type(&model, &values, address, size, &type);

    if (!one)
        assert_int_equal(type, MEMORY_TYPE_UC);
    return one ? type : SEVERAL;
}

static void without_mtrrs_all_is_write_back(void **unused)
{
    (void)unused;
    model.present = false;
    values.def_type = 0;
    assert_int_equal(type_of(0, GIB), MEMORY_TYPE_WB);
}

static void turned_off_all_is_uncacheable(void **unused)
{
    (void)unused;
    values.def_type = MTRR_DEF_TYPE_FIXED | MEMORY_TYPE_WB;
    put(0, 4 * MIB, 2 * MIB, MEMORY_TYPE_WB);
    assert_int_equal(type_of(0, PAGE), MEMORY_TYPE_UC);
    assert_int_equal(type_of(4 * MIB, 2 * MIB), MEMORY_TYPE_UC);
    assert_int_equal(type_of(GIB, GIB), MEMORY_TYPE_UC);
}

static void default_type_where_no_range_is(void **unused)
{
    static const enum memory_type_number all[] = { MEMORY_TYPE_UC, MEMORY_TYPE_WC, MEMORY_TYPE_WT,
                                                   MEMORY_TYPE_WP, MEMORY_TYPE_WB };

    (void)unused;
    put(0, 4 * MIB, 2 * MIB, MEMORY_TYPE_WB);
    put(1, GIB, GIB, MEMORY_TYPE_WC);
    values.variable[1].mask &= ~MTRR_MASK_VALID;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        values.def_type = BOTH | all[i];
        assert_int_equal(type_of(6 * MIB, 2 * MIB), all[i]);
        assert_int_equal(type_of(4 * MIB - PAGE, PAGE), all[i]);
        assert_int_equal(type_of(GIB, GIB), all[i]);
        assert_int_equal(type_of(4 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    }
}

/* Every byte of every fixed register, with the table of the manual written down a second time. */
static void fixed_ranges(void **unused)
{
    static const struct { uint32_t index, start, size; } rows[MTRR_FIXED_REGISTERS] = {
        { 0x250, 0, 64 }, { 0x258, 512, 16 }, { 0x259, 640, 16 }, { 0x268, 768, 4 }, { 0x269, 800, 4 },
        { 0x26a, 832, 4 }, { 0x26b, 864, 4 }, { 0x26c, 896, 4 }, { 0x26d, 928, 4 }, { 0x26e, 960, 4 },
        { 0x26f, 992, 4 },
    };

    (void)unused;
    for (unsigned i = 0; i < MTRR_FIXED_REGISTERS; i++) {
        assert_int_equal(mtrr_fixed_index(i), rows[i].index);
        for (unsigned j = 0; j < 8; j++) {
            uint64_t size = rows[i].size * KIB, from = rows[i].start * KIB + j * size;

            values.fixed[i] = ALL_WB ^ UINT64_C(2) << 8 * j;
            assert_int_equal(type_of(from, PAGE), MEMORY_TYPE_WT);
            assert_int_equal(type_of(from + size - PAGE, PAGE), MEMORY_TYPE_WT);
            assert_int_equal(type_of(from, size), MEMORY_TYPE_WT);
            assert_int_equal(type_of(from + size, PAGE), MEMORY_TYPE_WB);
            if (from)
                assert_int_equal(type_of(from - PAGE, PAGE), MEMORY_TYPE_WB);
            assert_int_equal(type_of(0, MIB), SEVERAL);
            assert_int_equal(type_of(0, 2 * MIB), SEVERAL);
            values.fixed[i] = ALL_WB;
        }
    }
}

static void fixed_ranges_come_before_variable_ones(void **unused)
{
    (void)unused;
    put(0, 0, MIB, MEMORY_TYPE_UC);
    assert_int_equal(type_of(0, MIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(0, 2 * MIB), SEVERAL);
    put(0, 0, 2 * MIB, MEMORY_TYPE_UC);
    assert_int_equal(type_of(0, 2 * MIB), SEVERAL);
    assert_int_equal(type_of(MIB, MIB), MEMORY_TYPE_UC);
    values.def_type &= ~(uint64_t)MTRR_DEF_TYPE_FIXED;
    assert_int_equal(type_of(0, 2 * MIB), MEMORY_TYPE_UC);
    values.def_type |= MTRR_DEF_TYPE_FIXED;
    model.have_fixed = false;
    assert_int_equal(type_of(0, 2 * MIB), MEMORY_TYPE_UC);
}

static void variable_ranges(void **unused)
{
    (void)unused;
    put(3, 24 * MIB, 8 * MIB, MEMORY_TYPE_WC);
    put(7, 3 * GIB, GIB, MEMORY_TYPE_UC);
    assert_int_equal(type_of(24 * MIB, 2 * MIB), MEMORY_TYPE_WC);
    assert_int_equal(type_of(32 * MIB - PAGE, PAGE), MEMORY_TYPE_WC);
    assert_int_equal(type_of(32 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(24 * MIB - PAGE, PAGE), MEMORY_TYPE_WB);
    assert_int_equal(type_of(16 * MIB, 16 * MIB), SEVERAL);
    assert_int_equal(type_of(0, GIB), SEVERAL);
    assert_int_equal(type_of(GIB, GIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(3 * GIB, GIB), MEMORY_TYPE_UC);
    assert_int_equal(type_of(4 * GIB, GIB), MEMORY_TYPE_WB);
    /* Registers that the processor does not have. */
    model.variable_count = 7;
    assert_int_equal(type_of(3 * GIB, GIB), MEMORY_TYPE_WB);
}

static void base_bits_outside_the_mask_do_not_count(void **unused)
{
    (void)unused;
    put(0, 4 * MIB + 12 * KIB, 2 * MIB, MEMORY_TYPE_WC);
    assert_int_equal(type_of(4 * MIB, 2 * MIB), MEMORY_TYPE_WC);
    assert_int_equal(type_of(6 * MIB, 2 * MIB), MEMORY_TYPE_WB);
}

/* By the manual's rule for two ranges; "undefined" is UC here, which is never wrong. */
static void overlaps(void **unused)
{
    static const struct { enum memory_type_number a, b, both; } rows[] = {
        { MEMORY_TYPE_WB, MEMORY_TYPE_WB, MEMORY_TYPE_WB },
        { MEMORY_TYPE_WC, MEMORY_TYPE_WC, MEMORY_TYPE_WC },
        { MEMORY_TYPE_UC, MEMORY_TYPE_WB, MEMORY_TYPE_UC },
        { MEMORY_TYPE_UC, MEMORY_TYPE_WC, MEMORY_TYPE_UC },
        { MEMORY_TYPE_UC, MEMORY_TYPE_WT, MEMORY_TYPE_UC },
        { MEMORY_TYPE_UC, MEMORY_TYPE_WP, MEMORY_TYPE_UC },
        { MEMORY_TYPE_WT, MEMORY_TYPE_WB, MEMORY_TYPE_WT },
        { MEMORY_TYPE_WC, MEMORY_TYPE_WB, MEMORY_TYPE_UC },
        { MEMORY_TYPE_WP, MEMORY_TYPE_WT, MEMORY_TYPE_UC },
    };

    (void)unused;
    for (unsigned i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        enum memory_type_number a = rows[i / 2].a, b = rows[i / 2].b;

        put(i & 1, 8 * MIB, 8 * MIB, a);
        put(!(i & 1), 12 * MIB, 4 * MIB, b);
        assert_int_equal(type_of(8 * MIB, 4 * MIB), a);
        assert_int_equal(type_of(12 * MIB, 4 * MIB), rows[i / 2].both);
        assert_int_equal(type_of(8 * MIB, 8 * MIB), SEVERAL);
    }
    put(0, 8 * MIB, 8 * MIB, MEMORY_TYPE_WT);
    put(1, 8 * MIB, 8 * MIB, MEMORY_TYPE_WB);
    put(2, 8 * MIB, 8 * MIB, MEMORY_TYPE_UC);
    assert_int_equal(type_of(8 * MIB, 8 * MIB), MEMORY_TYPE_UC);
}

/* Bit 24 does not count: the range comes twice, 16 MiB apart; then one of pages. */
static void masks_with_holes(void **unused)
{
    (void)unused;
    put_masked(0, 64 * MIB, ~(2 * MIB - 1) & ~(16 * MIB), MEMORY_TYPE_WC);
    assert_int_equal(type_of(64 * MIB, 2 * MIB), MEMORY_TYPE_WC);
    assert_int_equal(type_of(66 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(72 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(80 * MIB, 2 * MIB), MEMORY_TYPE_WC);
    assert_int_equal(type_of(82 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(96 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    assert_int_equal(type_of(64 * MIB, 32 * MIB), SEVERAL);
    assert_int_equal(type_of(0, GIB), SEVERAL);
    assert_int_equal(type_of(GIB, GIB), MEMORY_TYPE_WB);
    /* Every second page of 2 MiB. */
    put_masked(0, 64 * MIB, ~(2 * MIB - 1) | PAGE, MEMORY_TYPE_UC);
    assert_int_equal(type_of(64 * MIB, 2 * MIB), SEVERAL);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(type_of(64 * MIB + i * PAGE, PAGE), i & 1 ? MEMORY_TYPE_WB : MEMORY_TYPE_UC);
    assert_int_equal(type_of(66 * MIB, 2 * MIB), MEMORY_TYPE_WB);
    /* Every second GiB. */
    put_masked(0, GIB, GIB, MEMORY_TYPE_UC);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(type_of(i * GIB + 2 * MIB, 2 * MIB), i & 1 ? MEMORY_TYPE_UC : MEMORY_TYPE_WB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_mtrrs_all_is_write_back, start),
        cmocka_unit_test_setup(turned_off_all_is_uncacheable, start),
        cmocka_unit_test_setup(default_type_where_no_range_is, start),
        cmocka_unit_test_setup(fixed_ranges, start),
        cmocka_unit_test_setup(fixed_ranges_come_before_variable_ones, start),
        cmocka_unit_test_setup(variable_ranges, start),
        cmocka_unit_test_setup(base_bits_outside_the_mask_do_not_count, start),
        cmocka_unit_test_setup(overlaps, start),
        cmocka_unit_test_setup(masks_with_holes, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
