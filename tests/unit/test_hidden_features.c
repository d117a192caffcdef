/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the processor a guest is not shown: every bit of CPUID and every register, typed in a second time
 * from the manuals; everything else passes.
 * SDM Vol 2: CPUID - CPU Identification; SDM Vol 4: Model-Specific Registers; APM Vol 2: MSR
 * Cross-Reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/hidden_features.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (UINT64_C(1) << (n))

/* What is left of four words of ones; leaves and subleaves that are not here keep them. */
static const struct {
    uint32_t leaf, subleaf, eax, ebx, ecx, edx;
} shown[] = {
    { 0x01, 0, 0xffffffff, 0xffffffff, 0xffffff8b, 0xffdfffff },
    { 0x01, 7, 0xffffffff, 0xffffffff, 0xffffff8b, 0xffdfffff },
    { 0x06, 0, 0xff77ffff, 0xffffffff, 0xffffffff, 0xffffffff },
    { 0x07, 0, 0xffffffff, 0xfdffffff, 0xffffdfff, 0xfff3ffdf },
    { 0x07, 1, 0xfffffeff, 0xffffffff, 0xffffffdf, 0xffffffff },
    { 0x07, 2, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffbf },
    { 0x0d, 1, 0xffffffff, 0xffffffff, 0xffff3eff, 0xffffffff },
    { 0x0d, 8, 0, 0, 0, 0 },
    { 0x0d, 14, 0, 0, 0, 0 },
    { 0x0d, 15, 0, 0, 0, 0 },
    { 0x14, 0, 0, 0, 0, 0 },
    { 0x14, 1, 0, 0, 0, 0 },
    { 0x1b, 0, 0, 0, 0, 0 },
    { 0x1c, 0, 0, 0, 0, 0 },
    { 0x23, 0, 0, 0, 0, 0 },
    { 0x23, 5, 0, 0, 0, 0 },
    { 0x80000001, 0, 0xffffffff, 0xffffffff, 0xffffeffb, 0xffffffff },
    { 0x80000008, 0, 0xffffffff, 0xfffffff7, 0xffffffff, 0xffffffff },
    { 0x8000000a, 0, 0, 0, 0, 0 },
    { 0x8000001f, 0, 0, 0, 0, 0 },
};

static void every_bit_of_cpuid(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x80; i++) {
        uint32_t leaf = i < 0x40 ? i : 0x80000000 + i - 0x40;

        for (uint32_t subleaf = 0; subleaf < 20; subleaf++) {
            uint32_t expected[4] = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };
            uint32_t words[4] = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };
            uint32_t always = leaf == 0x01 || leaf == 0x06 || leaf == 0x14 || leaf == 0x1b || leaf == 0x1c
                           || leaf == 0x23 || leaf >> 31;

            for (size_t row = 0; row < COUNT(shown); row++) {
                if (shown[row].leaf == leaf && (always || shown[row].subleaf == subleaf))
                    memcpy(expected, &shown[row].eax, sizeof expected);
            }
            hidden_features_cpuid(leaf, subleaf, words);
            assert_memory_equal(words, expected, sizeof words);
        }
    }
}

