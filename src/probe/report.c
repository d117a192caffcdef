/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of the report, in the order that docs/report-format.md gives: verdict, axes, machine,
 * self-tests, differences, notes, capabilities, raw registers, JSON, advice.
 */
#include "probe/report.h"

#include <string.h>

#include "lib/format.h"
#include "probe/report_output.h"

static const char *const register_names[4] = { "eax", "ebx", "ecx", "edx" };

/* Where the text of an axis or a fact starts. */
#define FACT_COLUMN  13

enum outcome report_outcome(const struct report_input *input)
{
    if (input->environment->refusal != NULL) {
        return OUTCOME_REFUSED;
    }
    return input->environment->unknown != NULL ? OUTCOME_CANNOT_TELL
                                               : (enum outcome)input->selection->outcome;
}

void report_format_sentence(const struct report_input *input, char *buffer, size_t size)
{
    if (input->environment->refusal != NULL) {
        format_text(buffer, size, "%s", input->environment->refusal);
    } else if (input->environment->unknown != NULL) {
        format_text(buffer, size, "%s", input->environment->unknown);
    } else {
        selection_format_outcome(input->selection, input->capabilities, input->request, buffer,
                                 size);
    }
}

static void write_verdict(const struct report_input *input, struct report_output *output)
{
    char sentence[SELECTION_SENTENCE_MAX];
    enum outcome outcome = report_outcome(input);
    bool bracketed = outcome == OUTCOME_DEGRADED;

    report_format_sentence(input, sentence, sizeof(sentence));
    report_print(output, "Sextant: %s", outcome_name(outcome));
    if (sentence[0] != '\0') {
        report_print(output, bracketed ? " (" : ": ");
        report_put(output, sentence, strlen(sentence));
        report_print(output, bracketed ? ")" : "");
    }
    report_print(output, "\n");
}

/* ---- axes ---- */

static const char *trust(const struct report_input *input, enum axis axis)
{
    const struct axis_selection *selection = &input->selection->axis[axis];

    if (selection->forced) {
        return "FORCED";
    }
    if (input->request->selftest[selection->chosen] == SELFTEST_PASSED) {
        return "verified";
    }
    if (input->request->selftest[selection->chosen] == SELFTEST_LIMITED) {
        return "works, with a limit";
    }
    return selection->verified ? "nothing to test" : "advertised, not tested";
}

static void write_backend(const struct report_input *input, struct report_output *output)
{
    const struct selection *selection = input->selection;
    struct report_paragraph paragraph;
    char reason[SELECTION_SENTENCE_MAX];

    report_begin(&paragraph, output, FACT_COLUMN, "  backend    ");
    if (selection->backend == BACKEND_NONE) {
        report_add(&paragraph, "none.");
    } else {
        const struct backend_row *row = backend_row((enum backend_id)selection->backend);

        report_add_format(&paragraph, "%s: %s.", row->name, row->what);
    }
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        if (i != selection->backend) {
            selection_format_backend_reason(selection, input->capabilities, (enum backend_id)i,
                                            reason, sizeof(reason));
            report_add_format(&paragraph, " Rejected %s: ",
                              backend_row((enum backend_id)i)->name);
            report_add(&paragraph, reason);
            report_add(&paragraph, ".");
        }
    }
    report_end(&paragraph);
}

static void write_axis(const struct report_input *input, enum axis axis,
                       struct report_output *output)
{
    const struct axis_selection *selection = &input->selection->axis[axis];
    const struct axis_row *row = axis_row(axis);
    struct report_paragraph paragraph;
    char reason[SELECTION_SENTENCE_MAX];

    format_text(reason, sizeof(reason), "  %-10s ", row->name);
    report_begin(&paragraph, output, FACT_COLUMN, reason);
    if (selection->chosen == STRATEGY_NONE) {
        report_add(&paragraph, "none.");
    } else {
        enum strategy_id id = (enum strategy_id)selection->chosen;

        selection_format_reason(input->selection, input->capabilities, id, reason,
                                sizeof(reason));
        report_add_format(&paragraph, "%s [%s]: %s;", strategy_row(id)->name, trust(input, axis),
                          strategy_row(id)->what);
        report_add_format(&paragraph, " %s.", reason);
        if (selection->lost != NULL) {
            report_add_format(&paragraph, " %s: %s.", selection->fallback ? "Fallback, you lose"
                                                                          : "Cost",
                              selection->lost);
        }
    }
    for (unsigned i = 0; i < row->count; i++) {
        enum strategy_id id = (enum strategy_id)(row->first + i);

        if (id != selection->chosen) {
            selection_format_reason(input->selection, input->capabilities, id, reason,
                                    sizeof(reason));
            report_add_format(&paragraph, " Rejected %s: ", strategy_row(id)->name);
            report_add(&paragraph, reason);
            report_add(&paragraph, ".");
        }
    }
    report_end(&paragraph);
}

