/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine from the JSON object of its report; docs/report-format.md > The JSON object.  The raw
 * registers are derived again by this program's own table; what only the machine could know (states
 * after self-tests, the other CPUs) is taken from the report.
 */
#include "subject.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct arena *arena;
    struct subject *subject;
    const char *error;          /* the first one stays */
    unsigned foreign;           /* capabilities and strategies that this program does not know */
};

/* ---- members ---- */

static void fail(struct reading *r, const char *key, const char *what)
{
    if (r->error == NULL) {
        r->error = arena_format(r->arena, "the report's member \"%s\" is %s", key, what);
    }
}

static const struct json *member(struct reading *r, const struct json *object, const char *key,
                                 enum json_type type)
{
    static const char *const wanted[] = {
        [JSON_NULL] = "", [JSON_BOOLEAN] = "neither true nor false",
        [JSON_NUMBER] = "not a number", [JSON_STRING] = "not a string",
        [JSON_ARRAY] = "not a list", [JSON_OBJECT] = "not an object",
    };
    const struct json *found = json_member(object, key);

    if (found == NULL) {
        fail(r, key, "missing");
    } else if (found->type != type) {
        fail(r, key, wanted[type]);
    } else {
        return found;
    }
    return NULL;
}

static const struct json *first(struct reading *r, const struct json *object, const char *key)
{
    const struct json *list = member(r, object, key, JSON_ARRAY);

    return list != NULL ? list->first : NULL;
}

static uint64_t number(struct reading *r, const struct json *object, const char *key,
                       uint64_t most)
{
    const struct json *found = member(r, object, key, JSON_NUMBER);

    if (found != NULL && (!found->natural || found->number > most)) {
        fail(r, key, "not a number that can stand there");
        return 0;
    }
    return found != NULL ? found->number : 0;
}

static const char *string(struct reading *r, const struct json *object, const char *key)
{
    const struct json *found = member(r, object, key, JSON_STRING);

    return found != NULL ? found->string : "";
}

/* A string, or NULL for null. */
static const char *string_or_null(struct reading *r, const struct json *object, const char *key)
{
    const struct json *found = json_member(object, key);

    return found != NULL && found->type == JSON_NULL ? NULL : string(r, object, key);
}

static bool boolean(struct reading *r, const struct json *object, const char *key)
{
    const struct json *found = member(r, object, key, JSON_BOOLEAN);

    return found != NULL && found->boolean;
}

/* "0x..." of at most 16 digits. */
static uint64_t hex(struct reading *r, const struct json *value, const char *key)
{
    const char *text = value != NULL && value->type == JSON_STRING ? value->string : "";
    size_t digits = strncmp(text, "0x", 2) == 0 ? strspn(text + 2, "0123456789abcdef") : 0;

    if (digits == 0 || digits > 16 || text[2 + digits] != '\0') {
        fail(r, key, "not a register's value (\"0x...\")");
        return 0;
    }
    return strtoull(text + 2, NULL, 16);
}

/* ---- raw registers ---- */

static void read_cpuid(struct reading *r, const struct json *row)
{
    uint32_t word[6] = { 0 };
    unsigned count = 0;

    for (const struct json *value = row->first; value != NULL; value = value->next) {
        if (count == 6 || value->type != JSON_NUMBER || !value->natural
            || value->number > UINT32_MAX) {
            fail(r, "raw.cpuid", "not made of lists of six 32-bit numbers");
            return;
        }
        word[count++] = (uint32_t)value->number;
    }
    if (row->type != JSON_ARRAY || count != 6) {
        fail(r, "raw.cpuid", "not made of lists of six 32-bit numbers");
    } else if (!raw_add_cpuid(&r->subject->raw, word[0], word[1], word + 2)) {
        fail(r, "raw.cpuid", "longer than a report's can be");
    }
}

