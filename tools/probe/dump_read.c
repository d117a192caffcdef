/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the lines of a dump.  Every line is one of a few forms, whatever file it stands in. */
#include "dump.h"

#include <ctype.h>
#include <string.h>

/* How much of a wrong line is quoted, and how long a line can be that says something. */
#define QUOTE_MAX  60
#define LINE_MAX   512

struct reader {
    struct arena *arena;
    struct dump *dump;
    struct input_error *error;
    struct dump_cpu *cpu;       /* that the next CPUID line belongs to; NULL: a new one */
    struct dump_cpu *msr_cpu;   /* that the next MSR line belongs to */
    unsigned number;            /* of the line */
    bool said_something;
    bool skip_msrs;             /* they are another CPU's */
    bool cpuid_lines;           /* this file has lines of cpuid -r */
    bool unended;               /* the file ends within this line */
    char line[LINE_MAX];
};

/* ---- words ---- */

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static bool at_end(const char *text)
{
    return *skip_blanks(text) == '\0';
}

static const char *after(const char *text, const char *word)
{
    size_t length = strlen(word);

    return strncmp(text, word, length) == 0 ? text + length : NULL;
}

/* Between least and most hexadecimal digits, in either case; NULL: something else stands there. */
static const char *take_hex(const char *text, unsigned least, unsigned most, uint64_t *value)
{
    unsigned digits = 0;

    *value = 0;
    for (; isxdigit((unsigned char)*text) && digits <= most; text++, digits++) {
        int c = tolower((unsigned char)*text);

        *value = *value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return digits >= least && digits <= most ? text : NULL;
}

static const char *take_prefixed(const char *text, unsigned most, uint64_t *value)
{
    text = after(text, "0x");
    return text != NULL ? take_hex(text, 1, most, value) : NULL;
}

/* ---- errors ---- */

static const char *quoted(struct reader *reader)
{
    const char *text = skip_blanks(reader->line);
    char *quote = arena_format(reader->arena, "\"%.*s%s\"", QUOTE_MAX, text,
                               strlen(text) > QUOTE_MAX ? "..." : "");

    for (char *c = quote; *c != '\0'; c++) {
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    }
    return quote;
}

static bool fail(struct reader *reader, const char *sentence)
{
    reader->error->line = reader->number;
    reader->error->sentence = sentence;
    return false;
}

static bool fail_cut(struct reader *reader, const char *what)
{
    return fail(reader, arena_format(reader->arena, "%s begins like %s and is not a whole one; "
                                     "was the file cut or edited?", quoted(reader), what));
}

/* ---- what a line says ---- */

static bool start_cpu(struct reader *reader)
{
    struct dump *dump = reader->dump;

    if (dump->cpu_count == DUMP_CPUS_MAX) {
        return fail(reader, arena_format(reader->arena, "more than %u CPUs cannot be read",
                                         DUMP_CPUS_MAX));
    }
    dump->cpus = arena_grow(reader->arena, dump->cpus, dump->cpu_count, sizeof(*dump->cpus));
    reader->cpu = reader->msr_cpu = &dump->cpus[dump->cpu_count++];
    memset(reader->cpu, 0, sizeof(*reader->cpu));
    return true;
}

/* Old programs do not say the subleaf, but print them in order. */
static uint32_t next_subleaf(const struct dump_cpu *cpu, uint32_t leaf)
{
    uint32_t subleaf = 0;

    for (size_t i = 0; i < cpu->cpuid_count; i++) {
        subleaf += cpu->cpuid[i].leaf == leaf;
    }
    return subleaf;
}

/* Leaf 0 again begins another CPU where nothing else says so. */
static bool add_cpuid(struct reader *reader, uint32_t leaf, const uint32_t *subleaf,
                      const uint32_t word[4])
{
    struct dump_cpu *cpu;
    struct raw_cpuid *entry;

    if ((reader->cpu == NULL || (leaf == 0 && reader->cpu->cpuid_count != 0
                                 && next_subleaf(reader->cpu, 0) != 0)) && !start_cpu(reader)) {
        return false;
    }
    cpu = reader->cpu;
    if (cpu->cpuid_count == DUMP_WORDS_MAX) {
        return fail(reader, "one CPU cannot have so many CPUID leaves");
    }
    cpu->cpuid = arena_grow(reader->arena, cpu->cpuid, cpu->cpuid_count, sizeof(*cpu->cpuid));
    entry = &cpu->cpuid[cpu->cpuid_count];
    entry->leaf = leaf;
    entry->subleaf = subleaf != NULL ? *subleaf : next_subleaf(cpu, leaf);
    memcpy(entry->word, word, sizeof(entry->word));
    cpu->cpuid_count++;
    reader->said_something = true;
    return true;
}

static bool add_msr(struct reader *reader, uint32_t index, bool present, uint64_t value)
{
    struct dump_cpu *cpu = reader->msr_cpu != NULL ? reader->msr_cpu : &reader->dump->common;

    reader->said_something = true;
    for (size_t i = 0; i < cpu->msr_count && !reader->skip_msrs; i++) {
        const struct raw_msr *known = &cpu->msr[i];

        if (known->index == index) {
            return (known->present == present && known->value == value)
                   || fail(reader, arena_format(reader->arena, "MSR 0x%x has been given before, "
                                                "with another value", (unsigned)index));
        }
    }
    if (reader->skip_msrs) {
        return true;
    }
    if (cpu->msr_count == DUMP_WORDS_MAX) {
        return fail(reader, "one CPU cannot have so many MSRs");
    }
    cpu->msr = arena_grow(reader->arena, cpu->msr, cpu->msr_count, sizeof(*cpu->msr));
    cpu->msr[cpu->msr_count++] = (struct raw_msr){ index, present, value };
    return true;
}

/* ---- forms of lines ---- */

/* "   0x00000001 0x00: eax=0x... ebx=0x... ecx=0x... edx=0x...": cpuid -r. */
static bool read_cpuid_line(struct reader *reader, const char *text)
{
    static const char *const names[4] = { "eax=", "ebx=", "ecx=", "edx=" };
    uint64_t leaf, subleaf, value;
    uint32_t number, word[4];

    reader->cpuid_lines = true;
    text = take_prefixed(text, 8, &leaf);
    if (text == NULL || (text = take_prefixed(skip_blanks(text), 8, &subleaf)) == NULL
        || *text++ != ':') {
        return fail_cut(reader, "a line of cpuid -r");
    }
    for (unsigned i = 0; i < 4; i++) {
        text = after(skip_blanks(text), names[i]);
        text = text != NULL ? after(text, "0x") : NULL;
        if (text == NULL || (text = take_hex(text, 8, 8, &value)) == NULL) {
            return fail_cut(reader, "a line of cpuid -r");
        }
        word[i] = (uint32_t)value;
    }
    number = (uint32_t)subleaf;
    return at_end(text) ? add_cpuid(reader, (uint32_t)leaf, &number, word)
                        : fail_cut(reader, "a line of cpuid -r");
}

/* "CPUID 00000004: 1C004121-01C0003F-0000003F-00000000 [SL 01]": AIDA64.  text: behind "CPUID ". */
static bool read_aida_cpuid(struct reader *reader, const char *text)
{
    uint64_t leaf, value, given;
    const char *note, *number;
    uint32_t word[4], subleaf;

    text = take_hex(skip_blanks(text), 8, 8, &leaf);
    if (text == NULL || strspn(text, ": \t") == 0) {
        return fail_cut(reader, "a CPUID line of AIDA64");
    }
    text += strspn(text, ": \t");
    for (unsigned i = 0; i < 4; i++) {
        if ((text = take_hex(text, 8, 8, &value)) == NULL || (i != 3 && *text++ != '-')) {
            return fail_cut(reader, "a CPUID line of AIDA64");
        }
        word[i] = (uint32_t)value;
    }
    note = skip_blanks(text);
    number = after(note, "[SL ");
    if (number != NULL && take_hex(number, 1, 8, &given) != NULL) {
        subleaf = (uint32_t)given;
        return add_cpuid(reader, (uint32_t)leaf, &subleaf, word);
    }
    return *note == '\0' || *note == '[' ? add_cpuid(reader, (uint32_t)leaf, NULL, word)
                                         : fail_cut(reader, "a CPUID line of AIDA64");
}

/* "MSR 0000001B: 0000-0000-FEE0-0900 [...]": AIDA64.  A value of "????" was not read. */
static bool read_aida_msr(struct reader *reader, const char *text, uint32_t index)
{
    uint64_t value = 0, part;

    text += strspn(text, ": \t");
    if (*text == '?') {
        reader->said_something = true;
        return true;
    }
    for (unsigned i = 0; i < 4; i++) {
        if ((text = take_hex(text, 4, 4, &part)) == NULL || (i != 3 && *text++ != '-')) {
            return fail_cut(reader, "an MSR line of AIDA64");
        }
        value = value << 16 | part;
    }
    text = skip_blanks(text);
    return *text == '\0' || *text == '[' ? add_msr(reader, index, true, value)
                                         : fail_cut(reader, "an MSR line of AIDA64");
}

/* A value of at least so many digits, #GP or rdmsr's complaint; false: it is none of them. */
static bool take_msr_value(const char *text, unsigned least, bool *present, uint64_t *value)
{
    const char *digits = after(text, "#GP");

    *value = 0;
    *present = strstr(text, "cannot read") == NULL && (digits == NULL || !at_end(digits));
    if (!*present) {
        return true;
    }
    digits = after(text, "0x");
    text = take_hex(digits != NULL ? digits : text, least, 16, value);
    return text != NULL && at_end(text);
}

/* What stands behind the index: a value of at least so many digits, or nothing. */
static bool read_msr_value(struct reader *reader, const char *text, unsigned least, uint32_t index)
{
    uint64_t value;
    bool present;

    text += strspn(text, ":= \t");
    if (*text == '\0') {
        reader->dump->without_value++;
        reader->said_something = true;
        return true;
    }
    if (!take_msr_value(text, least, &present, &value)) {
        return fail_cut(reader, "an MSR and its value");
    }
    if (reader->unended && !take_msr_value(text, 16, &present, &value)) {
        return fail(reader, arena_format(reader->arena, "the file ends within %s: was it cut? If "
                                         "the value is whole, end the line", quoted(reader)));
    }
    return add_msr(reader, index, present, value);
}

/*
 * "480 00da040000000004".  A number without 0x may be anything; it is an index when Sextant reads
 * this MSR and its value follows.  No index that Sextant knows is another one's in decimal.
 */
static bool find_bare_msr(const char *text, const char **rest, uint32_t *index)
{
    uint64_t number, value;
    bool present;

    *rest = take_hex(text, 1, 8, &number);
    *index = (uint32_t)number;
    return *rest != NULL && strspn(*rest, ":= \t") != 0 && raw_msr_name(*index) != NULL
           && take_msr_value(*rest + strspn(*rest, ":= \t"), 1, &present, &value);
}

/* Behind "MSR ": AIDA64's, or "0x00000480 IA32_VMX_BASIC = 0x..." of a report. */
static bool read_msr_line(struct reader *reader, const char *text)
{
    uint64_t index;
    const char *rest;

    text = skip_blanks(text);
    rest = take_prefixed(text, 8, &index);
    if (rest != NULL) {
        const char *equals = strchr(rest, '=');

        return read_msr_value(reader, equals != NULL ? equals : rest, equals != NULL ? 16 : 1,
                              (uint32_t)index);
    }
    rest = take_hex(text, 8, 8, &index);
    return rest != NULL ? read_aida_msr(reader, rest, (uint32_t)index)
                        : fail_cut(reader, "an MSR line");
}

/* The MSR that a word names; false: none that Sextant knows. */
static bool find_msr_name(const char *word, size_t length, uint32_t *index)
{
    static const struct { const char *name; uint32_t index; } names[] = {
#define MSR(name, index, gate) { #name, index },
#include "probe/msrs.def"
#undef MSR
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i].name) == length && strncmp(word, names[i].name, length) == 0) {
            *index = names[i].index;
            return true;
        }
    }
    return false;
}

