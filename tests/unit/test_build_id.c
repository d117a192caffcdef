/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the build-id note: the linker's, and notes that are cut or something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/build_id.h"

static const uint32_t note[9] = {
    4, 20, 3, 0x00554e47, 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0,
};

/* At the very end of an allocation, so that the address sanitizer sees a byte too many. */
static bool format(const void *bytes, size_t length, char text[BUILD_ID_TEXT_MAX])
{
    void *copy = malloc(length != 0 ? length : 1);
    bool done;

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    done = build_id_format(copy, length, text);
    free(copy);
    return done;
}

static void the_hash_is_printed_byte_by_byte(void **state)
{
    char text[BUILD_ID_TEXT_MAX];

    (void)state;
    assert_true(format(note, sizeof(note), text));
    assert_string_equal(text, "0123456789abcdeffedcba9876543210f0e1d2c3");
}

static void a_cut_note_is_none(void **state)
{
    char text[BUILD_ID_TEXT_MAX];

    (void)state;
    for (size_t length = 0; length < sizeof(note); length++) {
        assert_false(format(note, length, text));
        assert_string_equal(text, "");
    }
}

static void other_notes_are_none(void **state)
{
    static const struct { unsigned word; uint32_t value; } changes[] = {
        { 0, 5 }, { 1, 0 }, { 1, 0xffffffff }, { 1, 65 }, { 2, 1 }, { 3, 0x00554e48 },
    };
    char text[BUILD_ID_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint32_t other[64] = { 0 };

        memcpy(other, note, sizeof(note));
        other[changes[i].word] = changes[i].value;
        assert_false(format(other, sizeof(other), text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_printed_byte_by_byte),
        cmocka_unit_test(a_cut_note_is_none),
        cmocka_unit_test(other_notes_are_none),
    };

    return cmocka_run_group_tests_name("build id", tests, NULL, NULL);
}
