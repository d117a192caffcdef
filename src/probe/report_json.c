/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as one JSON object on one line (RFC 8259), so that neither line ends nor line breaks
 * of a console can change the bytes under the CRC.  docs/report-format.md > The JSON object.
 */
#include "probe/report_output.h"

#include "lib/format.h"

struct json {
    struct report_output output;
    bool comma;                 /* the next member or element needs one before it */
};

static void separate(struct json *json)
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
static void put_string(struct json *json, const char *string)
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
static void name(struct json *json, const char *key)
{
    separate(json);
    if (key != NULL) {
        put_string(json, key);
        report_put(&json->output, ":", 1);
    }
}

static void open(struct json *json, const char *key, char bracket)
{
    name(json, key);
    report_put(&json->output, &bracket, 1);
    json->comma = false;
}

static void close(struct json *json, char bracket)
{
    report_put(&json->output, &bracket, 1);
    json->comma = true;
}

/* NULL becomes null. */
static void string(struct json *json, const char *key, const char *value)
{
    name(json, key);
    if (value != NULL) {
        put_string(json, value);
    } else {
        report_print(&json->output, "null");
    }
}

static void number(struct json *json, const char *key, uint64_t value)
{
    name(json, key);
    report_print(&json->output, "%" FORMAT_64 "u", value);
}

static void boolean(struct json *json, const char *key, bool value)
{
    name(json, key);
    report_print(&json->output, value ? "true" : "false");
}

/* 64-bit registers are strings, because many readers of JSON keep 53 bits of a number. */
static void hex(struct json *json, const char *key, uint64_t value)
{
    name(json, key);
    report_print(&json->output, "\"0x%" FORMAT_64 "x\"", value);
}

/* An identifier of the tables in lower case, as mask= takes it. */
static void identifier(struct json *json, const char *key, const char *value)
{
    char lower[64];
    size_t length = 0;

    for (; value[length] != '\0' && length + 1 < sizeof(lower); length++) {
        char c = value[length];

        lower[length] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    lower[length] = '\0';
    string(json, key, lower);
}

static const char *strategy_name_or_null(uint8_t id)
{
    return id == STRATEGY_NONE ? NULL : strategy_row((enum strategy_id)id)->name;
}

/* ---- parts ---- */

static void write_missing(struct json *json, const struct strategy_verdict *verdict)
{
    open(json, "missing", '[');
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        for (unsigned j = 0; j < verdict->missing[i].count; j++) {
            identifier(json, NULL,
                       capability_row((enum capability_id)verdict->missing[i].id[j])->id);
        }
    }
    close(json, ']');
}

static void write_strategy(struct json *json, const struct report_input *input,
                           enum strategy_id id)
{
    const struct strategy_verdict *verdict = &input->selection->strategy[id];
    char reason[SELECTION_SENTENCE_MAX];

    selection_format_reason(input->selection, input->capabilities, id, reason, sizeof(reason));
    open(json, NULL, '{');
    string(json, "name", strategy_row(id)->name);
    string(json, "verdict", verdict_name((enum verdict)verdict->verdict));
    boolean(json, "built", verdict->built);
    string(json, "reason", reason);
    write_missing(json, verdict);
    close(json, '}');
}

static void write_axes(struct json *json, const struct report_input *input)
{
    open(json, "axes", '[');
    for (unsigned i = 0; i < AXIS_COUNT; i++) {
        const struct axis_selection *selection = &input->selection->axis[i];
        const struct axis_row *axis = axis_row((enum axis)i);

        open(json, NULL, '{');
        string(json, "axis", axis->name);
        string(json, "chosen", strategy_name_or_null(selection->chosen));
        string(json, "automatic", strategy_name_or_null(selection->automatic));
        boolean(json, "asked", selection->asked);
        boolean(json, "forced", selection->forced);
        boolean(json, "refused", selection->refused);
        boolean(json, "verified", selection->verified);
        boolean(json, "fallback", selection->fallback);
        string(json, "lost", selection->lost);
        open(json, "strategies", '[');
        for (unsigned j = 0; j < axis->count; j++) {
            write_strategy(json, input, (enum strategy_id)(axis->first + j));
        }
        close(json, ']');
        close(json, '}');
    }
    close(json, ']');
}

static void write_backends(struct json *json, const struct report_input *input)
{
    const struct selection *selection = input->selection;

    string(json, "backend", selection->backend == BACKEND_NONE
           ? NULL : backend_row((enum backend_id)selection->backend)->name);
    open(json, "backends", '[');
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct strategy_verdict *verdict = &selection->backends[i];
        char reason[SELECTION_SENTENCE_MAX];

        selection_format_backend_reason(selection, input->capabilities, (enum backend_id)i,
                                        reason, sizeof(reason));
        open(json, NULL, '{');
        string(json, "name", backend_row((enum backend_id)i)->name);
        string(json, "verdict", verdict_name((enum verdict)verdict->verdict));
        boolean(json, "built", verdict->built);
        string(json, "reason", reason);
        write_missing(json, verdict);
        close(json, '}');
    }
    close(json, ']');
}

