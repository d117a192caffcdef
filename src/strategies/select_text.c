/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sentences of the selection: what is missing, by name, register and bit, and what can be done.
 */
#include "strategies/select.h"

#include "lib/format.h"

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_CHOSEN]        = "chosen",
        [VERDICT_NOT_PREFERRED] = "not preferred",
        [VERDICT_NOT_ASKED]     = "not asked for",
        [VERDICT_MISSING]       = "missing",
        [VERDICT_MASKED]        = "masked",
        [VERDICT_NOT_BUILT]     = "not built",
        [VERDICT_BROKEN]        = "broken",
        [VERDICT_CONDITION]     = "condition",
        [VERDICT_NO_BACKEND]    = "no backend",
    };

    return names[verdict];
}

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_RUNS]       = "RUNS",
        [OUTCOME_DEGRADED]   = "RUNS, DEGRADED",
        [OUTCOME_CANNOT_RUN] = "CANNOT RUN",
        [OUTCOME_REFUSED]    = "REFUSED",
        [OUTCOME_CANNOT_TELL] = "CANNOT TELL",
    };

    return names[outcome];
}

/* ---- what is missing ---- */

static bool is_usable_id(uint16_t id)
{
    return id == CAPABILITY_VMX_USABLE || id == CAPABILITY_SVM_USABLE;
}

/* A gate: the one fact because of which nothing else of that vendor exists. */
static bool is_gate(uint16_t id)
{
    return id == CAPABILITY_VMX || id == CAPABILITY_SVM || is_usable_id(id);
}

/* "bit 59 of IA32_VMX_PROCBASED_CTLS (0x482)", "CPUID 0x1 ECX bit 5" */
static void append_place(struct text *text, const struct capabilities *capabilities, uint16_t id)
{
    char source[120];
    uint32_t msr;
    unsigned bit;

    if (capability_msr(capabilities, (enum capability_id)id, &msr, &bit)) {
        text_append(text, "bit %u of %s (0x%x)", bit, raw_msr_name(msr), (unsigned)msr);
    } else {
        capability_format_source(capabilities, (enum capability_id)id, source, sizeof(source));
        text_append(text, "%s", source);
    }
}

static void append_gate(struct text *text, const struct capabilities *capabilities, uint16_t id)
{
    if (capabilities->state[id] == CAPABILITY_MASKED) {
        text_append(text, "%s is masked by mask=", capability_row((enum capability_id)id)->name);
    } else if (id == CAPABILITY_VMX_USABLE) {
        text_append(text, "VMX is locked off by firmware (IA32_FEATURE_CONTROL (0x3a) is locked "
                    "with bit 2 clear)");
    } else if (id == CAPABILITY_SVM_USABLE) {
        text_append(text, "SVM is %s by firmware (SVMDIS, bit 4 of VM_CR (0xc0010114), is set)",
                    capabilities->svm_lock == FIRMWARE_LOCK_OFF ? "locked off" : "disabled");
    } else {
        text_append(text, "%s is absent (", capability_row((enum capability_id)id)->name);
        append_place(text, capabilities, id);
        text_append(text, ")");
    }
}

static void append_missing_one(struct text *text, const struct capabilities *capabilities,
                               uint16_t id, bool gate_is_shut)
{
    const char *name = capability_row((enum capability_id)id)->name;

    if (is_gate(id)) {
        append_gate(text, capabilities, id);
        return;
    }
    text_append(text, "\"%s\"%s ", name, gate_is_shut ? " is" : ",");
    append_place(text, capabilities, id);
    if (capabilities->state[id] == CAPABILITY_MASKED) {
        text_append(text, "%s is masked by mask=", gate_is_shut ? ", which" : ",");
    } else if (capabilities->state[id] == CAPABILITY_BROKEN) {
        text_append(text, "%s failed its self-test", gate_is_shut ? ", which" : ",");
    } else if (capabilities->state[id] == CAPABILITY_UNKNOWN) {
        text_append(text, "%s is not known", gate_is_shut ? ", which" : ",");
    } else if (!gate_is_shut) {
        text_append(text, ", is 0");
    }
}

