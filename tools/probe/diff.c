/* SPDX-License-Identifier: BSD-2-Clause */
/* The comparison as text. */
#include "diff.h"

#include "compare.h"
#include "lib/format.h"
#include "probe/report_output.h"

#define COLUMN     13
#define WORDS_SHOWN  24

struct diff {
    struct arena *arena;
    struct report_output output;
    const struct judgement *a, *b;
};

/* ---- verdict and axes ---- */

static void write_side(struct diff *diff, const char *letter, const char *name,
                       const struct judgement *side)
{
    struct report_input input = judge_report(side);
    char sentence[SELECTION_SENTENCE_MAX];
    struct report_paragraph paragraph;

    report_format_sentence(&input, sentence, sizeof(sentence));
    report_begin(&paragraph, &diff->output, 3, letter);
    report_add(&paragraph, arena_format(diff->arena, " %s: %s%s%s", name,
                                        outcome_name(report_outcome(&input)),
                                        sentence[0] != '\0' ? ": " : "", sentence));
    report_end(&paragraph);
}

static const char *strategy_name(uint8_t id)
{
    return id != STRATEGY_NONE ? strategy_row((enum strategy_id)id)->name : "nothing";
}

static const char *backend_name(uint8_t id)
{
    return id != BACKEND_NONE ? backend_row((enum backend_id)id)->name : "nothing";
}

/* Why the one that A takes is not taken by B, or the one that B takes is not by A. */
static void add_reason(struct diff *diff, struct report_paragraph *paragraph, uint8_t id,
                       const char *letter, const struct judgement *side)
{
    char reason[SELECTION_SENTENCE_MAX];

    if (id == STRATEGY_NONE
        || side->selection.strategy[id].verdict == VERDICT_NOT_PREFERRED) {
        return;
    }
    selection_format_reason(&side->selection, &side->capabilities, (enum strategy_id)id, reason,
                            sizeof(reason));
    report_add(paragraph, arena_format(diff->arena, " %s in %s: %s.", strategy_name(id), letter,
                                       reason));
}

static void write_axis(struct diff *diff, enum axis axis)
{
    const struct axis_selection *a = &diff->a->selection.axis[axis];
    const struct axis_selection *b = &diff->b->selection.axis[axis];
    struct report_paragraph paragraph;
    char head[32];

    format_text(head, sizeof(head), "  %-10s ", axis_row(axis)->name);
    report_begin(&paragraph, &diff->output, COLUMN, head);
    if (a->chosen == b->chosen) {
        report_add(&paragraph, arena_format(diff->arena, "%s in both.",
                                            strategy_name(a->chosen)));
    } else {
        report_add(&paragraph, arena_format(diff->arena, "%s -> %s.", strategy_name(a->chosen),
                                            strategy_name(b->chosen)));
        add_reason(diff, &paragraph, a->chosen, "B", diff->b);
        add_reason(diff, &paragraph, b->chosen, "A", diff->a);
        if (b->lost != NULL && b->fallback) {
            report_add(&paragraph, arena_format(diff->arena, " In B you lose: %s.", b->lost));
        }
        if (a->lost != NULL && a->fallback) {
            report_add(&paragraph, arena_format(diff->arena, " In A you lose: %s.", a->lost));
        }
    }
    report_end(&paragraph);
}

static void write_choice(struct diff *diff)
{
    uint8_t a = diff->a->selection.backend, b = diff->b->selection.backend;

    report_print(&diff->output, "\nWhat changes in the choice\n  backend    ");
    report_print(&diff->output, a == b ? "%s in both.\n" : "%s -> %s.\n", backend_name(a),
                 backend_name(b));
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        write_axis(diff, (enum axis)axis);
    }
}

/* ---- capabilities ---- */

static uint8_t state_of(const struct judgement *side, unsigned id)
{
    return side->capabilities.state[id];
}

/* What the first machine would choose if it had this one capability as the second has it. */
static const char *effect(struct diff *diff, enum capability_id id)
{
    struct selection selection;
    const char *list = "";

    compare_with(diff->a, diff->b, id, &selection);
    if (selection.backend != diff->a->selection.backend) {
        return arena_format(diff->arena, "backend %s -> %s",
                            backend_name(diff->a->selection.backend),
                            backend_name(selection.backend));
    }
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        uint8_t before = diff->a->selection.axis[axis].chosen;
        uint8_t after = selection.axis[axis].chosen;

        if (before != after) {
            list = arena_format(diff->arena, "%s%s%s=%s -> %s", list, *list != '\0' ? ", " : "",
                                axis_row((enum axis)axis)->name, strategy_name(before),
                                strategy_name(after));
        }
    }
    return *list != '\0' ? list : "nothing";
}

