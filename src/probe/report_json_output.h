/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing one JSON object on one line of ASCII (RFC 8259): of the report, and of what sextant-probe
 * compares.  Pure.  key: the member's name; NULL inside an array.
 */
#ifndef SEXTANT_PROBE_REPORT_JSON_OUTPUT_H
#define SEXTANT_PROBE_REPORT_JSON_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/report_output.h"

struct json_output {
    struct report_output output;
    bool comma;                 /* the next member or element needs one before it */
};

/* An object or an array: '{' and '}', '[' and ']'. */
void json_open(struct json_output *json, const char *key, char bracket);
void json_close(struct json_output *json, char bracket);

/* NULL becomes null; what is not printable ASCII is escaped or becomes '?'. */
void json_string(struct json_output *json, const char *key, const char *value);
void json_number(struct json_output *json, const char *key, uint64_t value);
void json_boolean(struct json_output *json, const char *key, bool value);

/* 64-bit registers are strings, because many readers of JSON keep 53 bits of a number. */
void json_hex(struct json_output *json, const char *key, uint64_t value);

/* An identifier of the tables in lower case, as mask= takes it. */
void json_identifier(struct json_output *json, const char *key, const char *value);

/* The members "outcome" and "sentence". */
void json_outcome(struct json_output *json, const struct report_input *input);

#endif