static void read_msr(struct reading *r, const struct json *row)
{
    const struct json *index = row->type == JSON_ARRAY ? row->first : NULL;
    const struct json *value = index != NULL ? index->next : NULL;
    bool present;

    if (value == NULL || value->next != NULL || index->type != JSON_NUMBER || !index->natural
        || index->number > UINT32_MAX) {
        fail(r, "raw.msr", "not made of lists of an index and a value");
        return;
    }
    present = value->type != JSON_NULL;
    if (!raw_add_msr(&r->subject->raw, (uint32_t)index->number, present,
                     present ? hex(r, value, "raw.msr") : 0)) {
        fail(r, "raw.msr", "longer than a report's can be");
    }
}

static void read_raw(struct reading *r, const struct json *report)
{
    const struct json *raw = member(r, report, "raw", JSON_OBJECT);
    const struct json *unread = json_member(raw, "msrs_unread");

    raw_clear(&r->subject->raw);
    for (const struct json *row = first(r, raw, "cpuid"); row != NULL; row = row->next) {
        read_cpuid(r, row);
    }
    for (const struct json *row = first(r, raw, "msr"); row != NULL; row = row->next) {
        read_msr(r, row);
    }
    r->subject->raw.truncated = boolean(r, raw, "truncated");
    r->subject->raw.msrs_unread = unread != NULL && boolean(r, raw, "msrs_unread");
}

/* ---- the other CPUs ---- */

static bool read_difference(struct reading *r, const struct json *row,
                            struct raw_difference *word)
{
    static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };
    const struct json *msr = json_member(row, "msr");
    const struct json *a = json_member(row, "bootstrap"), *b = json_member(row, "here");

    memset(word, 0, sizeof(*word));
    word->is_msr = msr != NULL;
    if (word->is_msr) {
        word->leaf = (uint32_t)hex(r, msr, "cpu_differences.msr");
    } else {
        const char *name = string(r, row, "register");
        unsigned reg = 0;

        while (reg < 4 && strcmp(registers[reg], name) != 0) {
            reg++;
        }
        if (reg == 4) {
            fail(r, "cpu_differences.register", "none of eax, ebx, ecx, edx");
        }
        word->leaf = (uint32_t)hex(r, json_member(row, "leaf"), "cpu_differences.leaf");
        word->subleaf = (uint32_t)number(r, row, "subleaf", UINT32_MAX);
        word->reg = (enum raw_register)(reg & 3);
    }
    word->present_a = a != NULL;
    word->present_b = b != NULL;
    word->a = a != NULL ? hex(r, a, "cpu_differences.bootstrap") : 0;
    word->b = b != NULL ? hex(r, b, "cpu_differences.here") : 0;
    return r->error == NULL;
}

static void apply_to_cpuid(struct raw *raw, const struct raw_difference *word)
{
    const uint32_t nothing[4] = { 0 };

    for (unsigned i = 0; i < raw->cpuid_count; i++) {
        struct raw_cpuid *entry = &raw->cpuid[i];

        if (entry->leaf == word->leaf && entry->subleaf == word->subleaf) {
            if (word->present_b) {
                entry->word[word->reg] = (uint32_t)word->b;
            } else {
                *entry = raw->cpuid[--raw->cpuid_count];
            }
            return;
        }
    }
    if (word->present_b && raw_add_cpuid(raw, word->leaf, word->subleaf, nothing)) {
        raw->cpuid[raw->cpuid_count - 1].word[word->reg] = (uint32_t)word->b;
    }
}

static void apply_to_msr(struct raw *raw, const struct raw_difference *word)
{
    for (unsigned i = 0; i < raw->msr_count; i++) {
        if (raw->msr[i].index == word->leaf) {
            raw->msr[i].present = word->present_b;
            raw->msr[i].value = word->b;
            return;
        }
    }
    if (word->present_b) {
        raw_add_msr(raw, word->leaf, true, word->b);
    }
}

