/* SPDX-License-Identifier: BSD-2-Clause */
/* The comparison as one JSON object: docs/diff.schema.json. */
#include "compare.h"
#include "core/version.h"
#include "diff.h"
#include "probe/report_json_output.h"

struct sides {
    struct arena *arena;
    const char *name[2];
    const struct judgement *side[2];
    struct json_output json;
};

static const char *const letters[2] = { "a", "b" };

static const char *strategy_or_null(uint8_t id)
{
    return id != STRATEGY_NONE ? strategy_row((enum strategy_id)id)->name : NULL;
}

static const char *backend_or_null(uint8_t id)
{
    return id != BACKEND_NONE ? backend_row((enum backend_id)id)->name : NULL;
}

static void write_machine(struct sides *s, unsigned i)
{
    struct report_input input = judge_report(s->side[i]);

    json_open(&s->json, letters[i], '{');
    json_string(&s->json, "name", s->name[i]);
    json_outcome(&s->json, &input);
    json_string(&s->json, "backend", backend_or_null(s->side[i]->selection.backend));
    json_close(&s->json, '}');
}

/* What one machine takes on an axis; of the other's choice, when it is another: why not here. */
static void write_choice(struct sides *s, enum axis axis, unsigned i)
{
    const struct selection *here = &s->side[i]->selection;
    uint8_t other = s->side[!i]->selection.axis[axis].chosen;
    char reason[SELECTION_SENTENCE_MAX];

    json_open(&s->json, letters[i], '{');
    json_string(&s->json, "chosen", strategy_or_null(here->axis[axis].chosen));
    json_string(&s->json, "lost", here->axis[axis].fallback ? here->axis[axis].lost : NULL);
    if (other != STRATEGY_NONE && other != here->axis[axis].chosen) {
        selection_format_reason(here, &s->side[i]->capabilities, (enum strategy_id)other, reason,
                                sizeof(reason));
        json_string(&s->json, "not_the_other", reason);
    }
    json_close(&s->json, '}');
}

static void write_axes(struct sides *s)
{
    json_open(&s->json, "axes", '[');
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        json_open(&s->json, NULL, '{');
        json_string(&s->json, "axis", axis_row((enum axis)axis)->name);
        json_boolean(&s->json, "changed", s->side[0]->selection.axis[axis].chosen
                                          != s->side[1]->selection.axis[axis].chosen);
        write_choice(s, (enum axis)axis, 0);
        write_choice(s, (enum axis)axis, 1);
        json_close(&s->json, '}');
    }
    json_close(&s->json, ']');
}

static void write_change(struct json_output *json, const char *what, const char *from,
                         const char *to)
{
    json_open(json, NULL, '{');
    json_string(json, "what", what);
    json_string(json, "from", from);
    json_string(json, "to", to);
    json_close(json, '}');
}

static void write_effect(struct sides *s, enum capability_id id)
{
    const struct selection *before = &s->side[0]->selection;
    struct selection after;

    compare_with(s->side[0], s->side[1], id, &after);
    json_open(&s->json, "changes", '[');
    if (after.backend != before->backend) {
        write_change(&s->json, "backend", backend_or_null(before->backend),
                     backend_or_null(after.backend));
    }
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (before->axis[axis].chosen != after.axis[axis].chosen) {
            write_change(&s->json, axis_row((enum axis)axis)->name,
                         strategy_or_null(before->axis[axis].chosen),
                         strategy_or_null(after.axis[axis].chosen));
        }
    }
    json_close(&s->json, ']');
}

static void write_capability(struct sides *s, enum capability_id id)
{
    const struct capability_row *row = capability_row(id);
    char source[128];

    capability_format_source(&s->side[1]->capabilities, id, source, sizeof(source));
    json_open(&s->json, NULL, '{');
    json_identifier(&s->json, "id", row->id);
    json_string(&s->json, "name", row->name);
    json_string(&s->json, "source", source);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t state = s->side[i]->capabilities.state[id];

        json_string(&s->json, letters[i], capability_state_name((enum capability_state)state));
    }
    json_boolean(&s->json, "behind_root", compare_behind_root(s->side[0], s->side[1], id));
    write_effect(s, id);
    json_close(&s->json, '}');
}

/* All of them: those that the text only counts too. */
static void write_capabilities(struct sides *s)
{
    json_open(&s->json, "capabilities", '[');
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (s->side[0]->capabilities.state[id] != s->side[1]->capabilities.state[id]) {
            write_capability(s, (enum capability_id)id);
        }
    }
    json_close(&s->json, ']');
}

static void write_word(struct json_output *json, const struct raw_difference *word)
{
    static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };

    json_open(json, NULL, '{');
    json_hex(json, word->is_msr ? "msr" : "leaf", word->leaf);
    if (!word->is_msr) {
        json_number(json, "subleaf", word->subleaf);
        json_string(json, "register", registers[word->reg]);
    }
    if (word->present_a) {
        json_hex(json, "a", word->a);
    }
    if (word->present_b) {
        json_hex(json, "b", word->b);
    }
    json_close(json, '}');
}

static void write_registers(struct sides *s)
{
    struct raw_difference *words = arena_allocate(s->arena, COMPARE_WORDS_MAX * sizeof(*words));
    const struct raw *a = &s->side[0]->subject->raw, *b = &s->side[1]->subject->raw;
    size_t found = raw_differences(a, b, words, COMPARE_WORDS_MAX);

    json_open(&s->json, "registers", '[');
    for (size_t i = 0; i < found && i < COMPARE_WORDS_MAX; i++) {
        if (compare_otherwise(a, b, &words[i])) {
            write_word(&s->json, &words[i]);
        }
    }
    json_close(&s->json, ']');
}

void diff_write_json(struct arena *arena, const char *name_a, const struct judgement *a,
                     const char *name_b, const struct judgement *b,
                     const struct report_sink *sink)
{
    struct sides s = {
        .arena = arena, .name = { name_a, name_b }, .side = { a, b },
        .json = { .output = { .sink = sink } },
    };

    json_open(&s.json, NULL, '{');
    json_number(&s.json, "diff_schema", DIFF_SCHEMA);
    json_string(&s.json, "program", "sextant-probe");
    json_string(&s.json, "version", SEXTANT_VERSION);
    write_machine(&s, 0);
    write_machine(&s, 1);
    write_axes(&s);
    write_capabilities(&s);
    write_registers(&s);
    json_close(&s.json, '}');
}