/*
 * Everything that one way lacks.  In brief, a shut gate stands for all that lies behind it; the
 * report's JSON has the whole list.
 */
static void append_missing(struct text *text, const struct capabilities *capabilities,
                           const struct missing *missing, bool brief)
{
    bool shut = false, first = true;

    for (unsigned i = 0; i < missing->count; i++) {
        shut = shut || is_gate(missing->id[i]);
    }
    for (unsigned i = 0; i < missing->count; i++) {
        if (brief && shut && !is_gate(missing->id[i])) {
            continue;
        }
        if (!first) {
            text_append(text, i + 1 == missing->count ? ", and " : ", ");
        }
        append_missing_one(text, capabilities, missing->id[i], shut);
        first = false;
    }
}

/* All ways that were looked at. */
static void append_all_missing(struct text *text, const struct capabilities *capabilities,
                               const struct strategy_verdict *verdict, bool brief)
{
    const char *between = "";

    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        if (verdict->missing[i].count != 0) {
            text_append(text, "%s", between);
            append_missing(text, capabilities, &verdict->missing[i], brief);
            between = "; ";
        }
    }
}

static const char *full_name(enum strategy_id id, char *buffer, size_t size)
{
    const struct strategy_row *row = strategy_row(id);

    format_text(buffer, size, "%s=%s", axis_row(row->axis)->name, row->name);
    return buffer;
}

static void append_trapping(struct text *text)
{
    const struct axis_row *axis = axis_row(AXIS_APIC);
    const char *between = "";

    for (unsigned i = 0; i < axis->count; i++) {
        const struct strategy_row *row = strategy_row((enum strategy_id)(axis->first + i));

        if ((row->flags & STRATEGY_TRAPS) != 0) {
            text_append(text, "%sapic=%s", between, row->name);
            between = " or ";
        }
    }
}

static void append_condition(struct text *text, const struct selection *selection,
                             enum strategy_id id)
{
    enum axis other = AXIS_STEP;
    char name[40];

    if (!strategy_row(id)->way[selection->backend].offered) {
        text_append(text, "the %s backend has no way to do it, and is the one that is bound",
                    backend_row((enum backend_id)selection->backend)->name);
        return;
    }
    switch (strategy_row(id)->condition) {
    case CONDITION_WITH_STARTUP_SIPI:
        text_append(text, "it needs startup=sipi");
        other = AXIS_STARTUP;
        break;
    case CONDITION_WITH_TRAPPING_APIC:
        text_append(text, "it needs ");
        append_trapping(text);
        other = AXIS_APIC;
        break;
    case CONDITION_WITH_A_STEP:
        text_append(text, "it needs a step");
        break;
    case CONDITION_ALONE:
        return;
    }
    if (selection->axis[other].chosen != STRATEGY_NONE) {
        text_append(text, ", and %s is taken",
                    full_name((enum strategy_id)selection->axis[other].chosen, name,
                              sizeof(name)));
    } else {
        text_append(text, ", and no %s strategy can be taken", axis_row(other)->name);
    }
}

/* ---- reasons ---- */

static void append_chosen(struct text *text, const struct selection *selection,
                          enum strategy_id id)
{
    const struct axis_selection *axis = &selection->axis[strategy_row(id)->axis];

    if (axis->forced) {
        text_append(text, "FORCED past a failed self-test");
    } else if (axis->asked) {
        text_append(text, "asked for");
    } else {
        text_append(text, "the best one that can be used here");
    }
}

/* Why a usable strategy was passed over. */
static void append_not_preferred(struct text *text, const struct selection *selection,
                                 enum strategy_id id)
{
    enum axis axis = strategy_row(id)->axis;
    uint8_t chosen = selection->axis[axis].chosen;
    char name[40];

