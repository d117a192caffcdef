/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/report_json_output.h"

#include "lib/format.h"

static void separate(struct json_output *json)
{
    if (json->comma) {
        report_put(&json->output, ",", 1);
    }
    json->comma = true;
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* Whole runs at a time: a console may be slow for every call. */
static void put_string(struct json_output *json, const char *string)
{
    report_put(&json->output, "\"", 1);
    while (*string != '\0') {
        size_t run = 0;

        while (is_plain(string[run])) {
            run++;
        }
        report_put(&json->output, string, run);
        string += run;
        if (*string == '\0') {
            break;
        }
        if (*string == '"' || *string == '\\') {
            report_print(&json->output, "\\%c", *string);
        } else if ((unsigned char)*string < ' ') {
            report_print(&json->output, "\\u%04x", (unsigned)(unsigned char)*string);
        } else {
            report_put(&json->output, "?", 1);
        }
        string++;
    }
    report_put(&json->output, "\"", 1);
}

/* The name of a member; NULL inside an array. */
static void name(struct json_output *json, const char *key)
{
    separate(json);
    if (key != NULL) {
        put_string(json, key);
        report_put(&json->output, ":", 1);
    }
}

void json_open(struct json_output *json, const char *key, char bracket)
{
    name(json, key);
    report_put(&json->output, &bracket, 1);
    json->comma = false;
}

void json_close(struct json_output *json, char bracket)
{
    report_put(&json->output, &bracket, 1);
    json->comma = true;
}

void json_string(struct json_output *json, const char *key, const char *value)
{
    name(json, key);
    if (value != NULL) {
        put_string(json, value);
    } else {
        report_print(&json->output, "null");
    }
}

void json_number(struct json_output *json, const char *key, uint64_t value)
{
    name(json, key);
    report_print(&json->output, "%" FORMAT_64 "u", value);
}

void json_boolean(struct json_output *json, const char *key, bool value)
{
    name(json, key);
    report_print(&json->output, value ? "true" : "false");
}

void json_hex(struct json_output *json, const char *key, uint64_t value)
{
    name(json, key);
    report_print(&json->output, "\"0x%" FORMAT_64 "x\"", value);
}

void json_identifier(struct json_output *json, const char *key, const char *value)
{
    char lower[64];
    size_t length = 0;

    for (; value[length] != '\0' && length + 1 < sizeof(lower); length++) {
        char c = value[length];

        lower[length] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    lower[length] = '\0';
    json_string(json, key, lower);
}

static const char *outcome_word(enum outcome outcome)
{
    static const char *const words[] = {
        [OUTCOME_RUNS]       = "runs",
        [OUTCOME_DEGRADED]   = "degraded",
        [OUTCOME_CANNOT_RUN] = "cannot_run",
        [OUTCOME_REFUSED]    = "refused",
        [OUTCOME_CANNOT_TELL] = "cannot_tell",
    };

    return words[outcome];
}

void json_outcome(struct json_output *json, const struct report_input *input)
{
    char sentence[SELECTION_SENTENCE_MAX];

    report_format_sentence(input, sentence, sizeof(sentence));
    json_string(json, "outcome", outcome_word(report_outcome(input)));
    json_string(json, "sentence", sentence);
}