/* What auto went by, where somebody asked for another way than the usual one. */
static void write_rank(const struct report_input *input, struct report_output *output)
{
    struct report_paragraph paragraph;

    if (!input->request->rank_static) {
        return;
    }
    report_begin(&paragraph, output, FACT_COLUMN, "  rank       ");
    report_add(&paragraph, "static: auto went by the documented order, whatever was measured "
                           "(rank=static).");
    report_end(&paragraph);
}

/* ---- machine ---- */

static void begin_fact(struct report_output *output, const char *name)
{
    report_print(output, "  %-10s ", name);
}

static void write_foreign_fact(struct report_output *output, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        begin_fact(output, name);
        report_put_foreign(output, value);
        report_print(output, "\n");
    }
}

static const char *lock_sentence(const struct report_input *input)
{
    const struct capabilities *capabilities = input->capabilities;

    if (capability_has(capabilities, CAPABILITY_VMX)) {
        switch ((enum firmware_lock)capabilities->vmx_lock) {
        case FIRMWARE_LOCK_ON:
            return "VMX is locked on (IA32_FEATURE_CONTROL)";
        case FIRMWARE_LOCK_OFF:
            return "VMX is locked off (IA32_FEATURE_CONTROL)";
        case FIRMWARE_LOCK_OPEN:
            return "VMX is not locked (IA32_FEATURE_CONTROL); Sextant enables and locks it";
        default:
            return raw_msr_unread(input->raw, RAW_MSR_IA32_FEATURE_CONTROL)
                   ? "IA32_FEATURE_CONTROL was not read" : "IA32_FEATURE_CONTROL does not exist";
        }
    }
    if (capability_has(capabilities, CAPABILITY_SVM)) {
        switch ((enum firmware_lock)capabilities->svm_lock) {
        case FIRMWARE_LOCK_ON:
            return "SVM is locked on (VM_CR)";
        case FIRMWARE_LOCK_OFF:
            return "SVM is locked off (VM_CR)";
        case FIRMWARE_LOCK_DISABLED:
            return "SVM is disabled, not locked (VM_CR)";
        case FIRMWARE_LOCK_OPEN:
            return "SVM is enabled, not locked (VM_CR)";
        default:
            return raw_msr_unread(input->raw, RAW_MSR_VM_CR)
                   ? "VM_CR was not read"
                   : "VM_CR does not exist, which is not the same as SVM disabled";
        }
    }
    return NULL;
}

static void write_processor(const struct report_input *input, struct report_output *output)
{
    const struct capabilities *capabilities = input->capabilities;
    struct report_paragraph paragraph;
    uint64_t basic;

    report_begin(&paragraph, output, FACT_COLUMN, "  processor  ");
    report_add_format(&paragraph, "%s, signature 0x%08x, %u physical and %u linear address bits",
                      capabilities->vendor[0] != '\0' ? capabilities->vendor : "unknown",
                      (unsigned)raw_cpuid_word(input->raw, 1, 0, RAW_EAX),
                      capabilities->physical_address_bits, capabilities->linear_address_bits);
    if (capability_has(capabilities, CAPABILITY_SVM)) {
        report_add_format(&paragraph, ", SVM revision %u, %u ASIDs", capabilities->svm_revision,
                          (unsigned)capabilities->svm_asid_count);
    }
    if (capability_has(capabilities, CAPABILITY_VMX)
        && raw_msr_value(input->raw, RAW_MSR_IA32_VMX_BASIC, &basic)) {
        report_add_format(&paragraph, ", VMCS revision 0x%08x of %u bytes%s",
                          (unsigned)capabilities->vmx_revision,
                          (unsigned)capabilities->vmx_region_size,
                          capabilities->vmx_revision_differs ? " (CPUs DIFFER)" : "");
    }
    report_end(&paragraph);
    if (capabilities->hypervisor[0] != '\0') {
        begin_fact(output, "host");
        report_print(output, "this machine is itself a guest of \"%s\" (CPUID 0x40000000)\n",
                     capabilities->hypervisor);
    }
}

