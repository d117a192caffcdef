/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a file for sextant-probe --from: recognized, read, judged, reported and explained,
 * for libFuzzer.  What is accepted must come back: the JSON object of its report is read again,
 * and gives the same object.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct collected {
    struct arena *arena;
    char *text;
    size_t length, size;
};

static void put(void *context, const char *bytes, size_t length)
{
    struct collected *collected = context;

    while (collected->length + length > collected->size) {
        char *larger;

        collected->size = collected->size != 0 ? 2 * collected->size : 65536;
        larger = arena_allocate(collected->arena, collected->size);
        if (collected->length != 0) {
            memcpy(larger, collected->text, collected->length);
        }
        collected->text = larger;
    }
    memcpy(collected->text + collected->length, bytes, length);
    collected->length += length;
}

/* As subject_from_files() does with one file.  False: refused, and there must be a sentence. */
static bool read_text(struct arena *arena, const char *text, size_t length,
                      struct subject *subject)
{
    const struct json *report = NULL;
    struct input_error wrong;
    const char *error = NULL;
    struct dump dump = { 0 };
    bool found, read;

    if (!subject_find_report(arena, text, length, &found, &report, &wrong)) {
        error = wrong.sentence;
        read = false;
    } else if (found) {
        read = subject_from_report(arena, report, subject, &error);
    } else if (!dump_read(arena, text, length, &dump, &wrong)) {
        error = wrong.sentence;
        read = false;
    } else {
        read = subject_from_dump(arena, &dump, subject, &error);
    }
    if (!read && (error == NULL || *error == '\0')) {
        fprintf(stderr, "refused without a sentence\n");
        abort();
    }
    return read;
}

static void write_json(struct arena *arena, struct subject *subject, struct judgement *judgement,
                       struct collected *out)
{
    struct report_sink sink = { put, out };
    struct report_input input;

    *out = (struct collected){ .arena = arena };
    judge(arena, subject, NULL, false, judgement);
    input = judge_report(judgement);
    report_write_json(&input, &sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct subject subject, again;
    static struct judgement judgement, second;
    struct collected first_json, second_json, text;
    struct report_sink sink = { put, &text };
    struct arena arena = { NULL };
    struct report_input input;

    if (read_text(&arena, (const char *)data, size, &subject)) {
        write_json(&arena, &subject, &judgement, &first_json);
        text = (struct collected){ .arena = &arena };
        input = judge_report(&judgement);
        report_write(&input, &sink);
        if (!read_text(&arena, first_json.text, first_json.length, &again)) {
            fprintf(stderr, "its own JSON object is refused\n");
            abort();
        }
        write_json(&arena, &again, &second, &second_json);
        if (first_json.length != second_json.length
            || memcmp(first_json.text, second_json.text, first_json.length) != 0) {
            fprintf(stderr, "%.*s\nbecame\n%.*s\n", (int)first_json.length, first_json.text,
                    (int)second_json.length, second_json.text);
            abort();
        }
        diff_write(&arena, "A", &judgement, "B", &second, &sink);
    }
    arena_free(&arena);
    return 0;
}