/* The number behind "Logical CPU #", "(CPU #" or "CPU#"; NULL: this line is no such heading. */
static const char *cpu_heading(const char *text)
{
    static const char *const heads[] = { "Logical CPU #", "(CPU #", "CPU#" };

    for (unsigned i = 0; i < 3; i++) {
        const char *found = strstr(text, heads[i]);

        if (found != NULL && isdigit((unsigned char)found[strlen(heads[i])])) {
            return found + strlen(heads[i]);
        }
    }
    return NULL;
}

/* AIDA64 says in its headings whose lines follow.  Of its MSRs those of the first CPU count. */
static bool read_heading(struct reader *reader, const char *text)
{
    const char *number = cpu_heading(text);

    reader->cpu = NULL;         /* the next leaf begins it */
    if (strstr(text, "MSR Registers") != NULL) {
        reader->msr_cpu = NULL;
        reader->skip_msrs = number != NULL && number[strspn(number, "0")] != ' '
                            && number[strspn(number, "0")] != ')';
    }
    return true;
}

static bool is_cpuid_heading(const char *text)
{
    const char *rest = after(text, "CPU");
    size_t digits;

    if (rest == NULL) {
        return false;
    }
    rest = skip_blanks(rest);
    digits = strspn(rest, "0123456789");
    return rest[digits] == ':' && at_end(rest + digits + 1);
}

