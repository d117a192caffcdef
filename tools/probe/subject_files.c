/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding out what a file is, and reading it. */
#include "subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX  (16u << 20)

/* A line of a text: its bytes without the line end. */
struct line {
    const char *at;
    size_t length;
    unsigned number;
};

/* The line that begins at text + *at; false at the end. */
static bool next_line(const char *text, size_t length, size_t *at, struct line *line)
{
    const char *end;

    if (*at >= length) {
        return false;
    }
    line->at = text + *at;
    end = memchr(line->at, '\n', length - *at);
    line->length = end != NULL ? (size_t)(end - line->at) : length - *at;
    *at += line->length + 1;
    while (line->length != 0 && line->at[line->length - 1] == '\r') {
        line->length--;
    }
    line->number++;
    return true;
}

static bool begins(const struct line *line, const char *word)
{
    return line->length >= strlen(word) && memcmp(line->at, word, strlen(word)) == 0;
}

static bool fail(struct input_error *error, unsigned line, const char *sentence)
{
    error->line = line;
    error->sentence = sentence;
    return false;
}

/* The eight digits behind the end marker; false: they are not there. */
static bool read_crc(const struct line *line, uint32_t *crc)
{
    char digits[9];
    char *end;

    if (line->length != strlen(REPORT_JSON_END) + 8) {
        return false;
    }
    memcpy(digits, line->at + strlen(REPORT_JSON_END), 8);
    digits[8] = '\0';
    *crc = (uint32_t)strtoul(digits, &end, 16);
    return *end == '\0' && strspn(digits, "0123456789abcdef") == 8;
}

static bool check_crc(struct arena *arena, const struct line *json, const struct line *end,
                      struct input_error *error)
{
    uint32_t said, computed = report_crc32(0, json->at, json->length);

    if (!begins(end, REPORT_JSON_END) || !read_crc(end, &said)) {
        return fail(error, end->number, "the end marker of the report's JSON object does not stand "
                    "there: the log was cut or mixed with other output");
    }
    if (said != computed) {
        return fail(error, json->number,
                    arena_format(arena, "the report's JSON object is damaged: its CRC-32 is %08x, "
                                 "and its end marker says %08x. Take the log again",
                                 (unsigned)computed, (unsigned)said));
    }
    return true;
}

static bool parse_json(struct arena *arena, const struct line *json, const struct json **report,
                       struct input_error *error)
{
    const char *wrong;
    size_t at;

    *report = json_parse(arena, json->at, json->length, &wrong, &at);
    if (*report == NULL) {
        return fail(error, json->number,
                    arena_format(arena, "the JSON object is wrong at byte %u: %s%s",
                                 (unsigned)at, wrong,
                                 at >= json->length ? ". Was the file cut?" : ""));
    }
    return true;
}

/* Behind a line that begins an object. */
static bool take_object(struct arena *arena, const char *text, size_t length, size_t *at,
                        struct line line, struct line *json, struct input_error *error)
{
    struct line end = line;

    if (!next_line(text, length, at, &end)) {
        return fail(error, line.number, "the log ends where the report's JSON object begins");
    }
    *json = end;
    if (!next_line(text, length, at, &end)) {
        return fail(error, json->number, "the log ends inside the report's JSON object");
    }
    return check_crc(arena, json, &end, error);
}

static bool is_verdict(const struct line *line)
{
    static const char *const verdicts[] = { "Sextant: RUNS", "Sextant: CANNOT RUN",
                                            "Sextant: CANNOT TELL", "Sextant: REFUSED" };

    for (unsigned i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (begins(line, verdicts[i])) {
            return true;
        }
    }
    return false;
}

/* A JSON object alone may be spread over several lines, as a formatter does. */
static bool find_alone(struct arena *arena, const char *text, size_t length, bool *found,
                       const struct json **report, struct input_error *error)
{
    size_t blanks = 0;
    struct line all;

    while (blanks < length && strchr(" \t\r\n", text[blanks]) != NULL && text[blanks] != '\0') {
        blanks++;
    }
    *found = blanks < length && text[blanks] == '{';
    all = (struct line){ text, length, 1 };
    return !*found || parse_json(arena, &all, report, error);
}

bool subject_find_report(struct arena *arena, const char *text, size_t length, bool *found,
                         const struct json **report, struct input_error *error)
{
    struct line line = { 0 }, json = { 0 };
    unsigned verdict = 0;
    size_t at = 0;

    *error = (struct input_error){ 0, NULL };
    if (!find_alone(arena, text, length, found, report, error) || *found) {
        return error->sentence == NULL;
    }
    while (next_line(text, length, &at, &line)) {
        if (is_verdict(&line)) {
            verdict = line.number;
        }
        if (begins(&line, REPORT_JSON_BEGIN)) {
            if (!take_object(arena, text, length, &at, line, &json, error)) {
                return false;
            }
            *found = true;
            line.number += 2;
        }
    }
    if (!*found && verdict != 0) {
        return fail(error, verdict, "a Sextant report begins there, and its JSON object does not "
                    "follow: boot with report=yes or report=only, and take the log to its end");
    }
    return !*found || parse_json(arena, &json, report, error);
}