    if (chosen == STRATEGY_NONE) {
        text_append(text, "could be used, but the other axes cannot be served");
    } else if (!selection->axis[axis].asked && selection->strategy[id].ahead) {
        text_append(text, "could be used, but no self-test has verified it as it has %s",
                    full_name((enum strategy_id)chosen, name, sizeof(name)));
    } else {
        text_append(text, "could be used, %s is preferred%s",
                    full_name((enum strategy_id)chosen, name, sizeof(name)),
                    id < chosen && !selection->axis[axis].asked ? ", which costs less here" : "");
    }
}

static void append_verdict(struct text *text, const struct capabilities *capabilities,
                           const struct strategy_verdict *verdict)
{
    switch ((enum verdict)verdict->verdict) {
    case VERDICT_MISSING:
    case VERDICT_MASKED:
        append_all_missing(text, capabilities, verdict, true);
        if (!verdict->built) {
            text_append(text, " (nor is it built into this image)");
        }
        break;
    case VERDICT_BROKEN:
        text_append(text, "its self-test failed");
        if (verdict->missing[BACKEND_VMX].count + verdict->missing[BACKEND_SVM].count != 0) {
            text_append(text, ": ");
            append_all_missing(text, capabilities, verdict, true);
        }
        break;
    case VERDICT_NOT_BUILT:
        text_append(text, "not built into this image");
        break;
    case VERDICT_NO_BACKEND:
        text_append(text, "could be used, but no backend is bound");
        break;
    case VERDICT_CHOSEN:
    case VERDICT_NOT_PREFERRED:
    case VERDICT_NOT_ASKED:
    case VERDICT_CONDITION:
        break;
    }
}

static void append_reason(struct text *text, const struct selection *selection,
                          const struct capabilities *capabilities, enum strategy_id id)
{
    const struct strategy_verdict *verdict = &selection->strategy[id];

    switch ((enum verdict)verdict->verdict) {
    case VERDICT_CHOSEN:
        append_chosen(text, selection, id);
        break;
    case VERDICT_NOT_PREFERRED:
        append_not_preferred(text, selection, id);
        break;
    case VERDICT_NOT_ASKED:
        text_append(text, "could be used, but %s= does not name it",
                    axis_row(strategy_row(id)->axis)->name);
        break;
    case VERDICT_CONDITION:
        append_condition(text, selection, id);
        break;
    default:
        append_verdict(text, capabilities, verdict);
        break;
    }
}

int selection_format_reason(const struct selection *selection,
                            const struct capabilities *capabilities,
                            enum strategy_id id, char *buffer, size_t size)
{
    struct text text = { buffer, size, 0 };

    buffer[0] = '\0';
    append_reason(&text, selection, capabilities, id);
    return (int)text.length;
}

int selection_format_backend_reason(const struct selection *selection,
                                    const struct capabilities *capabilities,
                                    enum backend_id id, char *buffer, size_t size)
{
    const struct strategy_verdict *verdict = &selection->backends[id];
    struct text text = { buffer, size, 0 };

    buffer[0] = '\0';
    if (verdict->verdict == VERDICT_CHOSEN) {
        text_append(&text, "its needs are met");
    } else if (verdict->verdict == VERDICT_NOT_PREFERRED) {
        text_append(&text, "could be used, %s is preferred",
                    backend_row((enum backend_id)selection->backend)->name);
    } else {
        append_verdict(&text, capabilities, verdict);
    }
    return (int)text.length;
}

/* ---- outcomes ---- */

static void append_fallbacks(struct text *text, const struct selection *selection)
{
    const char *between = "";
    char name[40];

    text_append(text, "%u of %u axes on a fallback: ", (unsigned)selection->fallbacks,
                (unsigned)AXIS_COUNT);
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (selection->axis[axis].fallback) {
            text_append(text, "%s%s", between,
                        full_name((enum strategy_id)selection->axis[axis].chosen, name,
                                  sizeof(name)));
            between = ", ";
        }
    }
}