/* The first CPU's registers with the words that another one has instead. */
static void derive_other_cpu(struct reading *r, uint32_t apic_id)
{
    struct subject *subject = r->subject;
    struct capabilities theirs, common;
    struct raw raw = subject->raw;

    for (size_t i = 0; i < subject->difference_count; i++) {
        const struct cpu_difference *difference = &subject->differences[i];

        if (difference->apic_id == apic_id && difference->word.is_msr) {
            apply_to_msr(&raw, &difference->word);
        } else if (difference->apic_id == apic_id) {
            apply_to_cpuid(&raw, &difference->word);
        }
    }
    capabilities_derive(&raw, &theirs);
    capabilities_weakest(&subject->capabilities, &theirs, &common);
    subject->capabilities = common;
}

static void read_other_cpus(struct reading *r, const struct json *report)
{
    struct subject *subject = r->subject;
    uint32_t last = 0;

    for (const struct json *row = first(r, report, "cpu_differences"); row != NULL;
         row = row->next) {
        struct cpu_difference difference = { .apic_id = (uint32_t)number(r, row, "apic_id",
                                                                         UINT32_MAX) };

        if (!read_difference(r, row, &difference.word)) {
            return;
        }
        subject->differences = arena_grow(r->arena, subject->differences,
                                          subject->difference_count,
                                          sizeof(*subject->differences));
        subject->differences[subject->difference_count++] = difference;
    }
    subject->difference_total = (size_t)number(r, report, "cpu_differences_total", UINT32_MAX);
    /* Those of one CPU stand together. */
    for (size_t i = 0; i < subject->difference_count; i++) {
        if (i == 0 || subject->differences[i].apic_id != last) {
            last = subject->differences[i].apic_id;
            derive_other_cpu(r, last);
        }
    }
}

/* ---- capabilities and self-tests ---- */

static bool same_identifier(const char *lower, const char *id)
{
    for (; *lower != '\0' && *lower == tolower((unsigned char)*id); lower++, id++) {
    }
    return *lower == '\0' && *id == '\0';
}

static enum capability_id find_capability(const char *identifier)
{
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (same_identifier(identifier, capability_row((enum capability_id)id)->id)) {
            return (enum capability_id)id;
        }
    }
    return CAPABILITY_NONE;
}

static int find_state(const char *word)
{
    for (int state = CAPABILITY_ABSENT; state <= CAPABILITY_UNKNOWN; state++) {
        if (strcmp(word, capability_state_name((enum capability_state)state)) == 0) {
            return state;
        }
    }
    return -1;
}

static void read_states(struct reading *r, const struct json *report)
{
    for (const struct json *row = first(r, report, "capabilities"); row != NULL;
         row = row->next) {
        enum capability_id id = find_capability(string(r, row, "id"));
        int state = find_state(string(r, row, "state"));

        if (state < 0) {
            fail(r, "capabilities.state", "none that this program knows");
            return;
        }
        if (id == CAPABILITY_NONE) {
            r->foreign++;
            continue;
        }
        r->subject->is_stated[id] = true;
        r->subject->stated[id] = (uint8_t)state;
    }
}

static enum axis find_axis(const char *name)
{
    unsigned axis = 0;

    while (axis < AXIS_COUNT && strcmp(axis_row((enum axis)axis)->name, name) != 0) {
        axis++;
    }
    return (enum axis)axis;
}

static enum strategy_id find_strategy(const char *axis_name, const char *name)
{
    enum axis axis = find_axis(axis_name);

    return axis == AXIS_COUNT ? STRATEGY_NONE : strategy_find(axis, name, strlen(name));
}

/* What auto went by; older images did not measure. */
static struct strategy_cost read_cost(struct reading *r, const struct json *row)
{
    const struct json *cost = json_member(row, "cost");

    if (cost == NULL) {
        return (struct strategy_cost){ .measured = false };
    }
    return (struct strategy_cost){
        .measured = true,
        .exits = (uint32_t)number(r, cost, "exits", UINT32_MAX),
        .ticks = number(r, cost, "ticks", UINT64_MAX),
    };
}