/* ---- files ---- */

static char *read_stream(struct arena *arena, FILE *stream, size_t *length, const char **wrong)
{
    char *text = NULL;
    size_t size = 0;

    *length = 0;
    do {
        char *larger = arena_allocate(arena, size = size != 0 ? 4 * size : 65536);

        if (*length != 0) {
            memcpy(larger, text, *length);
        }
        text = larger;
        *length += fread(text + *length, 1, size - *length, stream);
    } while (*length == size && size < FILE_MAX);
    *wrong = ferror(stream) ? strerror(errno)
             : *length > FILE_MAX || !feof(stream) ? "it is too long for a report or a dump" : NULL;
    return text;
}

static const char *read_file(struct arena *arena, const char *name, size_t *length,
                             const char **error)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *stream = standard ? stdin : fopen(name, "rb");
    const char *wrong;
    char *text;

    if (stream == NULL) {
        *error = arena_format(arena, "%s: %s.", name, strerror(errno));
        return NULL;
    }
    text = read_stream(arena, stream, length, &wrong);
    if (!standard) {
        fclose(stream);
    }
    if (wrong != NULL) {
        *error = arena_format(arena, "%s: %s.", name, wrong);
        return NULL;
    }
    /* The byte order mark that some editors and shells put first. */
    if (*length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        *length -= 3;
    }
    return text;
}

static bool fail_in(struct arena *arena, const char *name, const struct input_error *wrong,
                    const char **error)
{
    size_t length = strlen(wrong->sentence);
    const char *end = length != 0 && wrong->sentence[length - 1] == '?' ? "" : ".";

    *error = wrong->line != 0
             ? arena_format(arena, "%s: line %u: %s%s", name, wrong->line, wrong->sentence, end)
             : arena_format(arena, "%s: %s%s", name, wrong->sentence, end);
    return false;
}

/* Adds a dump to those that were read; of several only one may have CPUID. */
static bool add_dump(struct arena *arena, const char *name, const char *text, size_t length,
                     struct dump *dump, const char **error)
{
    size_t cpus = dump->cpu_count;
    struct input_error wrong;

    if (!dump_read(arena, text, length, dump, &wrong)) {
        return fail_in(arena, name, &wrong, error);
    }
    if (cpus != 0 && dump->cpu_count != cpus) {
        wrong = (struct input_error){ 0, "it has CPUID, and so has a file before it; files that "
                                         "are given together are of one machine. To compare two, "
                                         "use --diff" };
        return fail_in(arena, name, &wrong, error);
    }
    return true;
}

static void note_passed_over(struct arena *arena, const struct dump *dump, struct subject *subject)
{
    if (dump->passed_over != 0 && dump->common.msr_count == 0) {
        subject_note(arena, subject,
                     arena_format(arena, "%u line%s of the dump say%s nothing about CPUID or an "
                                  "MSR, the first is line %u: passed over.", dump->passed_over,
                                  dump->passed_over == 1 ? "" : "s",
                                  dump->passed_over == 1 ? "s" : "",
                                  dump->first_passed_over));
    }
}

static bool from_report_file(struct arena *arena, const char *name, const struct json *report,
                             struct subject *subject, const char **error)
{
    struct input_error wrong = { 0, NULL };

    return subject_from_report(arena, report, subject, &wrong.sentence)
           || fail_in(arena, name, &wrong, error);
}

bool subject_from_files(struct arena *arena, const char *const *files, size_t count,
                        struct subject *subject, const char **error)
{
    struct dump dump = { 0 };

    for (size_t i = 0; i < count; i++) {
        const struct json *report = NULL;
        struct input_error wrong;
        const char *text;
        size_t length;
        bool found;

        text = read_file(arena, files[i], &length, error);
        if (text == NULL) {
            return false;
        }
        if (!subject_find_report(arena, text, length, &found, &report, &wrong)) {
            return fail_in(arena, files[i], &wrong, error);
        }
        if (found && count > 1) {
            wrong = (struct input_error){ 0, "a report is whole by itself; give it alone" };
            return fail_in(arena, files[i], &wrong, error);
        }
        if (found) {
            return from_report_file(arena, files[i], report, subject, error);
        }
        if (!add_dump(arena, files[i], text, length, &dump, error)) {
            return false;
        }
    }
    if (!subject_from_dump(arena, &dump, subject, error)) {
        *error = arena_format(arena, "%s: %s.", files[0], *error);
        return false;
    }
    note_passed_over(arena, &dump, subject);
    return true;
}
