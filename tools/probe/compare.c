/* SPDX-License-Identifier: BSD-2-Clause */
#include "compare.h"

static bool is_bindable(const struct judgement *side, const struct capabilities *capabilities,
                        enum strategy_id id)
{
    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        if (strategy_is_bindable(capabilities, side->implemented, (enum backend_id)backend, id)) {
            return true;
        }
    }
    return false;
}

/*
 * Selects with another table.  A strategy that only this one allows was never tried there, and
 * would be: it counts as if its self-test passed, where the others' were run.
 */
static void select_with(const struct judgement *side, const struct capabilities *changed,
                        struct selection *selection)
{
    struct selection_request request = side->request;

    for (unsigned id = 0; id < STRATEGY_COUNT && side->subject->selftest_count != 0; id++) {
        if (request.selftest[id] == SELFTEST_NOT_RUN
            && !is_bindable(side, &side->capabilities, (enum strategy_id)id)
            && is_bindable(side, changed, (enum strategy_id)id)) {
            request.selftest[id] = SELFTEST_PASSED;
        }
    }
    select_strategies(changed, &request, side->implemented, selection);
}

void compare_with(const struct judgement *a, const struct judgement *b, enum capability_id id,
                  struct selection *selection)
{
    struct capabilities changed = a->capabilities;

    changed.state[id] = b->capabilities.state[id];
    select_with(a, &changed, selection);
}

bool compare_behind_root(const struct judgement *a, const struct judgement *b, unsigned id)
{
    enum capability_group group = capability_row((enum capability_id)id)->group;
    enum capability_id root = group == CAPABILITY_GROUP_VMX ? CAPABILITY_VMX : CAPABILITY_SVM;

    return group != CAPABILITY_GROUP_COMMON
           && capability_has(&a->capabilities, root) != capability_has(&b->capabilities, root);
}

bool compare_unknown(const struct judgement *a, const struct judgement *b, unsigned id)
{
    return a->capabilities.state[id] == CAPABILITY_UNKNOWN
           || b->capabilities.state[id] == CAPABILITY_UNKNOWN;
}

static bool same_register(const struct raw_difference *word, enum capability_id id,
                          unsigned *bit)
{
    const struct capability_row *row = capability_row(id);
    uint32_t msr;

    *bit = row->bit;
    if (!word->is_msr) {
        return row->kind == CAPABILITY_KIND_CPUID && row->source == word->leaf
               && row->subleaf == word->subleaf && row->reg == word->reg;
    }
    if (!capability_msr(NULL, id, &msr, bit)) {
        return false;
    }
    return msr == word->leaf
           || (row->kind == CAPABILITY_KIND_CONTROL
               && vmx_control_word_row((enum vmx_control_word)row->source)->true_msr
                  == word->leaf);
}

/* True when bits differ that have no name in the table. */
static bool has_unnamed(const struct raw_difference *word)
{
    uint64_t bits = word->a ^ word->b;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        unsigned bit;

        if (same_register(word, (enum capability_id)id, &bit)) {
            bits &= ~(UINT64_C(1) << bit);
        }
    }
    return bits != 0 || word->present_a != word->present_b;
}

bool compare_otherwise(const struct raw *a, const struct raw *b, const struct raw_difference *word)
{
    bool unread = word->is_msr && (raw_msr_unread(a, word->leaf) || raw_msr_unread(b, word->leaf));

    return !unread && has_unnamed(word);
}