/* What was tested; false: this program does not know it. */
static bool read_tested(struct reading *r, const struct json *row, struct selftest_result *result)
{
    if (json_member(row, "capability") != NULL) {
        result->strategy = STRATEGY_NONE;
        result->capability = (uint16_t)find_capability(string(r, row, "capability"));
        return result->capability != CAPABILITY_NONE;
    }
    result->strategy = (uint8_t)find_strategy(string(r, row, "axis"), string(r, row, "strategy"));
    return result->strategy != STRATEGY_NONE;
}

static void read_selftests(struct reading *r, const struct json *report)
{
    static const char *const verdicts[] = { "not run", "passed", "limited", "failed" };
    struct subject *subject = r->subject;

    for (const struct json *row = first(r, report, "selftests"); row != NULL; row = row->next) {
        struct selftest_result result = { .capability = CAPABILITY_NONE };
        bool known = read_tested(r, row, &result);
        const char *word = string(r, row, "verdict");
        unsigned verdict = 0;

        while (verdict < 4 && strcmp(verdicts[verdict], word) != 0) {
            verdict++;
        }
        if (verdict == 4 || subject->selftest_count == SELFTEST_RESULTS) {
            fail(r, "selftests", "not one that this program can read");
            return;
        }
        if (!known) {
            r->foreign++;
            continue;
        }
        result.verdict = (uint8_t)verdict;
        result.exits = (uint32_t)number(r, row, "exits", UINT32_MAX);
        result.ticks = number(r, row, "ticks", UINT64_MAX);
        if (result.capability == CAPABILITY_NONE) {
            result.cost = read_cost(r, row);
        }
        result.detail = string_or_null(r, row, "detail");
        subject->selftests[subject->selftest_count++] = result;
    }
}

/* ---- what was chosen ---- */

static void read_strategies(struct reading *r, const struct json *axis)
{
    for (const struct json *row = first(r, axis, "strategies"); row != NULL; row = row->next) {
        enum strategy_id id = find_strategy(string(r, axis, "axis"), string(r, row, "name"));
        bool built = boolean(r, row, "built");

        if (id == STRATEGY_NONE) {
            r->foreign++;
        } else if (built) {
            strategy_set_add(&r->subject->built, id);
        }
    }
}

static void read_choice(struct reading *r, const struct json *report)
{
    for (const struct json *row = first(r, report, "axes"); row != NULL; row = row->next) {
        enum axis axis = find_axis(string(r, row, "axis"));

        read_strategies(r, row);
        if (axis == AXIS_COUNT) {
            r->foreign++;
        } else {
            r->subject->chosen[axis] = string_or_null(r, row, "chosen");
        }
    }
    for (const struct json *row = first(r, report, "backends"); row != NULL; row = row->next) {
        const char *name = string(r, row, "name");

        for (unsigned id = 0; id < BACKEND_COUNT; id++) {
            if (strcmp(backend_row((enum backend_id)id)->name, name) == 0
                && boolean(r, row, "built")) {
                strategy_set_add_backend(&r->subject->built, (enum backend_id)id);
            }
        }
    }
    r->subject->outcome = string(r, report, "outcome");
}

/* ---- the rest ---- */

static const struct report_program *read_program(struct reading *r, const struct json *object)
{
    struct report_program *program = arena_allocate(r->arena, sizeof(*program));

    program->name = string(r, object, "program");
    program->version = string_or_null(r, object, "version");
    program->build_id = string_or_null(r, object, "build_id");
    return program;
}