static void write_capability(struct diff *diff, enum capability_id id)
{
    const struct capability_row *row = capability_row(id);
    struct report_paragraph paragraph;
    char source[128], head[160];

    capability_format_source(&diff->b->capabilities, id, source, sizeof(source));
    format_text(head, sizeof(head), "  %s -> %s: ",
                capability_state_name((enum capability_state)state_of(diff->a, id)),
                capability_state_name((enum capability_state)state_of(diff->b, id)));
    report_begin(&paragraph, &diff->output, 6, head);
    report_add(&paragraph, arena_format(diff->arena, "\"%s\" (%s). By itself it changes: %s.",
                                        row->name, source, effect(diff, id)));
    report_end(&paragraph);
}

static void write_capabilities(struct diff *diff)
{
    unsigned changed = 0, behind = 0, unknown = 0;

    report_print(&diff->output, "\nCapabilities that changed\n");
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (state_of(diff->a, id) == state_of(diff->b, id)) {
            continue;
        }
        if (compare_unknown(diff->a, diff->b, id)) {
            unknown++;
        } else if (compare_behind_root(diff->a, diff->b, id)) {
            behind++;
        } else {
            write_capability(diff, (enum capability_id)id);
            changed++;
        }
    }
    if (behind != 0) {
        report_print(&diff->output, "  and %u that lie behind VMX or SVM, which only one of the "
                     "two has.\n", behind);
    } else if (changed == 0) {
        report_print(&diff->output, "  none.\n");
    }
    if (unknown != 0) {
        report_print(&diff->output, "  %u are not known in one of the two: its MSRs were not "
                     "read.\n", unknown);
    }
}

/* ---- registers ---- */

static const char *value(struct arena *arena, const struct raw_difference *word, bool present,
                         uint64_t bits)
{
    return !present ? "absent" : arena_format(arena, word->is_msr ? "0x%016llx" : "0x%08llx",
                                              (unsigned long long)bits);
}

static void write_word(struct diff *diff, const struct raw_difference *word)
{
    static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };
    const char *name = word->is_msr ? raw_msr_name(word->leaf) : NULL;

    if (word->is_msr) {
        report_print(&diff->output, "  MSR 0x%08x %s: ", (unsigned)word->leaf,
                     name != NULL ? name : "");
    } else {
        report_print(&diff->output, "  CPUID 0x%08x 0x%02x %s: ", (unsigned)word->leaf,
                     (unsigned)word->subleaf, registers[word->reg]);
    }
    report_print(&diff->output, "%s -> %s\n",
                 value(diff->arena, word, word->present_a, word->a),
                 value(diff->arena, word, word->present_b, word->b));
}

static void write_registers(struct diff *diff)
{
    struct raw_difference *words = arena_allocate(diff->arena, COMPARE_WORDS_MAX * sizeof(*words));
    const struct raw *a = &diff->a->subject->raw, *b = &diff->b->subject->raw;
    size_t found = raw_differences(a, b, words, COMPARE_WORDS_MAX);
    unsigned shown = 0, more = 0;

    for (size_t i = 0; i < found && i < COMPARE_WORDS_MAX; i++) {
        if (!compare_otherwise(a, b, &words[i])) {
            continue;
        }
        if (shown == 0) {
            report_print(&diff->output, "\nRegisters with other bits that changed\n");
        }
        if (shown < WORDS_SHOWN) {
            write_word(diff, &words[i]);
            shown++;
        } else {
            more++;
        }
    }
    if (more != 0) {
        report_print(&diff->output, "  and %u more.\n", more);
    }
}

void diff_write(struct arena *arena, const char *name_a, const struct judgement *a,
                const char *name_b, const struct judgement *b, const struct report_sink *sink)
{
    struct diff diff = { .arena = arena, .output = { .sink = sink }, .a = a, .b = b };

    write_side(&diff, "A:", name_a, a);
    write_side(&diff, "B:", name_b, b);
    write_choice(&diff);
    write_capabilities(&diff);
    write_registers(&diff);
}
