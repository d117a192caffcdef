/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of vectors, in words and in a page laid out like the local APIC's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apic/registers.h"
#include "apic/vectors.h"

static void test_every_vector_alone(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < 256; vector++) {
        struct vector_set set = { { 0 } };

        assert_int_equal(vector_set_highest(&set), -1);
        assert_int_equal(vector_set_lowest(&set), -1);
        vector_set_add(&set, (uint8_t)vector);
        for (unsigned other = 0; other < 256; other++)
            assert_int_equal(vector_set_has(&set, (uint8_t)other), other == vector);
        assert_int_equal(vector_set_highest(&set), vector);
        assert_int_equal(vector_set_lowest(&set), vector);
        vector_set_remove(&set, (uint8_t)vector);
        assert_int_equal(vector_set_highest(&set), -1);
    }
}

static void test_highest_and_lowest(void **state)
{
    static const uint8_t vectors[] = { 0x61, 0x20, 0xff, 0x7f, 0x80 };
    static const uint8_t highest[] = { 0x61, 0x61, 0xff, 0xff, 0xff };
    static const uint8_t lowest[] = { 0x61, 0x20, 0x20, 0x20, 0x20 };
    struct vector_set set = { { 0 } };

    (void)state;
    for (unsigned i = 0; i < sizeof vectors; i++) {
        vector_set_add(&set, vectors[i]);
        assert_int_equal(vector_set_highest(&set), highest[i]);
        assert_int_equal(vector_set_lowest(&set), lowest[i]);
    }
}

/* SDM: bit x of IRR is bit x & 1Fh at offset 200h | (x & E0h) >> 1. */
static void test_registers_of_a_page(void **state)
{
    static uint32_t page[1024], expected[1024];

    (void)state;
    for (unsigned vector = 0; vector < 256; vector++) {
        uint32_t offset = APIC_IRR0 | (vector & 0xe0) >> 1;

        vector_register_add(page, APIC_IRR0, (uint8_t)vector);
        expected[offset / 4] |= UINT32_C(1) << (vector & 0x1f);
        assert_memory_equal(page, expected, sizeof page);
        assert_true(vector_register_has(page, APIC_IRR0, (uint8_t)vector));
        assert_false(vector_register_has(page, APIC_ISR0, (uint8_t)vector));
        assert_int_equal(vector_register_highest(page, APIC_IRR0), vector);
    }
    assert_int_equal(vector_register_highest(page, APIC_TMR0), -1);
    for (unsigned vector = 256; vector-- > 0;) {
        vector_register_remove(page, APIC_IRR0, (uint8_t)vector);
        assert_int_equal(vector_register_highest(page, APIC_IRR0), (int)vector - 1);
    }
    memset(expected, 0, sizeof expected);
    assert_memory_equal(page, expected, sizeof page);
}

static void test_processor_priority(void **state)
{
    (void)state;
    assert_int_equal(vector_processor_priority(0, -1), 0);
    assert_int_equal(vector_processor_priority(0x35, -1), 0x35);
    assert_int_equal(vector_processor_priority(0x35, 0x41), 0x40);
    assert_int_equal(vector_processor_priority(0x4f, 0x41), 0x4f);
    assert_int_equal(vector_processor_priority(0x50, 0x41), 0x50);
}

/* The rule of the manual, with the classes of TPR, ISR and IRR in turn the highest. */
static void test_arbitration_priority(void **state)
{
    (void)state;
    assert_int_equal(vector_arbitration_priority(0, -1, -1), 0);
    assert_int_equal(vector_arbitration_priority(0x57, 0x41, 0x51), 0x57);
    assert_int_equal(vector_arbitration_priority(0x57, 0x51, 0x51), 0x50);
    assert_int_equal(vector_arbitration_priority(0x57, 0x41, 0x61), 0x60);
    assert_int_equal(vector_arbitration_priority(0x17, 0x71, 0x61), 0x70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_vector_alone),
        cmocka_unit_test(test_highest_and_lowest),
        cmocka_unit_test(test_registers_of_a_page),
        cmocka_unit_test(test_processor_priority),
        cmocka_unit_test(test_arbitration_priority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