/*
 * A processor that cannot even run the hypervisor's own code.  Without leaf 0 there is no CPUID,
 * and nothing more to say: returns false.
 */
static bool append_no_long_mode(struct text *text, const struct capabilities *capabilities)
{
    if (capabilities->vendor[0] == '\0') {
        text_append(text, "this processor has no CPUID instruction, and so neither 64-bit mode nor "
                    "hardware virtualization");
        return false;
    }
    if (capabilities->state[CAPABILITY_LONG_MODE] == CAPABILITY_ABSENT) {
        text_append(text, "this processor has no 64-bit mode (");
        append_place(text, capabilities, CAPABILITY_LONG_MODE);
        text_append(text, " is 0), which Sextant itself needs; ");
    }
    return true;
}

/* No backend: name what is nearest first, and a vendor that is absent only when both are. */
static void append_no_backend(struct text *text, const struct selection *selection,
                              const struct capabilities *capabilities)
{
    const char *between = "";
    bool any_open = false;

    if (!append_no_long_mode(text, capabilities)) {
        return;
    }
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct missing *missing = &selection->backends[i].missing[i];

        if (missing->count == 0 || !is_gate(missing->id[0]) || is_usable_id(missing->id[0])) {
            any_open = true;
        }
    }
    if (!any_open) {
        text_append(text, "this processor has no hardware virtualization: ");
    }
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct strategy_verdict *verdict = &selection->backends[i];
        const struct missing *missing = &verdict->missing[i];
        bool absent = missing->count != 0 && is_gate(missing->id[0])
                      && !is_usable_id(missing->id[0]);

        if (absent && any_open) {
            continue;
        }
        text_append(text, "%s", between);
        between = ", and ";
        if (missing->count == 0) {
            text_append(text, "this image was built without a backend for %s",
                        backend_row((enum backend_id)i)->what);
        } else {
            if (!is_gate(missing->id[0])) {
                text_append(text, "%s lacks what a guest needs: ",
                            backend_row((enum backend_id)i)->name);
            }
            append_missing(text, capabilities, missing, false);
        }
    }
}

static void append_cannot_run(struct text *text, const struct selection *selection,
                              const struct capabilities *capabilities)
{
    const char *between = "";

    if (selection->backend == BACKEND_NONE) {
        append_no_backend(text, selection, capabilities);
        return;
    }
    for (unsigned i = 0; i < AXIS_COUNT; i++) {
        const struct axis_row *axis = axis_row((enum axis)i);

        if (selection->axis[i].chosen != STRATEGY_NONE) {
            continue;
        }
        text_append(text, "%sno %s strategy can be used (", between, axis->name);
        for (unsigned j = 0; j < axis->count; j++) {
            enum strategy_id id = (enum strategy_id)(axis->first + j);

            text_append(text, "%s%s: ", j != 0 ? "; " : "", strategy_row(id)->name);
            append_reason(text, selection, capabilities, id);
        }
        text_append(text, ")");
        between = ", ";
    }
}

/* One name of a refused request. */
static void append_refused_name(struct text *text, const struct selection *selection,
                                const struct capabilities *capabilities, enum strategy_id id)
{
    const struct strategy_verdict *verdict = &selection->strategy[id];
    char name[40];

    text_append(text, "%s was asked for, but ", full_name(id, name, sizeof(name)));
    switch ((enum verdict)verdict->verdict) {
    case VERDICT_MISSING:
        text_append(text, "this processor does not have it: ");
        append_all_missing(text, capabilities, verdict, false);
        break;
    case VERDICT_NOT_BUILT:
        text_append(text, "it is not built into this image");
        break;
    default:
        append_reason(text, selection, capabilities, id);
        break;
    }
}

static bool named_before(const struct preference *preference, unsigned entry)
{
    for (unsigned i = 0; i < entry; i++) {
        if (preference->entry[i].strategy == preference->entry[entry].strategy) {
            return true;
        }
    }
    return false;
}