static bool pass_over(struct reader *reader)
{
    if (reader->dump->passed_over++ == 0) {
        reader->dump->first_passed_over = reader->number;
    }
    return true;
}

/* A word of hexadecimal digits, with or without 0x: "CPUID 0000000B", but not "CPUID Revision". */
static bool begins_with_number(const char *text)
{
    const char *prefixed = after(skip_blanks(text), "0x");
    const char *word = prefixed != NULL ? prefixed : skip_blanks(text);
    size_t digits = strspn(word, "0123456789abcdefABCDEF");

    return digits != 0 && strchr(": \t", word[digits]) != NULL;
}

static bool read_line(struct reader *reader)
{
    const char *text = skip_blanks(reader->line), *rest;
    size_t word = strcspn(text, ":= \t");
    uint64_t index;
    uint32_t known;

    if (*text == '\0' || *text == '#' || strncmp(text, "//", 2) == 0) {
        return true;
    }
    if (is_cpuid_heading(text)) {
        reader->cpu = NULL;
        return start_cpu(reader);
    }
    if (cpu_heading(text) != NULL || strstr(text, "MSR Registers") != NULL) {
        return read_heading(reader, text);
    }
    if ((rest = after(text, "CPUID ")) != NULL && begins_with_number(rest)) {
        return read_aida_cpuid(reader, rest);
    }
    if ((rest = after(text, "MSR ")) != NULL && begins_with_number(rest)) {
        return read_msr_line(reader, rest);
    }
    if ((rest = take_prefixed(text, 8, &index)) != NULL) {
        /* Those of cpuid -r are indented, even when they are cut. */
        return strstr(rest, ": e") != NULL || (reader->cpuid_lines && text != reader->line)
               ? read_cpuid_line(reader, text)
               : read_msr_value(reader, rest, 1, (uint32_t)index);
    }
    if (find_msr_name(text, word, &known)) {
        return read_msr_value(reader, text + word, 1, known);
    }
    if (find_bare_msr(text, &rest, &known)) {
        return read_msr_value(reader, rest, 1, known);
    }
    return pass_over(reader);
}