static void write_machine(const struct report_input *input, struct report_output *output)
{
    const struct report_environment *environment = input->environment;
    const char *lock = lock_sentence(input);

    report_print(output, "\nMachine\n");
    write_processor(input, output);
    write_foreign_fact(output, "firmware", lock);
    if (environment->cpus != 0) {
        begin_fact(output, "CPUs");
        report_print(output, "%u, of which %u repeated the probe\n", (unsigned)environment->cpus,
                     (unsigned)environment->cpus_probed);
    }
    if (environment->memory_bytes != 0) {
        begin_fact(output, "memory");
        report_print(output, "%" FORMAT_64 "u MiB; Sextant keeps %" FORMAT_64 "u KiB of it\n",
                     environment->memory_bytes >> 20, environment->reserved_bytes >> 10);
    }
    write_foreign_fact(output, environment->program != NULL ? "program" : "image",
                       environment->version);
    write_foreign_fact(output, "build id", environment->build_id);
    if (environment->measured != NULL) {
        write_foreign_fact(output, "measured", environment->measured->name);
        write_foreign_fact(output, "  version", environment->measured->version);
        write_foreign_fact(output, "  build id", environment->measured->build_id);
    }
    write_foreign_fact(output, "loader", environment->loader);
    write_foreign_fact(output, "parameters", environment->command_line);
}

/* ---- what was seen ---- */

static void name_selftest(const struct selftest_result *result, char *name, size_t size)
{
    if (result->capability != CAPABILITY_NONE) {
        format_text(name, size, "%s", capability_row((enum capability_id)result->capability)->name);
    } else {
        const struct strategy_row *row = strategy_row((enum strategy_id)result->strategy);

        format_text(name, size, "%s=%s", axis_row(row->axis)->name, row->name);
    }
}

static void write_selftests(const struct report_environment *environment,
                            struct report_output *output)
{
    static const char *const names[] = {
        [SELFTEST_NOT_RUN] = "not run",
        [SELFTEST_PASSED]  = "passed",
        [SELFTEST_LIMITED] = "limited",
        [SELFTEST_FAILED]  = "FAILED",
    };

    if (environment->selftest_count == 0) {
        return;
    }
    report_print(output, "\nSelf-tests\n");
    for (size_t i = 0; i < environment->selftest_count; i++) {
        const struct selftest_result *result = &environment->selftests[i];
        char name[32];

        name_selftest(result, name, sizeof(name));
        report_print(output, "  %-20s %-8s %u exit%s, %" FORMAT_64 "u ticks%s", name,
                     names[result->verdict], (unsigned)result->exits, result->exits == 1 ? "" : "s",
                     result->ticks, result->detail != NULL || result->cost.measured ? "; " : "");
        if (result->cost.measured) {
            report_print(output, "%s: %u exit%s, %" FORMAT_64 "u ticks%s",
                         rank_operation(strategy_row((enum strategy_id)result->strategy)->axis),
                         (unsigned)result->cost.exits, result->cost.exits == 1 ? "" : "s",
                         result->cost.ticks, result->detail != NULL ? "; " : "");
        }
        if (result->detail != NULL) {
            report_put_foreign(output, result->detail);
        }
        report_print(output, "\n");
    }
}

static void write_side(struct report_output *output, bool is_msr, bool present, uint64_t value)
{
    if (!present) {
        report_print(output, "absent");
    } else {
        report_print(output, "0x%0*" FORMAT_64 "x", is_msr ? 16 : 8, value);
    }
}

static void write_differences(const struct report_environment *environment,
                              struct report_output *output)
{
    if (environment->difference_total == 0) {
        return;
    }
    report_print(output, "\nCPUs that differ from the bootstrap processor: %u word%s\n",
                 (unsigned)environment->difference_total,
                 environment->difference_total == 1 ? "" : "s");
    for (size_t i = 0; i < environment->difference_count; i++) {
        const struct cpu_difference *difference = &environment->differences[i];
        const struct raw_difference *word = &difference->word;

        report_print(output, "  APIC ID %-4u ", (unsigned)difference->apic_id);
        if (word->is_msr) {
            const char *name = raw_msr_name(word->leaf);

            report_print(output, "MSR 0x%08x %s: ", (unsigned)word->leaf,
                         name != NULL ? name : "");
        } else {
            report_print(output, "CPUID 0x%08x 0x%02x %s: ", (unsigned)word->leaf,
                         (unsigned)word->subleaf, register_names[word->reg]);
        }
        write_side(output, word->is_msr, word->present_b, word->b);
        report_print(output, " instead of ");
        write_side(output, word->is_msr, word->present_a, word->a);
        report_print(output, "\n");
    }
    if (environment->difference_count < environment->difference_total) {
        report_print(output, "  and %u more\n", (unsigned)(environment->difference_total
                                                            - environment->difference_count));
    }
}

