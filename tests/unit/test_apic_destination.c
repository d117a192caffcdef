/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destination matching, against an oracle that spells the manual's sentences out bit by bit.
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Issuing Interprocessor Interrupts
 * > Determining IPI Destination.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apic/destination.h"

/* Is there a position at which both numbers have a one? */
static bool common_one(uint32_t a, uint32_t b, unsigned from, unsigned to)
{
    for (unsigned bit = from; bit <= to; bit++) {
        if ((a >> bit) % 2 == 1 && (b >> bit) % 2 == 1) {
            return true;
        }
    }
    return false;
}

static bool same_bits(uint32_t a, uint32_t b, unsigned from, unsigned to)
{
    for (unsigned bit = from; bit <= to; bit++) {
        if ((a >> bit) % 2 != (b >> bit) % 2) {
            return false;
        }
    }
    return true;
}

/* "Logical Destination Mode": the two models of the xAPIC; `ldr` and `dfr` as they read. */
static bool oracle_logical_xapic(uint32_t mda, uint32_t ldr, uint32_t dfr)
{
    uint32_t model = dfr / 0x10000000;
    uint32_t shifted = mda * 0x1000000;

    if (model == 15) {
        return common_one(shifted, ldr, 24, 31);
    }
    if (model != 0) {
        return false;
    }
    if (mda == 255) {
        return true;
    }
    return same_bits(shifted, ldr, 28, 31) && common_one(shifted, ldr, 24, 27);
}

/* "Logical Destination Mode in x2APIC Mode". */
static bool oracle_logical_x2apic(uint32_t mda, uint32_t ldr)
{
    return same_bits(mda, ldr, 16, 31) && common_one(mda, ldr, 0, 15);
}

static struct icr_command command(bool x2apic, bool logical, uint32_t destination)
{
    /* An INIT: a mode for which only the address decides. */
    uint32_t low = logical ? 0x4D00 : 0x4500;

    return x2apic ? icr_decode_x2apic((uint64_t)destination << 32 | low)
                  : icr_decode(low, destination << 24);
}

static void physical_xapic_every_pair(void **state)
{
    unsigned matches = 0;

    (void)state;
    for (uint32_t destination = 0; destination < 256; destination++) {
        struct icr_command sent = command(false, false, destination);

        for (uint32_t id = 0; id < 256; id++) {
            struct apic_identity target = { .enabled = true, .id = id, .ldr = 0xFF000000,
                                            .dfr = 0xFFFFFFFF };
            bool got = destination_matches(&sent, &target, id % 2);

            assert_int_equal(got, destination == 255 || destination == id);
            matches += got;
        }
    }
    assert_int_equal(matches, 255 + 256);
}

static void logical_xapic_every_triple(void **state)
{
    (void)state;
    for (uint32_t model = 0; model < 16; model++) {
        for (uint32_t ldr = 0; ldr < 256; ldr++) {
            struct apic_identity target = { .enabled = true, .id = 0x55, .ldr = ldr << 24,
                                            .dfr = model << 28 | 0x0FFFFFFF };

            for (uint32_t mda = 0; mda < 256; mda++) {
                struct icr_command sent = command(false, true, mda);

                if (destination_matches(&sent, &target, false) !=
                    oracle_logical_xapic(mda, target.ldr, target.dfr)) {
                    fail_msg("model %x, ldr %02x, destination %02x", model, ldr, mda);
                }
            }
        }
    }
}

static const uint32_t edges[] = {
    0, 1, 2, 0xF, 0x10, 0x7F, 0x80, 0xFE, 0xFF, 0x100, 0x1FF, 0x8000, 0xFFFF, 0x10000, 0x10001,
    0x18000, 0x1FFFF, 0xFF0000, 0xFF0001, 0xFF00FF, 0x1000000, 0x7FFF8000, 0x80000001, 0xFFFE8000,
    0xFFFF0000, 0xFFFF0001, 0xFFFF8000, 0xFFFFFFFE, 0xFFFFFFFF,
};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

static void x2apic_commands_to_x2apic_targets(void **state)
{
    (void)state;
    for (size_t d = 0; d < EDGES; d++) {
        struct icr_command physical = command(true, false, edges[d]);
        struct icr_command logical = command(true, true, edges[d]);

        for (size_t t = 0; t < EDGES; t++) {
            struct apic_identity by_id = { .enabled = true, .x2apic = true, .id = edges[t] };
            struct apic_identity by_ldr = { .enabled = true, .x2apic = true, .id = 0x42,
                                            .ldr = edges[t] };

            assert_int_equal(destination_matches(&physical, &by_id, false),
                             edges[d] == 0xFFFFFFFF || edges[d] == edges[t]);
            assert_int_equal(destination_matches(&logical, &by_ldr, false),
                             edges[d] == 0xFFFFFFFF || oracle_logical_x2apic(edges[d], edges[t]));
        }
    }
}