static const char *lock_name(uint8_t lock)
{
    static const char *const names[] = {
        [FIRMWARE_LOCK_UNKNOWN]  = "unknown",
        [FIRMWARE_LOCK_OPEN]     = "open",
        [FIRMWARE_LOCK_ON]       = "on",
        [FIRMWARE_LOCK_OFF]      = "off",
        [FIRMWARE_LOCK_DISABLED] = "disabled",
    };

    return names[lock];
}

static void write_machine(struct json *json, const struct report_input *input)
{
    const struct capabilities *capabilities = input->capabilities;
    const struct report_environment *environment = input->environment;

    open(json, "machine", '{');
    string(json, "vendor", capabilities->vendor);
    number(json, "signature", raw_cpuid_word(input->raw, 1, 0, RAW_EAX));
    string(json, "hypervisor", capabilities->hypervisor[0] != '\0' ? capabilities->hypervisor
                                                                    : NULL);
    number(json, "physical_address_bits", capabilities->physical_address_bits);
    number(json, "linear_address_bits", capabilities->linear_address_bits);
    number(json, "svm_revision", capabilities->svm_revision);
    number(json, "svm_asids", capabilities->svm_asid_count);
    number(json, "vmx_revision", capabilities->vmx_revision);
    boolean(json, "vmx_revision_differs", capabilities->vmx_revision_differs);
    string(json, "vmx_lock", lock_name(capabilities->vmx_lock));
    string(json, "svm_lock", lock_name(capabilities->svm_lock));
    number(json, "cpus", environment->cpus);
    number(json, "cpus_probed", environment->cpus_probed);
    number(json, "memory_bytes", environment->memory_bytes);
    number(json, "reserved_bytes", environment->reserved_bytes);
    string(json, "loader", environment->loader);
    string(json, "command_line", environment->command_line);
    close(json, '}');
}

static void write_tested(struct json *json, const struct selftest_result *result)
{
    if (result->capability != CAPABILITY_NONE) {
        identifier(json, "capability", capability_row((enum capability_id)result->capability)->id);
    } else {
        const struct strategy_row *row = strategy_row((enum strategy_id)result->strategy);

        string(json, "axis", axis_row(row->axis)->name);
        string(json, "strategy", row->name);
    }
}

static void write_selftests(struct json *json, const struct report_environment *environment)
{
    static const char *const names[] = {
        [SELFTEST_NOT_RUN] = "not run",
        [SELFTEST_PASSED]  = "passed",
        [SELFTEST_LIMITED] = "limited",
        [SELFTEST_FAILED]  = "failed",
    };

    open(json, "selftests", '[');
    for (size_t i = 0; i < environment->selftest_count; i++) {
        const struct selftest_result *result = &environment->selftests[i];

        open(json, NULL, '{');
        write_tested(json, result);
        string(json, "verdict", names[result->verdict]);
        number(json, "exits", result->exits);
        number(json, "ticks", result->ticks);
        if (result->cost.measured) {
            open(json, "cost", '{');
            string(json, "operation",
                   rank_operation(strategy_row((enum strategy_id)result->strategy)->axis));
            number(json, "exits", result->cost.exits);
            number(json, "ticks", result->cost.ticks);
            close(json, '}');
        }
        string(json, "detail", result->detail);
        close(json, '}');
    }
    close(json, ']');
}

static void write_differences(struct json *json, const struct report_environment *environment)
{
    static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };

    open(json, "cpu_differences", '[');
    for (size_t i = 0; i < environment->difference_count; i++) {
        const struct raw_difference *word = &environment->differences[i].word;

        open(json, NULL, '{');
        number(json, "apic_id", environment->differences[i].apic_id);
        hex(json, word->is_msr ? "msr" : "leaf", word->leaf);
        if (!word->is_msr) {
            number(json, "subleaf", word->subleaf);
            string(json, "register", registers[word->reg]);
        }
        if (word->present_a) {
            hex(json, "bootstrap", word->a);
        }
        if (word->present_b) {
            hex(json, "here", word->b);
        }
        close(json, '}');
    }
    close(json, ']');
    number(json, "cpu_differences_total", environment->difference_total);
}

