/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading JSON (RFC 8259), as much of it as a report needs: what it says must be ASCII. */
#ifndef SEXTANT_TOOLS_JSON_H
#define SEXTANT_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum json_type {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    bool boolean;
    bool natural;               /* a number from 0 to 2^64 - 1 without fraction and exponent */
    uint64_t number;            /* where it is natural */
    const char *string;         /* no zero bytes inside; what is not ASCII has become '?' */
    const char *key;            /* of a member of an object; NULL in an array */
    const struct json *first;   /* element or member */
    const struct json *next;    /* behind this one */
};

/*
 * Parses one value with nothing but blanks behind it.  NULL: *error says what is wrong, *at where,
 * in bytes from the start.  The result lives in the arena.  Never reads beyond length; nesting is
 * bounded.
 */
const struct json *json_parse(struct arena *arena, const char *text, size_t length,
                              const char **error, size_t *at);

/* A member of an object; NULL: there is none, or this is no object (or NULL). */
const struct json *json_member(const struct json *object, const char *key);

#endif