/* guest.x2apic=only: one sentence for the whole axis. */
static void append_refused_only(struct text *text, const struct capabilities *capabilities,
                                const struct selection *selection)
{
    const struct strategy_verdict *verdict = &selection->strategy[STRATEGY_X2APIC_MSR];

    text_append(text, "guest.x2apic=only was asked for, but ");
    if (verdict->verdict == VERDICT_MISSING) {
        text_append(text, "this processor does not have it: ");
        append_all_missing(text, capabilities, verdict, false);
    } else {
        append_reason(text, selection, capabilities, STRATEGY_X2APIC_MSR);
    }
    text_append(text, ". What you can do: leave out guest.x2apic=only.");
}

static void append_refused_axis(struct text *text, const struct selection *selection,
                                const struct capabilities *capabilities,
                                const struct selection_request *request, enum axis axis)
{
    const struct preference *preference = &request->axis[axis];
    uint8_t automatic = selection->axis[axis].automatic;
    enum strategy_id broken = STRATEGY_NONE;
    char name[40];

    if (axis == AXIS_X2APIC && request->x2apic_only) {
        append_refused_only(text, capabilities, selection);
        return;
    }
    for (unsigned i = 0; i < preference->count; i++) {
        enum strategy_id id = (enum strategy_id)preference->entry[i].strategy;

        if (id >= STRATEGY_COUNT || named_before(preference, i)) {
            continue;
        }
        text_append(text, "%s", i != 0 ? "; " : "");
        append_refused_name(text, selection, capabilities, id);
        if (selection->strategy[id].verdict == VERDICT_BROKEN) {
            broken = id;
        }
    }
    text_append(text, ". What you can do: ");
    if (automatic != STRATEGY_NONE) {
        text_append(text, "use %s=auto (takes %s)", axis_row(axis)->name,
                    strategy_row((enum strategy_id)automatic)->name);
    } else {
        text_append(text, "leave out %s=", axis_row(axis)->name);
    }
    if (broken != STRATEGY_NONE) {
        text_append(text, ", or force it with %s!", full_name(broken, name, sizeof(name)));
    }
    text_append(text, ".");
}

static bool refused_by_condition(const struct selection *selection,
                                 const struct selection_request *request, unsigned axis)
{
    for (unsigned i = 0; i < request->axis[axis].count; i++) {
        uint8_t id = request->axis[axis].entry[i].strategy;

        if (id >= STRATEGY_COUNT || selection->strategy[id].verdict != VERDICT_CONDITION) {
            return false;
        }
    }
    return true;
}

/* A name that fails only because of another refused axis is said only when there is no other. */
static void append_refused(struct text *text, const struct selection *selection,
                           const struct capabilities *capabilities,
                           const struct selection_request *request)
{
    const char *between = "";
    bool any_hard = false;

    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        any_hard = any_hard || (selection->axis[axis].refused
                                && !refused_by_condition(selection, request, axis));
    }
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (selection->axis[axis].refused
            && !(any_hard && refused_by_condition(selection, request, axis))) {
            text_append(text, "%s", between);
            append_refused_axis(text, selection, capabilities, request, (enum axis)axis);
            between = " ";
        }
    }
}

int selection_format_outcome(const struct selection *selection,
                             const struct capabilities *capabilities,
                             const struct selection_request *request, char *buffer, size_t size)
{
    struct text text = { buffer, size, 0 };

    buffer[0] = '\0';
    switch ((enum outcome)selection->outcome) {
    case OUTCOME_RUNS:
        break;
    case OUTCOME_DEGRADED:
        append_fallbacks(&text, selection);
        break;
    case OUTCOME_CANNOT_RUN:
        append_cannot_run(&text, selection, capabilities);
        break;
    case OUTCOME_REFUSED:
        append_refused(&text, selection, capabilities, request);
        break;
    case OUTCOME_CANNOT_TELL:       /* not an outcome of the selection; report_environment.unknown */
        break;
    }
    return (int)text.length;
}