/* While an operating system switches its CPUs one by one, both modes are on the machine at once. */
static void mixed_modes(void **state)
{
    (void)state;
    for (size_t d = 0; d < EDGES; d++) {
        struct icr_command wide_physical = command(true, false, edges[d]);
        struct icr_command wide_logical = command(true, true, edges[d]);

        for (uint32_t id = 0; id < 256; id++) {
            struct apic_identity xapic = { .enabled = true, .id = id, .ldr = id << 24,
                                           .dfr = 0xFFFFFFFF };
            bool all = edges[d] == 0xFFFFFFFF;
            bool narrow = edges[d] < 256;

            assert_int_equal(destination_matches(&wide_physical, &xapic, false),
                             all || edges[d] == id);
            assert_int_equal(destination_matches(&wide_logical, &xapic, false),
                             all || (narrow && oracle_logical_xapic(edges[d], id << 24, ~0u)));
        }
    }
    for (uint32_t destination = 0; destination < 256; destination++) {
        struct icr_command physical = command(false, false, destination);
        struct icr_command logical = command(false, true, destination);

        for (size_t t = 0; t < EDGES; t++) {
            struct apic_identity by_id = { .enabled = true, .x2apic = true, .id = edges[t] };
            struct apic_identity by_ldr = { .enabled = true, .x2apic = true, .ldr = edges[t] };

            assert_int_equal(destination_matches(&physical, &by_id, false),
                             destination == 255 || destination == edges[t]);
            assert_int_equal(destination_matches(&logical, &by_ldr, false),
                             oracle_logical_x2apic(destination, edges[t]));
        }
    }
}

/* A shorthand makes the destination field meaningless, whatever the mode. */
static void shorthands(void **state)
{
    static const bool answer[4][2] = {
        [1] = { false, true },      /* self:               others, sender */
        [2] = { true, true },       /* all including self */
        [3] = { true, false },      /* all excluding self */
    };

    (void)state;
    for (uint32_t shorthand = 1; shorthand < 4; shorthand++) {
        for (uint32_t low = 0; low < 0x1000; low++) {
            struct icr_command sent = icr_decode(low | shorthand << 18, (low % 256) << 24);

            for (int sender = 0; sender < 2; sender++) {
                struct apic_identity target = { .enabled = true, .id = 3, .ldr = 0x08000000,
                                                .dfr = 0xFFFFFFFF };

                assert_int_equal(destination_matches(&sent, &target, sender),
                                 answer[shorthand][sender]);
            }
        }
    }
}

static void a_disabled_apic_gets_nothing(void **state)
{
    (void)state;
    for (uint32_t shorthand = 0; shorthand < 4; shorthand++) {
        for (int logical = 0; logical < 2; logical++) {
            for (int sender = 0; sender < 2; sender++) {
                struct icr_command sent =
                    icr_decode(0x4500 | (uint32_t)logical << 11 | shorthand << 18, 0xFF000000);
                struct apic_identity target = { .enabled = false, .id = 1, .ldr = 0xFF000000,
                                                .dfr = 0xFFFFFFFF };

                assert_false(destination_matches(&sent, &target, sender));
                target.enabled = true;
                assert_int_equal(destination_matches(&sent, &target, sender),
                                 shorthand == 0 || shorthand == 2 || (shorthand == 1) == sender);
            }
        }
    }
}

/* The state after INIT (LDR 0, flat): only physical addresses and shorthands reach it. */
static void logical_address_after_init(void **state)
{
    struct apic_identity target = { .enabled = true, .id = 2, .ldr = 0, .dfr = 0xFFFFFFFF };

    (void)state;
    for (uint32_t mda = 0; mda < 256; mda++) {
        struct icr_command sent = command(false, true, mda);

        assert_false(destination_matches(&sent, &target, false));
    }
}

/* "Deriving Logical x2APIC ID from the Local x2APIC ID": cluster above, one bit below. */
static void derived_logical_id(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < 1u << 20; id++) {
        uint32_t logical = x2apic_logical_id(id);
        uint32_t member = 0;

        for (uint32_t rest = logical & 0xFFFF; rest > 1; rest /= 2) {
            assert_int_equal(rest % 2, 0);
            member++;
        }
        assert_int_equal(logical / 65536 * 16 + member, id);
    }
    assert_int_equal(x2apic_logical_id(0x2F), 0x00028000);
    /* The cluster field holds 16 bits: higher ID bits are not part of it. */
    assert_int_equal(x2apic_logical_id(0x00100001), 0x00000002);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(physical_xapic_every_pair),
        cmocka_unit_test(logical_xapic_every_triple),
        cmocka_unit_test(x2apic_commands_to_x2apic_targets),
        cmocka_unit_test(mixed_modes),
        cmocka_unit_test(shorthands),
        cmocka_unit_test(a_disabled_apic_gets_nothing),
        cmocka_unit_test(logical_address_after_init),
        cmocka_unit_test(derived_logical_id),
    };

    return cmocka_run_group_tests_name("apic/destination", tests, NULL, NULL);
}
