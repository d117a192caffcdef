/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include <string.h>

#include "core/version.h"
#include "lib/format.h"
#include "strategies/implemented.h"

void judge_selection(const struct judgement *judgement, const struct capabilities *capabilities,
                     struct selection *out)
{
    select_strategies(capabilities, &judgement->request, judgement->implemented, out);
}

/* Whether a capability of VMX or SVM is not known because of this register. */
static bool decides(const struct capabilities *capabilities, uint32_t index)
{
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        uint32_t msr;
        unsigned bit;

        if (capabilities->state[id] == CAPABILITY_UNKNOWN
            && capability_row((enum capability_id)id)->group != CAPABILITY_GROUP_COMMON
            && capability_msr(NULL, (enum capability_id)id, &msr, &bit) && msr == index) {
            return true;
        }
    }
    return false;
}

/* Those registers by name: "IA32_VMX_BASIC (0x480), ...". */
static const char *list_unread(struct arena *arena, const struct capabilities *capabilities)
{
    static const struct { const char *name; uint32_t index; } names[] = {
#define MSR(name, index, gate) { #name, index },
#include "probe/msrs.def"
#undef MSR
    };
    const char *list = "";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (decides(capabilities, names[i].index)) {
            list = arena_format(arena, "%s%s%s (0x%x)", list, *list != '\0' ? ", " : "",
                                names[i].name, (unsigned)names[i].index);
        }
    }
    return list;
}

/* The table in which everything that is not known is there. */
static void assume_the_best(const struct capabilities *capabilities, struct capabilities *best)
{
    *best = *capabilities;
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (best->state[id] == CAPABILITY_UNKNOWN) {
            best->state[id] = CAPABILITY_ADVERTISED;
        }
    }
}

static bool runs(const struct selection *selection)
{
    return selection->outcome == OUTCOME_RUNS || selection->outcome == OUTCOME_DEGRADED;
}

static bool same_choice(const struct selection *a, const struct selection *b)
{
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (a->axis[axis].chosen != b->axis[axis].chosen) {
            return false;
        }
    }
    return true;
}

static void note_lock(struct arena *arena, struct subject *subject)
{
    if (raw_msr_unread(&subject->raw, RAW_MSR_VM_CR)) {
        subject_note(arena, subject, "VM_CR (0xc0010114) was not read: whether firmware has "
                     "switched SVM off is not known. This assumes that it has not.");
    }
    if (raw_msr_unread(&subject->raw, RAW_MSR_IA32_FEATURE_CONTROL)) {
        subject_note(arena, subject, "IA32_FEATURE_CONTROL (0x3a) was not read: whether firmware "
                     "has locked VMX off is not known. This assumes that it has not.");
    }
}

/* What is not known decides something only when the best case is another one. */
static void judge_unread(struct arena *arena, struct subject *subject, struct judgement *j)
{
    struct capabilities best;
    struct selection selection;

    if (!subject->raw.msrs_unread) {
        return;
    }
    note_lock(arena, subject);
    assume_the_best(&j->capabilities, &best);
    judge_selection(j, &best, &selection);
    if (!runs(&j->selection) && runs(&selection)) {
        j->environment.unknown =
            arena_format(arena, "what decides stands in MSRs that were not read: %s",
                         list_unread(arena, &j->capabilities));
        if (subject->advice_count == 0) {
            subject_advise(arena, subject, "Read the MSRs on that machine as root and give them "
                           "with another --from: for m in $(sextant-probe --msrs); do echo \"$m "
                           "$(rdmsr -0 $m 2>&1)\"; done. Or boot the image there with "
                           "report=only.");
        }
    } else if (!same_choice(&j->selection, &selection)) {
        subject_note(arena, subject,
                     arena_format(arena, "MSRs that were not read could allow a better choice: "
                                  "%s.", list_unread(arena, &j->capabilities)));
    }
}

static void note_other_image(struct arena *arena, struct subject *subject,
                             struct strategy_set current)
{
    struct strategy_set built = subject->built;
    const char *list = "";

    for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
        const struct strategy_row *row = strategy_row((enum strategy_id)id);
        bool here = strategy_set_has(current, (enum strategy_id)id);

        if (here != strategy_set_has(built, (enum strategy_id)id)) {
            list = arena_format(arena, "%s%s%s=%s%s", list, *list != '\0' ? ", " : "",
                                axis_row(row->axis)->name, row->name,
                                here ? "" : " (gone)");
        }
    }
    if (*list != '\0') {
        subject_note(arena, subject,
                     arena_format(arena, "The report is of another image than today's, which has: "
                                  "%s. --current judges by today's.", list));
    }
}

