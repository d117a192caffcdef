/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 8259: a recursive descent with a bound. */
#include "json.h"

#include <string.h>

#define DEPTH_MAX  32

struct parser {
    struct arena *arena;
    const char *at, *end;
    unsigned depth;
    const char *error;
};

static struct json *parse_value(struct parser *p);

static void *fail(struct parser *p, const char *error)
{
    if (p->error == NULL) {
        p->error = error;
    }
    return NULL;
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end
           && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) {
        p->at++;
    }
}

/* The next byte that is not a blank, taken when it is the one that is asked for. */
static bool take(struct parser *p, char wanted)
{
    skip_blanks(p);
    if (p->at == p->end || *p->at != wanted) {
        return false;
    }
    p->at++;
    return true;
}

static struct json *make(struct parser *p, enum json_type type)
{
    struct json *value = arena_allocate(p->arena, sizeof(*value));

    value->type = type;
    return value;
}

static struct json *parse_word(struct parser *p, const char *word, enum json_type type,
                               bool boolean)
{
    size_t length = strlen(word);
    struct json *value;

    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0) {
        return fail(p, "a value is expected");
    }
    p->at += length;
    value = make(p, type);
    value->boolean = boolean;
    return value;
}

static bool is_digit(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

/* At least one digit; false when there is none. */
static bool skip_digits(struct parser *p)
{
    const char *start = p->at;

    while (is_digit(p)) {
        p->at++;
    }
    return p->at != start;
}

/* Fraction and exponent; false when one is begun and has no digits. */
static bool skip_real(struct parser *p, bool *natural)
{
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        *natural = false;
        if (!skip_digits(p)) {
            return false;
        }
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        *natural = false;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-')) {
            p->at++;
        }
        return skip_digits(p);
    }
    return true;
}

static struct json *parse_number(struct parser *p)
{
    bool natural = true;
    uint64_t number = 0;
    const char *start;
    struct json *value;

    if (*p->at == '-') {
        natural = false;
        p->at++;
    }
    for (start = p->at; is_digit(p); p->at++) {
        unsigned digit = (unsigned)(*p->at - '0');

        if (number > (UINT64_MAX - digit) / 10) {
            natural = false;
        } else {
            number = number * 10 + digit;
        }
    }
    if (p->at == start || (*start == '0' && p->at - start > 1) || !skip_real(p, &natural)) {
        return fail(p, "this is not a number");
    }
    value = make(p, JSON_NUMBER);
    value->natural = natural;
    value->number = natural ? number : 0;
    return value;
}

/* The four digits behind \u; -1: they are not there. */
static long parse_code(struct parser *p)
{
    long code = 0;

    for (unsigned i = 0; i < 4; i++, p->at++) {
        char c = p->at < p->end ? *p->at : ' ';
        const char *digits = "0123456789abcdef", *found;

        found = memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);
        if (found == NULL) {
            return -1;
        }
        code = code * 16 + (found - digits);
    }
    return code;
}

/* What stands behind a backslash; 0: nothing that is allowed. */
static char parse_escape(struct parser *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;
    long code;

    if (p->at == p->end) {
        return '\0';
    }
    if (*p->at == 'u') {
        p->at++;
        code = parse_code(p);
        return (char)(code <= 0 ? '\0' : code < 0x80 ? code : '?');
    }
    found = memchr(from, *p->at++, sizeof(from) - 1);
    return found != NULL ? to[found - from] : '\0';
}

/* Behind the opening quotation mark. */
static const char *parse_text(struct parser *p)
{
    const char *start = p->at;
    char *text;
    size_t length = 0;

    while (p->at < p->end && *p->at != '"') {
        p->at += *p->at == '\\' && p->end - p->at > 1 ? 2 : 1;
    }
    if (p->at == p->end) {
        return fail(p, "a string has no end");
    }
    text = arena_allocate(p->arena, (size_t)(p->at - start) + 1);
    for (p->at = start; *p->at != '"'; ) {
        unsigned char c = (unsigned char)*p->at++;

        if (c < ' ') {
            return fail(p, "a control character stands in a string");
        }
        if (c == '\\') {
            c = (unsigned char)parse_escape(p);
            if (c == '\0') {
                return fail(p, "this is not an escape that a report has");
            }
        }
        text[length++] = c < 0x80 ? (char)c : '?';
    }
    p->at++;
    return text;
}

static struct json *parse_string(struct parser *p)
{
    const char *text;
    struct json *value;

    p->at++;
    text = parse_text(p);
    if (text == NULL) {
        return NULL;
    }
    value = make(p, JSON_STRING);
    value->string = text;
    return value;
}

/* Elements or members, up to the closing bracket. */
static struct json *parse_list(struct parser *p, enum json_type type, char closing)
{
    struct json *list = make(p, type);
    const struct json **link = &list->first;

    p->at++;
    if (take(p, closing)) {
        return list;
    }
    do {
        const char *key = NULL;
        struct json *value;

        if (type == JSON_OBJECT) {
            if (!take(p, '"')) {
                return fail(p, "the name of a member is expected");
            }
            key = parse_text(p);
            if (key == NULL || !take(p, ':')) {
                return fail(p, "\":\" is expected behind the name of a member");
            }
        }
        value = parse_value(p);
        if (value == NULL) {
            return NULL;
        }
        value->key = key;
        *link = value;
        link = &value->next;
    } while (take(p, ','));
    return take(p, closing) ? list : fail(p, "\",\" or a closing bracket is expected");
}

static struct json *parse_value(struct parser *p)
{
    struct json *value;

    skip_blanks(p);
    if (p->at == p->end) {
        return fail(p, "it ends where a value is expected");
    }
    if (p->depth == DEPTH_MAX) {
        return fail(p, "it is nested deeper than a report is");
    }
    p->depth++;
    switch (*p->at) {
    case '{':
        value = parse_list(p, JSON_OBJECT, '}');
        break;
    case '[':
        value = parse_list(p, JSON_ARRAY, ']');
        break;
    case '"':
        value = parse_string(p);
        break;
    case 't':
        value = parse_word(p, "true", JSON_BOOLEAN, true);
        break;
    case 'f':
        value = parse_word(p, "false", JSON_BOOLEAN, false);
        break;
    case 'n':
        value = parse_word(p, "null", JSON_NULL, false);
        break;
    default:
        value = *p->at == '-' || is_digit(p) ? parse_number(p) : fail(p, "a value is expected");
        break;
    }
    p->depth--;
    return value;
}

const struct json *json_parse(struct arena *arena, const char *text, size_t length,
                              const char **error, size_t *at)
{
    struct parser p = { .arena = arena, .at = text, .end = text + length };
    struct json *value = parse_value(&p);

    skip_blanks(&p);
    if (value != NULL && p.at != p.end) {
        value = fail(&p, "something stands behind its end");
    }
    *error = p.error;
    *at = (size_t)(p.at - text);
    return value;
}

const struct json *json_member(const struct json *object, const char *key)
{
    if (object == NULL || object->type != JSON_OBJECT) {
        return NULL;
    }
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        if (strcmp(member->key, key) == 0) {
            return member;
        }
    }
    return NULL;
}