/* r, w: refused; i: ignored; a dot: the hardware's. */
static const struct {
    uint32_t first, last;
    const char *access;
} closed[] = {
    { 0x00000011, 0x00000012, "rw" }, { 0x0000003a, 0x0000003a, "rw" },
    { 0x00000079, 0x00000079, ".i" }, { 0x0000009b, 0x0000009b, "rw" },
    { 0x000001f2, 0x000001f7, ".w" }, { 0x000002a0, 0x000002a0, ".w" },
    { 0x000002f4, 0x000002f5, ".w" }, { 0x000003f1, 0x000003f7, "rw" },
    { 0x00000480, 0x0000049f, "rw" }, { 0x00000560, 0x0000058f, "rw" },
    { 0x00000600, 0x00000600, "rw" }, { 0x00000981, 0x00000984, "rw" },
    { 0x00000985, 0x0000098a, "rw" }, { 0x00001200, 0x0000121f, "rw" },
    { 0x00001400, 0x00001401, ".w" }, { 0x000014ce, 0x000014cf, "rw" },
    { 0x00001500, 0x0000151f, "rw" }, { 0x00001600, 0x0000161f, "rw" },
    { 0x000017d0, 0x000017d4, "rw" }, { 0x00001900, 0x000019ff, "rw" },
    { 0x40000000, 0x4fffffff, "rw" }, { 0xc0010010, 0xc0010010, ".i" },
    { 0xc0010016, 0xc001001d, ".i" }, { 0xc0010020, 0xc0010020, ".i" },
    { 0xc0010058, 0xc0010058, ".i" }, { 0xc0010111, 0xc0010113, ".w" },
    { 0xc0010114, 0xc0010114, "rw" }, { 0xc0010116, 0xc001011f, "rw" },
    { 0xc0010130, 0xc0010137, "rw" },
};

static const char *expected_access(uint32_t index)
{
    for (size_t i = 0; i < COUNT(closed); i++) {
        if (index >= closed[i].first && index <= closed[i].last)
            return closed[i].access;
    }
    return "..";
}

static void check_register(uint32_t index)
{
    const struct hidden_registers *row = hidden_registers_of(index);
    const char *access = expected_access(index);
    enum register_access read = row ? row->read : REGISTER_PASS;
    enum register_access write = row ? row->write : REGISTER_PASS;

    assert_int_equal(read, access[0] == 'r' ? REGISTER_REFUSE : REGISTER_PASS);
    assert_int_equal(write, access[1] == 'w' ? REGISTER_REFUSE
                            : access[1] == 'i' ? REGISTER_IGNORE : REGISTER_PASS);
}

static void every_register_of_the_maps(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < 0x2000; index++) {
        check_register(index);
        check_register(0xc0000000 + index);
        check_register(0xc0010000 + index);
    }
}

/* KVM's own, Hyper-V's, and what is beside the range; AMD's machine check banks. */
static void registers_outside_of_the_maps(void **state)
{
    static const uint32_t outside[] = {
        0x00002000, 0x3fffffff, 0x40000000, 0x40000001, 0x40000073, 0x400000ff, 0x4b564d00, 0x4b564d01,
        0x4b564d03, 0x4b564d06, 0x4fffffff, 0x50000000, 0xbfffffff, 0xc0002000, 0xc0002fff, 0xffffffff,
    };

    (void)state;
    for (size_t i = 0; i < COUNT(outside); i++)
        check_register(outside[i]);
}

static void rows_do_not_overlap(void **state)
{
    const struct hidden_registers *a, *b;
    unsigned rows = 0;

    (void)state;
    for (unsigned i = 0; (a = hidden_registers_row(i)); i++, rows++) {
        assert_true(a->first <= a->last);
        assert_ptr_equal(hidden_registers_of(a->first), a);
        assert_ptr_equal(hidden_registers_of(a->last), a);
        for (unsigned j = 0; (b = hidden_registers_row(j)); j++)
            assert_true(i == j || a->last < b->first || b->last < a->first);
    }
    assert_int_equal(rows, COUNT(closed));
}

static void debug_control_without_branch_trace(void **state)
{
    (void)state;
    assert_true(hidden_debug_control_legal(0));
    for (unsigned bit = 0; bit < 64; bit++)
        assert_int_equal(hidden_debug_control_legal(BIT(bit)), bit < 6 || bit > 10);
    assert_false(hidden_debug_control_legal(BIT(0) | BIT(1) | BIT(7)));
    assert_true(hidden_debug_control_legal(BIT(0) | BIT(1) | BIT(11) | BIT(12) | BIT(15)));
}