static void write_notes(const struct report_input *input, struct report_output *output)
{
    const struct report_environment *environment = input->environment;
    uint32_t repeated = input->parameters != NULL ? input->parameters->repeated : 0;

    if (environment->note_count == 0 && repeated == 0 && !input->raw->truncated) {
        return;
    }
    report_print(output, "\nNotes\n");
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        if ((repeated >> i & 1) != 0) {
            report_print(output, "  %s was given more than once; the last one counts.\n",
                         parameter_key((enum parameter_id)i));
        }
    }
    if (input->raw->truncated) {
        report_print(output, "  The processor has more CPUID leaves than are kept here.\n");
    }
    for (size_t i = 0; i < environment->note_count; i++) {
        struct report_paragraph paragraph;

        report_begin(&paragraph, output, 4, "  ");
        report_add(&paragraph, environment->notes[i]);
        report_end(&paragraph);
    }
}

/* ---- raw registers ---- */

static void write_raw(const struct raw *raw, struct report_output *output)
{
    report_print(output, "CPU 0:\n");
    for (unsigned i = 0; i < raw->cpuid_count; i++) {
        const struct raw_cpuid *entry = &raw->cpuid[i];

        report_print(output, "   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n",
                     (unsigned)entry->leaf, (unsigned)entry->subleaf,
                     (unsigned)entry->word[RAW_EAX], (unsigned)entry->word[RAW_EBX],
                     (unsigned)entry->word[RAW_ECX], (unsigned)entry->word[RAW_EDX]);
    }
    for (unsigned i = 0; i < raw->msr_count; i++) {
        const struct raw_msr *entry = &raw->msr[i];
        const char *name = raw_msr_name(entry->index);

        report_print(output, "   MSR 0x%08x %s = ", (unsigned)entry->index,
                     name != NULL ? name : "unnamed");
        if (entry->present) {
            report_print(output, "0x%016" FORMAT_64 "x\n", entry->value);
        } else {
            report_print(output, "#GP\n");
        }
    }
}

/* ---- the whole ---- */

static void write_json_part(const struct report_input *input, struct report_output *output)
{
    uint32_t crc;

    report_print(output, "\n%s\n", REPORT_JSON_BEGIN);
    crc = report_write_json(input, output->sink);
    report_print(output, "\n%s%08x\n", REPORT_JSON_END, (unsigned)crc);
}

static void say(void *context, const char *sentence)
{
    struct report_paragraph paragraph;

    report_begin(&paragraph, context, 4, "  - ");
    report_add(&paragraph, sentence);
    report_end(&paragraph);
}

/* What a person reads first. */
static void write_head(const struct report_input *input, bool axes, struct report_output *output)
{
    write_verdict(input, output);
    report_print(output, "\nHow each job is done\n");
    write_backend(input, output);
    for (unsigned axis = 0; axis < AXIS_COUNT && axes; axis++) {
        write_axis(input, (enum axis)axis, output);
    }
    if (axes) {
        write_rank(input, output);
    }
    write_machine(input, output);
    write_selftests(input->environment, output);
    write_differences(input->environment, output);
    write_notes(input, output);
}

static void write_advice(const struct report_input *input, struct report_output *output)
{
    report_print(output, "\nWhat you can change\n");
    report_advise(input, say, output);
}

void report_write(const struct report_input *input, const struct report_sink *sink)
{
    struct report_output output = { .sink = sink };

    write_head(input, true, &output);
    report_write_capabilities(input, &output);
    report_print(&output, "\nRaw registers of the bootstrap processor\n");
    write_raw(input->raw, &output);
    write_json_part(input, &output);
    write_advice(input, &output);
}

void report_write_summary(const struct report_input *input, const struct report_sink *sink)
{
    struct report_output output = { .sink = sink };

    write_head(input, input->selection->backend != BACKEND_NONE, &output);
    write_advice(input, &output);
}

void report_write_verdict(const struct report_input *input, const struct report_sink *sink)
{
    struct report_output output = { .sink = sink };
    uint8_t outcome = input->selection->outcome;

    write_verdict(input, &output);
    if (outcome == OUTCOME_CANNOT_RUN || outcome == OUTCOME_REFUSED) {
        write_advice(input, &output);
    }
}

void report_write_raw(const struct raw *raw, const struct report_sink *sink)
{
    struct report_output output = { .sink = sink };

    write_raw(raw, &output);
}
