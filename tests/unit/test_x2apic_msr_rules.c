/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x2APIC MSRs: every index of 800h-8FFh, every bit of every value, against the manual's table
 * typed in a second time.
 * SDM Vol 3: APIC > Extended XAPIC (x2APIC) > x2APIC Register Availability (Local APIC Register
 * Address Map Supported by x2APIC); Reserved Bit Checking. APM Vol 2: x2APIC Register Address Space.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x2apic/msr_rules.h"

#define EXTENDED        0x80000000u
#define SUPPRESSION     0x01000000u
#define LVTS(count)     (((count) - 1u) << 16)

/* lvts: entries that the version register must announce at least; 99: AMD's extended space. */
struct line {
    uint32_t first, last;
    const char *access;
    uint64_t may_be_one;
    unsigned lvts;
};

static const struct line map[] = {
    { 0x802, 0x803, "r", 0, 0 },
    { 0x808, 0x808, "rw", 0xff, 0 },
    { 0x80a, 0x80a, "r", 0, 0 },
    { 0x80b, 0x80b, "w", 0, 0 },
    { 0x80d, 0x80d, "r", 0, 0 },
    { 0x80f, 0x80f, "rw", 0x3ff, 0 },       /* bit 12: see below */
    { 0x810, 0x827, "r", 0, 0 },
    { 0x828, 0x828, "rw", 0, 0 },
    { 0x82f, 0x82f, "rw", 0x117ff, 7 },
    { 0x830, 0x830, "rw", UINT64_C(0xffffffff000ccfff), 0 },
    { 0x832, 0x832, "rw", 0x710ff, 0 },
    { 0x833, 0x833, "rw", 0x117ff, 6 },
    { 0x834, 0x834, "rw", 0x117ff, 5 },
    { 0x835, 0x836, "rw", 0x1f7ff, 0 },
    { 0x837, 0x837, "rw", 0x110ff, 0 },
    { 0x838, 0x838, "rw", 0xffffffff, 0 },
    { 0x839, 0x839, "r", 0, 0 },
    { 0x83e, 0x83e, "rw", 0xb, 0 },
    { 0x83f, 0x83f, "w", 0xff, 0 },
    { 0x840, 0x840, "r", 0, 99 },
    { 0x841, 0x841, "rw", 0x7, 99 },
    { 0x842, 0x842, "rw", 0xff, 99 },
    { 0x848, 0x84f, "rw", 0xffffffff, 99 },
    { 0x850, 0x853, "rw", 0x107ff, 99 },
};

static const uint32_t versions[] = {
    0x10 | LVTS(4), 0x14 | LVTS(5), 0x14 | LVTS(6), 0x15 | LVTS(7), 0x15 | LVTS(7) | SUPPRESSION,
    0x10 | LVTS(6) | EXTENDED, 0x10 | LVTS(7) | EXTENDED | SUPPRESSION,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct line *line_of(uint32_t index, uint32_t version)
{
    unsigned lvts = (version >> 16 & 0xff) + 1;

    for (unsigned i = 0; i < COUNT(map); i++) {
        if (index < map[i].first || index > map[i].last)
            continue;
        if (map[i].lvts == 99)
            return version & EXTENDED ? &map[i] : NULL;
        return map[i].lvts <= lvts ? &map[i] : NULL;
    }
    return NULL;
}

static bool has(const struct line *line, char access)
{
    return line && (line->access[0] == access || line->access[1] == access);
}

static void every_read(void **state)
{
    (void)state;
    for (unsigned v = 0; v < COUNT(versions); v++) {
        for (uint32_t index = 0x700; index < 0xa00; index++)
            assert_int_equal(x2apic_msr_readable(index, versions[v]),
                             has(line_of(index, versions[v]), 'r'));
    }
}

/* 0, and each bit alone and with another one that is legal. */
static void every_write(void **state)
{
    (void)state;
    for (unsigned v = 0; v < COUNT(versions); v++) {
        for (uint32_t index = 0x700; index < 0xa00; index++) {
            const struct line *line = line_of(index, versions[v]);
            bool writable = has(line, 'w');
            uint64_t may = line ? line->may_be_one : 0;

            if (index == 0x80f && versions[v] & SUPPRESSION)
                may |= 0x1000;
            assert_int_equal(x2apic_msr_writable(index, 0, versions[v]), writable);
            assert_int_equal(x2apic_msr_writable(index, may, versions[v]), writable);
            for (unsigned bit = 0; bit < 64; bit++) {
                uint64_t value = UINT64_C(1) << bit;
                bool legal = writable && may >> bit & 1;

                assert_int_equal(x2apic_msr_writable(index, value, versions[v]), legal);
                assert_int_equal(x2apic_msr_writable(index, may | value, versions[v]), legal);
            }
        }
    }
}

/* What the manual names as absent. */
static void gaps(void **state)
{
    static const uint32_t absent[] = { 0x800, 0x801, 0x809, 0x80c, 0x80e, 0x831, 0x83a, 0x8ff };

    (void)state;
    for (unsigned i = 0; i < COUNT(absent); i++) {
        assert_false(x2apic_msr_readable(absent[i], versions[6]));
        assert_false(x2apic_msr_writable(absent[i], 0, versions[6]));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_read),
        cmocka_unit_test(every_write),
        cmocka_unit_test(gaps),
    };

    return cmocka_run_group_tests_name("x2apic/msr_rules", tests, NULL, NULL);
}
