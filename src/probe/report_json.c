/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as one JSON object on one line (RFC 8259), so that neither line ends nor line breaks
 * of a console can change the bytes under the CRC.  docs/report-format.md > The JSON object.
 */
#include "probe/report_json_output.h"
#include "probe/report_output.h"

#include "lib/format.h"

static const char *strategy_name_or_null(uint8_t id)
{
    return id == STRATEGY_NONE ? NULL : strategy_row((enum strategy_id)id)->name;
}

/* ---- parts ---- */

static void write_missing(struct json_output *json, const struct strategy_verdict *verdict)
{
    json_open(json, "missing", '[');
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        for (unsigned j = 0; j < verdict->missing[i].count; j++) {
            json_identifier(json, NULL,
                            capability_row((enum capability_id)verdict->missing[i].id[j])->id);
        }
    }
    json_close(json, ']');
}

static void write_strategy(struct json_output *json, const struct report_input *input,
                           enum strategy_id id)
{
    const struct strategy_verdict *verdict = &input->selection->strategy[id];
    char reason[SELECTION_SENTENCE_MAX];

    selection_format_reason(input->selection, input->capabilities, id, reason, sizeof(reason));
    json_open(json, NULL, '{');
    json_string(json, "name", strategy_row(id)->name);
    json_string(json, "verdict", verdict_name((enum verdict)verdict->verdict));
    json_boolean(json, "built", verdict->built);
    json_string(json, "reason", reason);
    write_missing(json, verdict);
    json_close(json, '}');
}

