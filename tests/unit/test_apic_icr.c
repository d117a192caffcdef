/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt command register: every value of the defined part of the low word, checked against
 * a transcription of the manual's two lists (delivery modes, valid combinations).
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Issuing Interprocessor Interrupts
 * > Interrupt Command Register (ICR).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apic/icr.h"

/* One letter a delivery mode, 000 to 111: what becomes of it. I is refined by level and trigger. */
static const char fate[] = "FFFRNISR";

/* Rows: shorthand 00 to 11; columns: delivery mode 000 to 111. v: listed as valid. */
static const char *const valid[] = { "vvv-vvv-", "v-------", "v-------", "vvv-vvv-" };

static enum icr_class expected_class(unsigned mode, unsigned level, unsigned trigger)
{
    switch (fate[mode]) {
    case 'F':
        return ICR_FORWARD;
    case 'N':
        return ICR_NMI;
    case 'S':
        return ICR_STARTUP;
    case 'I':
        return level == 0 && trigger == 1 ? ICR_INIT_DEASSERT : ICR_INIT;
    default:
        return ICR_RESERVED;
    }
}

static void check(struct icr_command got, uint32_t low, uint32_t destination, bool x2apic)
{
    /* Field by field as the figure numbers the bits, not by the header's masks. */
    unsigned vector = low % 256, mode = low / 256 % 8, logical = low / 2048 % 2;
    unsigned level = low / 16384 % 2, trigger = low / 32768 % 2, shorthand = low / 262144 % 4;

    if (got.class != expected_class(mode, level, trigger) || got.vector != vector ||
        got.delivery_mode != mode || got.logical != (logical == 1) || got.assert != (level == 1) ||
        got.level_triggered != (trigger == 1) || got.shorthand != shorthand ||
        got.defined != (valid[shorthand][mode] == 'v') || got.x2apic != x2apic ||
        got.destination != destination) {
        fail_msg("low %08x: class %s, mode %u, shorthand %u, vector %02x, destination %x", low,
                 icr_class_name(got.class), got.delivery_mode, got.shorthand, got.vector,
                 got.destination);
    }
}

static void every_low_word(void **state)
{
    static const uint32_t highs[] = { 0, 0x01000000, 0xFF000000, 0x7E123456 };
    static const uint32_t junk[] = { 0, 0xFFF00000 };

    (void)state;
    for (uint32_t low = 0; low < 1u << 20; low++) {
        for (size_t h = 0; h < sizeof(highs) / sizeof(highs[0]); h++) {
            for (size_t j = 0; j < sizeof(junk) / sizeof(junk[0]); j++) {
                check(icr_decode(low | junk[j], highs[h]), low, highs[h] / 0x1000000, false);
            }
        }
    }
}

static void every_low_word_x2apic(void **state)
{
    static const uint32_t destinations[] = { 0, 0xFF, 0x100, 0x00010001, 0xFFFFFFFF };

    (void)state;
    for (uint32_t low = 0; low < 1u << 20; low++) {
        for (size_t d = 0; d < sizeof(destinations) / sizeof(destinations[0]); d++) {
            uint64_t value = (uint64_t)destinations[d] * 0x100000000ull + low;

            check(icr_decode_x2apic(value), low, destinations[d], true);
        }
    }
}

/* Whatever else is in the word: delivery modes 100, 101 and 110 never reach the hardware. */
static void init_sipi_nmi_never_forwarded(void **state)
{
    unsigned long seen = 0;

    (void)state;
    for (uint32_t low = 0; low < 1u << 20; low++) {
        unsigned mode = (low >> 8) & 7;

        if (mode < 4 || mode > 6) {
            continue;
        }
        seen++;
        if (icr_decode(low, 0).class == ICR_FORWARD ||
            icr_decode_x2apic(low).class == ICR_FORWARD) {
            fail_msg("%05x is forwarded", low);
        }
    }
    assert_int_equal(seen, 3ul << 17);
}

/* The values that real software writes. */
static void known_commands(void **state)
{
    static const struct {
        uint32_t low;
        enum icr_class class;
    } rows[] = {
        { 0x000C4500, ICR_INIT },           /* INIT, all excluding self */
        { 0x00004500, ICR_INIT },           /* INIT assert, edge */
        { 0x0000C500, ICR_INIT },           /* INIT assert, level */
        { 0x00000500, ICR_INIT },           /* INIT without the level bit, edge */
        { 0x00008500, ICR_INIT_DEASSERT },  /* INIT level de-assert */
        { 0x00088500, ICR_INIT_DEASSERT },  /* the same, all including self */
        { 0x000C4610, ICR_STARTUP },        /* SIPI, all excluding self */
        { 0x00004E06, ICR_STARTUP },        /* SIPI, logical: bit 11 is no delivery mode bit */
        { 0x00004D00, ICR_INIT },           /* INIT, logical */
        { 0x00000400, ICR_NMI },
        { 0x000440FD, ICR_FORWARD },        /* fixed, self */
        { 0x000008FB, ICR_FORWARD },        /* fixed, logical */
        { 0x00000200, ICR_FORWARD },        /* SMI */
        { 0x00000300, ICR_RESERVED },
        { 0x00000700, ICR_RESERVED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(icr_class_name(icr_decode(rows[i].low, 0).class),
                            icr_class_name(rows[i].class));
    }
}

/* Delivery status, the reserved bits and the remote read status do not come from the writer. */
static void read_back(void **state)
{
    (void)state;
    assert_int_equal(icr_low_as_read(0xFFFFFFFF), 0x000CCFFF);
    assert_int_equal(icr_low_as_read(0x00004606), 0x00004606);
    for (unsigned bit = 0; bit < 32; bit++) {
        bool kept = bit <= 11 || bit == 14 || bit == 15 || bit == 18 || bit == 19;

        assert_int_equal(icr_low_as_read(1u << bit), kept ? 1u << bit : 0);
    }
}

static void class_names_are_distinct(void **state)
{
    (void)state;
    for (int a = ICR_FORWARD; a <= ICR_RESERVED; a++) {
        for (int b = ICR_FORWARD; b < a; b++) {
            assert_string_not_equal(icr_class_name(a), icr_class_name(b));
        }
        assert_string_not_equal(icr_class_name(a), "unknown");
    }
    assert_string_equal(icr_class_name((enum icr_class)99), "unknown");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_low_word),
        cmocka_unit_test(every_low_word_x2apic),
        cmocka_unit_test(init_sipi_nmi_never_forwarded),
        cmocka_unit_test(known_commands),
        cmocka_unit_test(read_back),
        cmocka_unit_test(class_names_are_distinct),
    };

    return cmocka_run_group_tests_name("apic/icr", tests, NULL, NULL);
}