static void read_environment(struct reading *r, const struct json *report)
{
    const struct json *machine = member(r, report, "machine", JSON_OBJECT);
    const struct json *measured = json_member(report, "measured");
    struct subject *subject = r->subject;

    subject->cpus = (uint32_t)number(r, machine, "cpus", UINT32_MAX);
    subject->cpus_probed = (uint32_t)number(r, machine, "cpus_probed", UINT32_MAX);
    subject->memory_bytes = number(r, machine, "memory_bytes", UINT64_MAX);
    subject->reserved_bytes = number(r, machine, "reserved_bytes", UINT64_MAX);
    subject->loader = string_or_null(r, machine, "loader");
    subject->command_line = string_or_null(r, machine, "command_line");
    if (boolean(r, machine, "vmx_revision_differs")) {
        subject->capabilities.vmx_revision_differs = true;
    }
    for (const struct json *note = first(r, report, "notes"); note != NULL; note = note->next) {
        if (note->type != JSON_STRING) {
            fail(r, "notes", "not a list of strings");
            return;
        }
        subject_note(r->arena, subject, note->string);
    }
    if (measured != NULL) {
        subject->measured = read_program(r, measured);
    } else if (strcmp(string(r, report, "program"), "sextant-probe") != 0) {
        subject->measured = read_program(r, report);
    }
}

/* What the report says of a capability against what its own registers say to this program. */
static void merge_states(struct reading *r)
{
    struct subject *subject = r->subject;
    unsigned contradictions = 0;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        uint8_t *state = &subject->capabilities.state[id];

        if (!subject->is_stated[id]) {
            continue;
        }
        switch ((enum capability_state)subject->stated[id]) {
        case CAPABILITY_ABSENT:
        case CAPABILITY_UNKNOWN:
            *state = subject->stated[id];       /* the report has seen every CPU */
            break;
        case CAPABILITY_VERIFIED:
            contradictions += *state == CAPABILITY_ABSENT;
            capability_mark_verified(&subject->capabilities, (enum capability_id)id);
            break;
        case CAPABILITY_BROKEN:
        case CAPABILITY_FORCED:                 /* forced is what was asked for, not seen */
            contradictions += *state == CAPABILITY_ABSENT;
            capability_mark_broken(&subject->capabilities, (enum capability_id)id);
            break;
        case CAPABILITY_ADVERTISED:
        case CAPABILITY_MASKED:
            contradictions += *state == CAPABILITY_ABSENT;
            break;
        }
    }
    if (contradictions != 0) {
        subject_note(r->arena, subject,
                     arena_format(r->arena, "%u capabilit%s that the report names as present "
                                  "%s absent in its own raw registers: absent counts.",
                                  contradictions, contradictions == 1 ? "y" : "ies",
                                  contradictions == 1 ? "is" : "are"));
    }
    if (r->foreign != 0) {
        subject_note(r->arena, subject,
                     arena_format(r->arena, "The report has %u entr%s that this program does not "
                                  "know: it was written by another version.", r->foreign,
                                  r->foreign == 1 ? "y" : "ies"));
    }
}

static bool is_report(struct reading *r, const struct json *report)
{
    const struct json *program = json_member(report, "program");
    const struct json *schema = json_member(report, "schema");

    if (program == NULL || program->type != JSON_STRING
        || (strcmp(program->string, "Sextant") != 0
            && strcmp(program->string, "sextant-probe") != 0)) {
        r->error = "this JSON is not a Sextant report: its member \"program\" does not say so";
    } else if (schema == NULL || !schema->natural || schema->number != REPORT_SCHEMA) {
        r->error = arena_format(r->arena, "the report's schema is not %u, the one that this "
                                "program reads: use the sextant-probe of the version that wrote "
                                "it", REPORT_SCHEMA);
    }
    return r->error == NULL;
}

bool subject_from_report(struct arena *arena, const struct json *report, struct subject *subject,
                         const char **error)
{
    struct reading r = { .arena = arena, .subject = subject };

    memset(subject, 0, sizeof(*subject));
    subject->is_report = true;
    if (is_report(&r, report)) {
        read_raw(&r, report);
        capabilities_derive(&subject->raw, &subject->capabilities);
        read_other_cpus(&r, report);
        read_states(&r, report);
        read_selftests(&r, report);
        read_choice(&r, report);
        read_environment(&r, report);
        merge_states(&r);
    }
    *error = r.error;
    return r.error == NULL;
}
