/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability sections of the report: every capability by the manual's name, with the register
 * and bit that say so, present or absent.
 *
 * The words are "detected", "not detected" and "detected, but disabled"; what a self-test found
 * stands instead of "detected".
 */
#include "probe/report_output.h"

#include "lib/format.h"

#include <string.h>

/* Where the names of capabilities start. */
#define STATE_COLUMN  44

/* The titles of the sections. */
static const char *const group_titles[CAPABILITY_GROUP_COUNT] = {
    [CAPABILITY_GROUP_COMMON] = "Processor",
    [CAPABILITY_GROUP_VMX]    = "VMX",
    [CAPABILITY_GROUP_SVM]    = "SVM",
};

/* The capability without which a group does not exist. */
static const enum capability_id group_roots[CAPABILITY_GROUP_COUNT] = {
    [CAPABILITY_GROUP_COMMON] = CAPABILITY_NONE,
    [CAPABILITY_GROUP_VMX]    = CAPABILITY_VMX,
    [CAPABILITY_GROUP_SVM]    = CAPABILITY_SVM,
};

/* Switched off by firmware: the processor has it, and nobody may use it. */
static bool is_locked_off(const struct capabilities *capabilities, enum capability_id id)
{
    if (id == CAPABILITY_VMX) {
        return capabilities->vmx_lock == FIRMWARE_LOCK_OFF;
    }
    return id == CAPABILITY_SVM && (capabilities->svm_lock == FIRMWARE_LOCK_OFF
                                    || capabilities->svm_lock == FIRMWARE_LOCK_DISABLED);
}

static const char *state_word(const struct capabilities *capabilities, enum capability_id id)
{
    switch ((enum capability_state)capabilities->state[id]) {
    case CAPABILITY_ABSENT:
        return "not detected";
    case CAPABILITY_ADVERTISED:
        return is_locked_off(capabilities, id) ? "detected, but disabled" : "detected";
    case CAPABILITY_VERIFIED:
        return "verified";
    case CAPABILITY_BROKEN:
        return "BROKEN";
    case CAPABILITY_FORCED:
        return "FORCED";
    case CAPABILITY_MASKED:
        return "masked by mask=";
    case CAPABILITY_UNKNOWN:
        return "not known";
    }
    return "";
}

static bool must_be_1(const struct capabilities *capabilities, const struct capability_row *row)
{
    return row->kind == CAPABILITY_KIND_CONTROL
           && (capabilities->vmx[row->source].must_be_1 >> row->bit & 1) != 0;
}

static void write_capability(const struct capabilities *capabilities, enum capability_id id,
                             struct report_output *output)
{
    const struct capability_row *row = capability_row(id);
    struct report_paragraph paragraph;
    char place[128], head[192];
    uint32_t msr;
    unsigned bit;

    if (capability_msr(capabilities, id, &msr, &bit)) {
        format_text(place, sizeof(place), "MSR 0x%x bit %u", (unsigned)msr, bit);
    } else if (row->kind == CAPABILITY_KIND_CPUID) {
        capability_format_source(capabilities, id, place, sizeof(place));
    } else {
        format_text(place, sizeof(place), "derived");
    }
    format_text(head, sizeof(head), "  %-13s %-27s ", state_word(capabilities, id), place);
    report_begin(&paragraph, output, STATE_COLUMN, head);
    report_add(&paragraph, row->name);
    if (row->kind == CAPABILITY_KIND_DERIVED) {
        report_add_format(&paragraph, ": %s", row->rule);
    }
    if (must_be_1(capabilities, row)) {
        report_add(&paragraph, " (must be 1)");
    }
    if (strcmp(row->needed_for, "nothing") != 0) {
        report_add_format(&paragraph, " [%s]", row->needed_for);
    }
    report_end(&paragraph);
}

/* Controls that the table has no name for, yet may be 1 here. */
static uint64_t unnamed_controls(const struct capabilities *capabilities, unsigned word)
{
    uint64_t unnamed = capabilities->vmx[word].may_be_1 & ~capabilities->vmx[word].must_be_1;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);

        if (row->kind == CAPABILITY_KIND_CONTROL && row->source == word) {
            unnamed &= ~(UINT64_C(1) << row->bit);
        }
    }
    return unnamed;
}

/* The line above the bits of a control word: what it is, and its two halves. */
static void write_control_word(const struct report_input *input, unsigned word,
                               struct report_output *output)
{
    const struct capabilities *capabilities = input->capabilities;
    const struct vmx_controls *controls = &capabilities->vmx[word];
    const struct vmx_control_word_row *row = vmx_control_word_row((enum vmx_control_word)word);
    uint64_t unnamed = unnamed_controls(capabilities, word);
    struct report_paragraph paragraph;