static void write_controls(struct json *json, const struct capabilities *capabilities)
{
    open(json, "vmx_controls", '[');
    for (unsigned i = 0; i < VMX_WORD_COUNT; i++) {
        if (capabilities->vmx[i].msr != 0) {
            open(json, NULL, '{');
            identifier(json, "word", vmx_control_word_row((enum vmx_control_word)i)->id);
            hex(json, "msr", capabilities->vmx[i].msr);
            hex(json, "must_be_1", capabilities->vmx[i].must_be_1);
            hex(json, "may_be_1", capabilities->vmx[i].may_be_1);
            close(json, '}');
        }
    }
    close(json, ']');
}

static void write_capabilities(struct json *json, const struct capabilities *capabilities)
{
    static const char *const groups[CAPABILITY_GROUP_COUNT] = {
        [CAPABILITY_GROUP_COMMON] = "common",
        [CAPABILITY_GROUP_VMX]    = "vmx",
        [CAPABILITY_GROUP_SVM]    = "svm",
    };

    open(json, "capabilities", '[');
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);
        char source[128];

        capability_format_source(capabilities, (enum capability_id)id, source, sizeof(source));
        open(json, NULL, '{');
        identifier(json, "id", row->id);
        string(json, "name", row->name);
        string(json, "group", groups[row->group]);
        string(json, "source", source);
        string(json, "state",
               capability_state_name((enum capability_state)capabilities->state[id]));
        close(json, '}');
    }
    close(json, ']');
}

static void write_raw(struct json *json, const struct raw *raw)
{
    open(json, "raw", '{');
    boolean(json, "truncated", raw->truncated);
    if (raw->msrs_unread) {
        boolean(json, "msrs_unread", true);
    }
    open(json, "cpuid", '[');
    for (unsigned i = 0; i < raw->cpuid_count; i++) {
        open(json, NULL, '[');
        number(json, NULL, raw->cpuid[i].leaf);
        number(json, NULL, raw->cpuid[i].subleaf);
        for (unsigned reg = 0; reg < 4; reg++) {
            number(json, NULL, raw->cpuid[i].word[reg]);
        }
        close(json, ']');
    }
    close(json, ']');
    open(json, "msr", '[');
    for (unsigned i = 0; i < raw->msr_count; i++) {
        open(json, NULL, '[');
        number(json, NULL, raw->msr[i].index);
        if (raw->msr[i].present) {
            hex(json, NULL, raw->msr[i].value);
        } else {
            string(json, NULL, NULL);
        }
        close(json, ']');
    }
    close(json, ']');
    close(json, '}');
}

static void add_advice(void *context, const char *sentence)
{
    string(context, NULL, sentence);
}

static void write_remarks(struct json *json, const struct report_input *input)
{
    uint32_t repeated = input->parameters != NULL ? input->parameters->repeated : 0;

    open(json, "notes", '[');
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        char sentence[64];

        if ((repeated >> i & 1) != 0) {
            format_text(sentence, sizeof(sentence),
                        "%s was given more than once; the last one counts.",
                        parameter_key((enum parameter_id)i));
            string(json, NULL, sentence);
        }
    }
    for (size_t i = 0; i < input->environment->note_count; i++) {
        string(json, NULL, input->environment->notes[i]);
    }
    close(json, ']');
    open(json, "advice", '[');
    report_advise(input, add_advice, json);
    close(json, ']');
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

static void write_outcome(struct json *json, const struct report_input *input)
{
    char sentence[SELECTION_SENTENCE_MAX];

    report_format_sentence(input, sentence, sizeof(sentence));
    string(json, "outcome", outcome_word(report_outcome(input)));
    string(json, "sentence", sentence);
}

static void write_program(struct json *json, const struct report_environment *environment)
{
    const struct report_program *measured = environment->measured;

    string(json, "program", environment->program != NULL ? environment->program : "Sextant");
    string(json, "version", environment->version);
    string(json, "build_id", environment->build_id);
    if (measured != NULL) {
        open(json, "measured", '{');
        string(json, "program", measured->name);
        string(json, "version", measured->version);
        string(json, "build_id", measured->build_id);
        close(json, '}');
    }
}

uint32_t report_write_json(const struct report_input *input, const struct report_sink *sink)
{
    struct json json = { .output = { .sink = sink } };

    open(&json, NULL, '{');
    number(&json, "schema", REPORT_SCHEMA);
    write_program(&json, input->environment);
    write_outcome(&json, input);
    write_backends(&json, input);
    write_axes(&json, input);
    write_machine(&json, input);
    write_selftests(&json, input->environment);
    write_differences(&json, input->environment);
    write_controls(&json, input->capabilities);
    write_capabilities(&json, input->capabilities);
    write_raw(&json, input->raw);
    write_remarks(&json, input);
    close(&json, '}');
    return json.output.crc;
}
