/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modes of a local APIC: every transition, against the figure of the manual typed in.
 * SDM Vol 3: APIC > Extended XAPIC (x2APIC) > x2APIC State Transitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x2apic/mode.h"

#define BSP     0x100u
#define EXTD    0x400u
#define EN      0x800u

/* The figure's arrows, from row to column: L legal, G #GP. Columns: EN EXTD = 00, 01, 10, 11. */
static const char figure[4][5] = {
    [APIC_MODE_DISABLED] = "LGLG",
    [APIC_MODE_INVALID]  = "GGGG",
    [APIC_MODE_XAPIC]    = "LGLL",
    [APIC_MODE_X2APIC]   = "LGGL",
};

static uint64_t bits(unsigned mode)
{
    return (mode / 2 ? EN : 0) + (mode % 2 ? EXTD : 0);
}

static void modes_and_bits(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++) {
        assert_int_equal(apic_mode_of(bits(mode)), mode);
        assert_int_equal(apic_mode_of(bits(mode) | ~(uint64_t)(EN | EXTD)), mode);
        assert_int_equal(apic_mode_bits((enum apic_mode)mode), bits(mode));
    }
    assert_true(apic_base_address(UINT64_C(0xfff0000000000fff)) == 0);
    assert_int_equal(apic_base_address(0xfee00900), 0xfee00000);
}

static void every_transition(void **state)
{
    (void)state;
    for (unsigned from = 0; from < 4; from++) {
        for (unsigned to = 0; to < 4; to++)
            assert_int_equal(apic_mode_transition((enum apic_mode)from, (enum apic_mode)to),
                             figure[from][to] == 'L');
    }
}

static void init_and_reset(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++) {
        assert_int_equal(apic_mode_after_init((enum apic_mode)mode), mode);
        assert_int_equal(apic_mode_after_reset((enum apic_mode)mode), APIC_MODE_XAPIC);
    }
}

/* From x2APIC mode to xAPIC mode by the manual's two steps, and back. */
static void the_long_way_round(void **state)
{
    static const enum apic_mode way[] = {
        APIC_MODE_XAPIC, APIC_MODE_X2APIC, APIC_MODE_DISABLED, APIC_MODE_XAPIC,
        APIC_MODE_DISABLED, APIC_MODE_XAPIC, APIC_MODE_X2APIC,
    };

    (void)state;
    for (unsigned i = 0; i + 1 < sizeof way / sizeof way[0]; i++)
        assert_true(apic_mode_transition(way[i], way[i + 1]));
}

/* Every mode, every value of the low 12 bits, each address bit, with each kind of rules. */
static void every_write(void **state)
{
    (void)state;
    for (unsigned width = 32; width <= 52; width++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            struct apic_base_rules rules = { (uint8_t)width, kind % 2, kind / 2 };

            for (unsigned mode = 0; mode < 4; mode++) {
                for (uint32_t low = 0; low < 0x1000; low++) {
                    unsigned wanted = low / EN % 2 * 2 + low / EXTD % 2;
                    bool legal = !(low & ~(BSP | EN | (rules.x2apic ? EXTD : 0)))
                              && figure[mode][wanted] == 'L'
                              && !(rules.locked && mode == 3 && wanted != 3);

                    assert_int_equal(apic_base_write_legal(&rules, (enum apic_mode)mode,
                                                           0xfee00000 + low), legal);
                }
            }
            for (unsigned bit = 12; bit < 64; bit++)
                assert_int_equal(apic_base_write_legal(&rules, APIC_MODE_XAPIC,
                                                       EN | UINT64_C(1) << bit), bit < width);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_and_bits),
        cmocka_unit_test(every_transition),
        cmocka_unit_test(init_and_reset),
        cmocka_unit_test(the_long_way_round),
        cmocka_unit_test(every_write),
    };

    return cmocka_run_group_tests_name("x2apic/mode", tests, NULL, NULL);
}