static void misc_enable_has_neither_trace_nor_sampling(void **state)
{
    uint64_t unavailable = BIT(11) | BIT(12), disable = BIT(34);

    (void)state;
    assert_int_equal(hidden_misc_enable_read(0x850089 & ~unavailable, true), 0x850089 | unavailable);
    assert_int_equal(hidden_misc_enable_read(1, false), 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        bool kept = bit == 11 || bit == 12;

        assert_int_equal(hidden_misc_enable_write(BIT(bit), 0), kept || bit == 34 ? 0 : BIT(bit));
        assert_int_equal(hidden_misc_enable_write(0, BIT(bit)), kept ? BIT(bit) : 0);
    }
    /* What firmware has disabled a guest may enable, or leave. */
    assert_int_equal(hidden_misc_enable_write(disable | 1, disable), disable | 1);
    assert_int_equal(hidden_misc_enable_write(1, disable), 1);
}

static void locked_accesses_do_not_fault(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_int_equal(hidden_test_control_legal(BIT(bit)), bit != 28);
        assert_int_equal(hidden_core_capabilities_read(BIT(bit)), bit == 4 ? 0 : BIT(bit));
    }
}

static void perf_capabilities_without_pebs(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        bool pebs = (bit >= 6 && bit <= 11) || bit == 14 || bit == 16 || bit == 17;

        assert_int_equal(hidden_perf_capabilities_read(BIT(bit)), pebs ? 0 : BIT(bit));
    }
}

static void xss_without_refused_registers(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        assert_int_equal(hidden_xss_legal(BIT(bit)), bit != 8 && bit != 14 && bit != 15);
    assert_true(hidden_xss_legal(BIT(11) | BIT(12)));
}

/* A component that CPUID shows as one of IA32_XSS may be set there, and no other is hidden. */
static void xss_and_cpuid_agree(void **state)
{
    uint32_t words[4] = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };

    (void)state;
    hidden_features_cpuid(0xd, 1, words);
    for (unsigned bit = 0; bit < 32; bit++)
        assert_int_equal(hidden_xss_legal(BIT(bit)), words[2] >> bit & 1);
}

/* EPYC: bit 47, 5 bits fewer; Milan: bit 51 of 52, 6 fewer; a processor that does not count its own bit. */
static void addresses_without_keys(void **state)
{
    const struct memory_encryption none = { 0 }, off = { 0, 0x16f, 0 }, locked = { 0, 0, 1 };
    const struct memory_encryption epyc = { BIT(23), 0x16f, 0 }, milan = { BIT(23), 0x1b3, 0 };
    const struct memory_encryption uncounted = { BIT(23), 47, 0 }, absurd = { BIT(23), 0xfff, BIT(1) };
    const struct memory_encryption tme = { 0, 0, BIT(0) | BIT(1) };
    const struct memory_encryption keys = { 0, 0, BIT(0) | BIT(1) | UINT64_C(6) << 32 };

    (void)state;
    assert_int_equal(hidden_address_bits(48, &none), 48);
    assert_int_equal(hidden_address_bits(48, &off), 48);
    assert_int_equal(hidden_address_bits(48, &epyc), 43);
    assert_int_equal(hidden_address_bits(52, &milan), 46);
    assert_int_equal(hidden_address_bits(48, &uncounted), 47);
    assert_int_equal(hidden_address_bits(36, &absurd), 36);
    assert_int_equal(hidden_address_bits(46, &locked), 46);
    assert_int_equal(hidden_address_bits(46, &tme), 46);
    assert_int_equal(hidden_address_bits(52, &keys), 46);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_cpuid),
        cmocka_unit_test(every_register_of_the_maps),
        cmocka_unit_test(registers_outside_of_the_maps),
        cmocka_unit_test(rows_do_not_overlap),
        cmocka_unit_test(debug_control_without_branch_trace),
        cmocka_unit_test(misc_enable_has_neither_trace_nor_sampling),
        cmocka_unit_test(locked_accesses_do_not_fault),
        cmocka_unit_test(perf_capabilities_without_pebs),
        cmocka_unit_test(xss_without_refused_registers),
        cmocka_unit_test(xss_and_cpuid_agree),
        cmocka_unit_test(addresses_without_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