static void write_axes(struct json_output *json, const struct report_input *input)
{
    json_open(json, "axes", '[');
    for (unsigned i = 0; i < AXIS_COUNT; i++) {
        const struct axis_selection *selection = &input->selection->axis[i];
        const struct axis_row *axis = axis_row((enum axis)i);

        json_open(json, NULL, '{');
        json_string(json, "axis", axis->name);
        json_string(json, "chosen", strategy_name_or_null(selection->chosen));
        json_string(json, "automatic", strategy_name_or_null(selection->automatic));
        json_boolean(json, "asked", selection->asked);
        json_boolean(json, "forced", selection->forced);
        json_boolean(json, "refused", selection->refused);
        json_boolean(json, "verified", selection->verified);
        json_boolean(json, "fallback", selection->fallback);
        json_string(json, "lost", selection->lost);
        json_open(json, "strategies", '[');
        for (unsigned j = 0; j < axis->count; j++) {
            write_strategy(json, input, (enum strategy_id)(axis->first + j));
        }
        json_close(json, ']');
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_backends(struct json_output *json, const struct report_input *input)
{
    const struct selection *selection = input->selection;

    json_string(json, "backend", selection->backend == BACKEND_NONE
                ? NULL : backend_row((enum backend_id)selection->backend)->name);
    json_open(json, "backends", '[');
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct strategy_verdict *verdict = &selection->backends[i];
        char reason[SELECTION_SENTENCE_MAX];

        selection_format_backend_reason(selection, input->capabilities, (enum backend_id)i,
                                        reason, sizeof(reason));
        json_open(json, NULL, '{');
        json_string(json, "name", backend_row((enum backend_id)i)->name);
        json_string(json, "verdict", verdict_name((enum verdict)verdict->verdict));
        json_boolean(json, "built", verdict->built);
        json_string(json, "reason", reason);
        write_missing(json, verdict);
        json_close(json, '}');
    }
    json_close(json, ']');
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

static void write_machine(struct json_output *json, const struct report_input *input)
{
    const struct capabilities *capabilities = input->capabilities;
    const struct report_environment *environment = input->environment;

    json_open(json, "machine", '{');
    json_string(json, "vendor", capabilities->vendor);
    json_number(json, "signature", raw_cpuid_word(input->raw, 1, 0, RAW_EAX));
    json_string(json, "hypervisor", capabilities->hypervisor[0] != '\0' ? capabilities->hypervisor
                                                                         : NULL);
    json_number(json, "physical_address_bits", capabilities->physical_address_bits);
    json_number(json, "linear_address_bits", capabilities->linear_address_bits);
    json_number(json, "svm_revision", capabilities->svm_revision);
    json_number(json, "svm_asids", capabilities->svm_asid_count);
    json_number(json, "vmx_revision", capabilities->vmx_revision);
    json_boolean(json, "vmx_revision_differs", capabilities->vmx_revision_differs);
    json_string(json, "vmx_lock", lock_name(capabilities->vmx_lock));
    json_string(json, "svm_lock", lock_name(capabilities->svm_lock));
    json_number(json, "cpus", environment->cpus);
    json_number(json, "cpus_probed", environment->cpus_probed);
    json_number(json, "memory_bytes", environment->memory_bytes);
    json_number(json, "reserved_bytes", environment->reserved_bytes);
    json_string(json, "loader", environment->loader);
    json_string(json, "command_line", environment->command_line);
    json_close(json, '}');
}

static void write_tested(struct json_output *json, const struct selftest_result *result)
{
    if (result->capability != CAPABILITY_NONE) {
        json_identifier(json, "capability",
                        capability_row((enum capability_id)result->capability)->id);
    } else {
        const struct strategy_row *row = strategy_row((enum strategy_id)result->strategy);

        json_string(json, "axis", axis_row(row->axis)->name);
        json_string(json, "strategy", row->name);
    }
}

static void write_selftests(struct json_output *json, const struct report_environment *environment)
{
    static const char *const names[] = {
        [SELFTEST_NOT_RUN] = "not run",
        [SELFTEST_PASSED]  = "passed",
        [SELFTEST_LIMITED] = "limited",
        [SELFTEST_FAILED]  = "failed",
    };

    json_open(json, "selftests", '[');
    for (size_t i = 0; i < environment->selftest_count; i++) {
        const struct selftest_result *result = &environment->selftests[i];

        json_open(json, NULL, '{');
        write_tested(json, result);
        json_string(json, "verdict", names[result->verdict]);
        json_number(json, "exits", result->exits);
        json_number(json, "ticks", result->ticks);
        if (result->cost.measured) {
            json_open(json, "cost", '{');
            json_string(json, "operation",
                        rank_operation(strategy_row((enum strategy_id)result->strategy)->axis));
            json_number(json, "exits", result->cost.exits);
            json_number(json, "ticks", result->cost.ticks);
            json_close(json, '}');
        }
        json_string(json, "detail", result->detail);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_differences(struct json_output *json,
                              const struct report_environment *environment)
{
    static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };

    json_open(json, "cpu_differences", '[');
    for (size_t i = 0; i < environment->difference_count; i++) {
        const struct raw_difference *word = &environment->differences[i].word;

        json_open(json, NULL, '{');
        json_number(json, "apic_id", environment->differences[i].apic_id);
        json_hex(json, word->is_msr ? "msr" : "leaf", word->leaf);
        if (!word->is_msr) {
            json_number(json, "subleaf", word->subleaf);
            json_string(json, "register", registers[word->reg]);
        }
        if (word->present_a) {
            json_hex(json, "bootstrap", word->a);
        }
        if (word->present_b) {
            json_hex(json, "here", word->b);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
    json_number(json, "cpu_differences_total", environment->difference_total);
}

static void write_controls(struct json_output *json, const struct capabilities *capabilities)
{
    json_open(json, "vmx_controls", '[');
    for (unsigned i = 0; i < VMX_WORD_COUNT; i++) {
        if (capabilities->vmx[i].msr != 0) {
            json_open(json, NULL, '{');
            json_identifier(json, "word", vmx_control_word_row((enum vmx_control_word)i)->id);
            json_hex(json, "msr", capabilities->vmx[i].msr);
            json_hex(json, "must_be_1", capabilities->vmx[i].must_be_1);
            json_hex(json, "may_be_1", capabilities->vmx[i].may_be_1);
            json_close(json, '}');
        }
    }
    json_close(json, ']');
}

static void write_capabilities(struct json_output *json, const struct capabilities *capabilities)
{
    static const char *const groups[CAPABILITY_GROUP_COUNT] = {
        [CAPABILITY_GROUP_COMMON] = "common",
        [CAPABILITY_GROUP_VMX]    = "vmx",
        [CAPABILITY_GROUP_SVM]    = "svm",
    };

    json_open(json, "capabilities", '[');
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);
        char source[128];

        capability_format_source(capabilities, (enum capability_id)id, source, sizeof(source));
        json_open(json, NULL, '{');
        json_identifier(json, "id", row->id);
        json_string(json, "name", row->name);
        json_string(json, "group", groups[row->group]);
        json_string(json, "source", source);
        json_string(json, "state",
                    capability_state_name((enum capability_state)capabilities->state[id]));
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_raw(struct json_output *json, const struct raw *raw)
{
    json_open(json, "raw", '{');
    json_boolean(json, "truncated", raw->truncated);
    if (raw->msrs_unread) {
        json_boolean(json, "msrs_unread", true);
    }
    json_open(json, "cpuid", '[');
    for (unsigned i = 0; i < raw->cpuid_count; i++) {
        json_open(json, NULL, '[');
        json_number(json, NULL, raw->cpuid[i].leaf);
        json_number(json, NULL, raw->cpuid[i].subleaf);
        for (unsigned reg = 0; reg < 4; reg++) {
            json_number(json, NULL, raw->cpuid[i].word[reg]);
        }
        json_close(json, ']');
    }
    json_close(json, ']');
    json_open(json, "msr", '[');
    for (unsigned i = 0; i < raw->msr_count; i++) {
        json_open(json, NULL, '[');
        json_number(json, NULL, raw->msr[i].index);
        if (raw->msr[i].present) {
            json_hex(json, NULL, raw->msr[i].value);
        } else {
            json_string(json, NULL, NULL);
        }
        json_close(json, ']');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void add_advice(void *context, const char *sentence)
{
    json_string(context, NULL, sentence);
}

static void write_remarks(struct json_output *json, const struct report_input *input)
{
    uint32_t repeated = input->parameters != NULL ? input->parameters->repeated : 0;

    json_open(json, "notes", '[');
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        char sentence[64];

        if ((repeated >> i & 1) != 0) {
            format_text(sentence, sizeof(sentence),
                        "%s was given more than once; the last one counts.",
                        parameter_key((enum parameter_id)i));
            json_string(json, NULL, sentence);
        }
    }
    for (size_t i = 0; i < input->environment->note_count; i++) {
        json_string(json, NULL, input->environment->notes[i]);
    }
    json_close(json, ']');
    json_open(json, "advice", '[');
    report_advise(input, add_advice, json);
    json_close(json, ']');
}

static void write_program(struct json_output *json, const struct report_environment *environment)
{
    const struct report_program *measured = environment->measured;

    json_string(json, "program", environment->program != NULL ? environment->program : "Sextant");
    json_string(json, "version", environment->version);
    json_string(json, "build_id", environment->build_id);
    if (measured != NULL) {
        json_open(json, "measured", '{');
        json_string(json, "program", measured->name);
        json_string(json, "version", measured->version);
        json_string(json, "build_id", measured->build_id);
        json_close(json, '}');
    }
}

uint32_t report_write_json(const struct report_input *input, const struct report_sink *sink)
{
    struct json_output json = { .output = { .sink = sink } };

    json_open(&json, NULL, '{');
    json_number(&json, "schema", REPORT_SCHEMA);
    write_program(&json, input->environment);
    json_outcome(&json, input);
    write_backends(&json, input);
    write_axes(&json, input);
    if (input->request->rank_static) {
        json_string(&json, "rank", "static");
    }
    write_machine(&json, input);
    write_selftests(&json, input->environment);
    write_differences(&json, input->environment);
    write_controls(&json, input->capabilities);
    write_capabilities(&json, input->capabilities);
    write_raw(&json, input->raw);
    write_remarks(&json, input);
    json_close(&json, '}');
    return json.output.crc;
}