/* The tool and the image are the same code; when they disagree, a person must know. */
static void note_disagreement(struct arena *arena, struct subject *subject,
                              const struct judgement *j)
{
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        uint8_t id = j->selection.axis[axis].chosen;
        const char *here = id != STRATEGY_NONE ? strategy_row((enum strategy_id)id)->name
                                               : "nothing";
        const char *there = subject->chosen[axis] != NULL ? subject->chosen[axis] : "nothing";

        if (strcmp(here, there) != 0) {
            subject_note(arena, subject,
                         arena_format(arena, "The report's own image took %s on the axis %s; this "
                                      "program, of another version, takes %s.", there,
                                      axis_row((enum axis)axis)->name, here));
        }
    }
}

static void prepare_request(const struct subject *subject, struct judgement *j)
{
    boot_parameters_request(&j->parameters, &j->request);
    for (size_t i = 0; i < subject->selftest_count; i++) {
        if (subject->selftests[i].capability != CAPABILITY_NONE) {
            continue;                       /* its state says what it says */
        }
        j->request.selftest[subject->selftests[i].strategy] = subject->selftests[i].verdict;
        j->request.cost[subject->selftests[i].strategy] = subject->selftests[i].cost;
    }
}

static void prepare_environment(const struct subject *subject, struct judgement *j)
{
    struct report_environment *environment = &j->environment;

    environment->program = "sextant-probe";
    environment->version = SEXTANT_VERSION;
    environment->measured = subject->measured;
    environment->loader = subject->loader;
    environment->command_line = j->command_line;
    environment->memory_bytes = subject->memory_bytes;
    environment->reserved_bytes = subject->reserved_bytes;
    environment->cpus = subject->cpus;
    environment->cpus_probed = subject->cpus_probed;
    environment->differences = subject->differences;
    environment->difference_count = subject->difference_count;
    environment->difference_total = subject->difference_total;
    environment->selftests = subject->selftests;
    environment->selftest_count = subject->selftest_count;
}

/*
 * The notes that the report makes of the parameters come from the parameters again.
 */
static void take_notes(struct arena *arena, struct subject *subject, struct judgement *j)
{
    const char **notes = NULL;
    size_t count = 0;

    for (size_t i = 0; i < subject->note_count; i++) {
        if (strstr(subject->notes[i], " was given more than once; the last one counts.") == NULL) {
            notes = arena_grow(arena, notes, count, sizeof(*notes));
            notes[count++] = subject->notes[i];
        }
    }
    j->environment.notes = notes;
    j->environment.note_count = count;
    j->environment.advice = subject->advice;
    j->environment.advice_count = subject->advice_count;
}

void judge(struct arena *arena, struct subject *subject, const char *parameters, bool current,
           struct judgement *j)
{
    bool as_booted = parameters == NULL && subject->is_report;
    bool legal;

    memset(j, 0, sizeof(*j));
    j->subject = subject;
    j->command_line = as_booted ? subject->command_line : parameters;
    legal = cmdline_parse(j->command_line, &j->parameters, &j->error);
    j->capabilities = subject->capabilities;
    boot_parameters_apply_mask(&j->parameters, &j->capabilities);
    prepare_request(subject, j);
    j->implemented = subject->is_report && !current ? subject->built : strategies_implemented();
    judge_selection(j, &j->capabilities, &j->selection);
    selection_mark_forced(&j->selection, &j->capabilities);
    prepare_environment(subject, j);
    /* Without 64-bit mode a wrong parameter is a note, which that program's report has already. */
    if (!legal && capability_has(&j->capabilities, CAPABILITY_LONG_MODE)) {
        j->environment.refusal = j->error.text;
    }
    judge_unread(arena, subject, j);
    if (subject->is_report && !current) {
        note_other_image(arena, subject, strategies_implemented());
    }
    if (as_booted && !current) {
        note_disagreement(arena, subject, j);
    }
    take_notes(arena, subject, j);
}

struct report_input judge_report(const struct judgement *judgement)
{
    struct report_input input = {
        .raw = &judgement->subject->raw,
        .capabilities = &judgement->capabilities,
        .selection = &judgement->selection,
        .request = &judgement->request,
        .parameters = &judgement->parameters,
        .environment = &judgement->environment,
    };

    return input;
}
