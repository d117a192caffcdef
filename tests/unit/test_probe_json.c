/* SPDX-License-Identifier: BSD-2-Clause */
/* sextant-probe's JSON reader: values as RFC 8259 has them, and every cut of a text refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

static struct arena arena;
static const char *error;
static size_t at;

/* At the very end of an allocation, so that the address sanitizer sees a byte too many. */
static const struct json *parse(const char *text, size_t length)
{
    char *copy = malloc(length != 0 ? length : 1);
    const struct json *value;

    assert_non_null(copy);
    memcpy(copy, text, length);
    value = json_parse(&arena, copy, length, &error, &at);
    free(copy);
    assert_true((value == NULL) == (error != NULL));
    assert_in_range(at, 0, length);
    return value;
}

static const struct json *value_of(const char *text)
{
    const struct json *value = parse(text, strlen(text));

    if (value == NULL) {
        fail_msg("%s: %s at %u", text, error, (unsigned)at);
    }
    return value;
}

static int forget(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(value_of("null")->type, JSON_NULL);
    assert_true(value_of(" true ")->boolean);
    assert_false(value_of("false")->boolean);
    assert_true(value_of("18446744073709551615")->number == UINT64_MAX);
    assert_true(value_of("0")->natural);
    assert_false(value_of("18446744073709551616")->natural);
    assert_false(value_of("-1")->natural);
    assert_false(value_of("1.0")->natural);
    assert_false(value_of("1e3")->natural);
    assert_string_equal(value_of("\"a\\n\\\"\\u0041\\u00e9\\/\"")->string, "a\n\"A?/");
    assert_string_equal(value_of("\"\xc3\xa9\"")->string, "??");
    assert_null(value_of("[]")->first);
    assert_null(value_of("{ }")->first);
}

static void lists_and_members(void **state)
{
    const struct json *object = value_of("{\"a\":[1,[2],{}],\n\t\"b\":{\"c\":\"d\"},\"a\":3}");
    const struct json *list = json_member(object, "a");

    (void)state;
    assert_int_equal(list->type, JSON_ARRAY);
    assert_int_equal(list->first->number, 1);
    assert_int_equal(list->first->next->first->number, 2);
    assert_int_equal(list->first->next->next->type, JSON_OBJECT);
    assert_null(list->first->next->next->next);
    assert_string_equal(json_member(json_member(object, "b"), "c")->string, "d");
    assert_null(json_member(object, "c"));
    assert_null(json_member(list, "a"));
    assert_null(json_member(NULL, "a"));
}

static void every_cut_is_refused(void **state)
{
    static const char text[] = "{\"a\":[1,-2.5e+3,\"x\\u0041\\\\\",true,null],\"b\":{\"c\":false}}";

    (void)state;
    for (size_t length = 0; length < sizeof(text) - 1; length++) {
        assert_null(parse(text, length));
    }
    assert_non_null(parse(text, sizeof(text) - 1));
}

static void what_is_wrong_is_refused(void **state)
{
    static const char *const texts[] = {
        "", " ", "nul", "tru", "01", "-", "1.", "1e", ".5", "+1", "'a'", "[1 2]", "[1,]", "[,1]",
        "{1:2}", "{\"a\" 1}", "{\"a\":1,}", "{\"a\"}", "\"\n\"", "\"\\x\"", "\"\\u00g0\"",
        "\"\\u0000\"", "1 2", "[1]]", "{\"a\":1}x", "\"", "\"\\\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (parse(texts[i], strlen(texts[i])) != NULL) {
            fail_msg("%s was taken", texts[i]);
        }
    }
}

static void nesting_is_bounded(void **state)
{
    static char text[100000];

    (void)state;
    memset(text, '[', sizeof(text));
    assert_null(parse(text, sizeof(text)));
    assert_string_equal(error, "it is nested deeper than a report is");
    memset(text, ']', 40);
    memset(text, '[', 20);
    assert_non_null(parse(text, 40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(values, forget),
        cmocka_unit_test_teardown(lists_and_members, forget),
        cmocka_unit_test_teardown(every_cut_is_refused, forget),
        cmocka_unit_test_teardown(what_is_wrong_is_refused, forget),
        cmocka_unit_test_teardown(nesting_is_bounded, forget),
    };

    return cmocka_run_group_tests_name("probe, JSON", tests, NULL, NULL);
}