    report_begin(&paragraph, output, 4, "  ");
    report_add_format(&paragraph, "%s (0x%x), %s: ",
                      raw_msr_name(controls->msr != 0 ? controls->msr : row->msr),
                      (unsigned)(controls->msr != 0 ? controls->msr : row->msr), row->title);
    if (controls->msr == 0) {
        report_add(&paragraph, raw_msr_unread(input->raw, row->msr) ? "not read" : "not there");
    } else {
        report_add_format(&paragraph, "allowed-0 0x%0*" FORMAT_64 "x, allowed-1 0x%0*" FORMAT_64
                          "x",
                          row->wide ? 16 : 8, controls->must_be_1,
                          row->wide ? 16 : 8, controls->may_be_1);
    }
    for (unsigned bit = 0; unnamed != 0 && bit < 64; bit++) {
        if ((unnamed >> bit & 1) != 0) {
            report_add_format(&paragraph, ", unnamed control %u may be 1", bit);
        }
    }
    report_end(&paragraph);
}

/* The line above the bits of any other MSR. */
static void write_msr(const struct raw *raw, uint32_t msr, struct report_output *output)
{
    uint64_t value;

    report_print(output, "  %s (0x%x)", raw_msr_name(msr), (unsigned)msr);
    if (raw_msr_value(raw, msr, &value)) {
        report_print(output, ": 0x%" FORMAT_64 "x\n", value);
    } else {
        report_print(output, ": %s\n", raw_msr_unread(raw, msr) ? "not read" : "not there");
    }
}

static void write_present_group(const struct report_input *input, enum capability_group group,
                                struct report_output *output)
{
    uint32_t last = 0;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);
        uint32_t msr = 0;
        unsigned bit;

        if (row->group != group) {
            continue;
        }
        capability_msr(input->capabilities, (enum capability_id)id, &msr, &bit);
        if (msr != 0 && msr != last && row->kind == CAPABILITY_KIND_CONTROL) {
            write_control_word(input, row->source, output);
        } else if (msr != 0 && msr != last) {
            write_msr(input->raw, msr, output);
        }
        last = msr;
        write_capability(input->capabilities, (enum capability_id)id, output);
    }
}

/* SVM feature bits that the table has no name for, and that are set here. */
static void write_unnamed_svm(const struct raw *raw, struct report_output *output)
{
    uint32_t unnamed = raw_cpuid_word(raw, 0x8000000a, 0, RAW_EDX);

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);

        if (row->kind == CAPABILITY_KIND_CPUID && row->source == 0x8000000a
            && row->reg == RAW_EDX) {
            unnamed &= ~(UINT32_C(1) << row->bit);
        }
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        if ((unnamed >> bit & 1) != 0) {
            report_print(output, "  %-13s CPUID 0x8000000a EDX bit %-2u unnamed\n", "detected",
                         bit);
        }
    }
}

/* The register of a capability as a heading: "IA32_VMX_MISC (0x485)", "CPUID 0x8000000a EDX". */
static void format_register(enum capability_id id, char *buffer, size_t size)
{
    const struct capability_row *row = capability_row(id);
    char *bit;

    capability_format_source(NULL, id, buffer, size);
    if (row->kind == CAPABILITY_KIND_DERIVED) {
        format_text(buffer, size, "derived");
        return;
    }
    bit = strstr(buffer, " bit ");
    if (bit != NULL) {
        *bit = '\0';
    }
}

/* A vendor's group on the other vendor's processor: a line for every register is enough. */
static void write_absent_group(enum capability_group group, struct report_output *output)
{
    struct report_paragraph paragraph;
    char last[96] = "";
    bool open = false;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);
        char place[96];
        uint32_t msr;
        unsigned bit = row->bit;

        if (row->group != group) {
            continue;
        }
        format_register((enum capability_id)id, place, sizeof(place));
        if (strcmp(place, last) != 0) {
            if (open) {
                report_end(&paragraph);
            }
            report_begin(&paragraph, output, 16, "  not detected  ");
            report_add_format(&paragraph, "%s: ", place);
            format_text(last, sizeof(last), "%s", place);
            open = true;
        } else {
            report_add(&paragraph, ", ");
        }
        report_add(&paragraph, row->name);
        capability_msr(NULL, (enum capability_id)id, &msr, &bit);
        if (row->kind != CAPABILITY_KIND_DERIVED) {
            report_add_format(&paragraph, " %u", bit);
        }
    }
    if (open) {
        report_end(&paragraph);
    }
}

void report_write_capabilities(const struct report_input *input, struct report_output *output)
{
    const struct capabilities *capabilities = input->capabilities;

    for (unsigned group = 0; group < CAPABILITY_GROUP_COUNT; group++) {
        enum capability_id root = group_roots[group];

        report_print(output, "\nCapabilities: %s\n", group_titles[group]);
        if (root != CAPABILITY_NONE && capabilities->state[root] == CAPABILITY_ABSENT) {
            write_absent_group((enum capability_group)group, output);
        } else {
            write_present_group(input, (enum capability_group)group, output);
        }
    }
    if (capabilities->state[CAPABILITY_SVM] != CAPABILITY_ABSENT) {
        write_unnamed_svm(input->raw, output);
    }
}