/* Takes the line at text; what is longer than a line can be says nothing, and is cut. */
static bool take_line(struct reader *reader, const char *text, size_t length)
{
    reader->number++;
    while (length != 0 && (text[length - 1] == '\r' || text[length - 1] == ' ')) {
        length--;
    }
    if (memchr(text, '\0', length) != NULL) {
        return fail(reader, "a zero byte stands there: this is no text file");
    }
    length = length < LINE_MAX ? length : LINE_MAX - 1;
    memcpy(reader->line, text, length);
    reader->line[length] = '\0';
    return read_line(reader);
}

bool dump_read(struct arena *arena, const char *text, size_t length, struct dump *dump,
               struct input_error *error)
{
    struct reader reader = { .arena = arena, .dump = dump, .error = error };
    size_t at = 0;

    *error = (struct input_error){ 0, NULL };
    while (at < length) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - (text + at)) : length - at;

        reader.unended = end == NULL;
        if (!take_line(&reader, text + at, line)) {
            return false;
        }
        at += line + 1;
    }
    if (!reader.said_something) {
        reader.number = 0;
        return fail(&reader, length == 0 ? "it is empty"
                    : "it is none of what can be read: a Sextant report (the serial log, or its "
                      "JSON object), the output of cpuid -r, an InstLatX64 dump, or a list of "
                      "MSRs, one in a line with its value, like \"0x480 00da040000000004\"");
    }
    return true;
}
