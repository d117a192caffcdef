/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a name is, where the processor says so, which chapter of the manual is about it, what needs
 * it, and what is lost without it.  The last is not written down anywhere: the selection is asked,
 * with everything that the vendor's processors can have, and once more without this.
 */
#include "explain.h"

#include <ctype.h>
#include <string.h>

#include "lib/format.h"
#include "probe/report_output.h"
#include "strategies/implemented.h"

#define COLUMN  13

static const char *const clauses[CAPABILITY_COUNT] = {
#define EXPLAIN(id, what) [CAPABILITY_##id] = what,
#include "explain.def"
#undef EXPLAIN
};

static const char *const chapters[STRATEGY_COUNT] = {
#define MANUAL(id, titles) [STRATEGY_##id] = titles,
#include "explain.def"
#undef MANUAL
};

const char *explain_strategy_manual(enum strategy_id id)
{
    return chapters[id];
}

const char *explain_capability(enum capability_id id)
{
    return clauses[id];
}

/* ---- manuals ---- */

#define CONTROLS   "SDM Vol 3: Virtual Machine Control Structures > "
#define REPORTING  "SDM Vol 3: VMX Capability Reporting Facility > "

static const char *msr_manual(uint32_t index)
{
    switch (index) {
    case RAW_MSR_IA32_APIC_BASE:
        return "SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Local APIC > Local "
               "APIC Status and Location";
    case RAW_MSR_IA32_FEATURE_CONTROL:
        return "SDM Vol 3: Introduction to Virtual Machine Extensions > Enabling and Entering VMX "
               "Operation";
    case RAW_MSR_IA32_VMX_BASIC:
        return REPORTING "Basic VMX Information";
    case RAW_MSR_IA32_VMX_MISC:
        return REPORTING "Miscellaneous Data";
    case RAW_MSR_IA32_VMX_EPT_VPID_CAP:
        return REPORTING "VPID and EPT Capabilities";
    case RAW_MSR_IA32_VMX_VMFUNC:
        return REPORTING "VM Functions";
    case RAW_MSR_VM_CR:
        return "APM Vol 2: Secure Virtual Machine > SVM Related MSRs > VM_CR MSR";
    default:
        return "SDM Vol 4: Model-Specific Registers > Architectural MSRs";
    }
}

static const char *word_manual(enum vmx_control_word word)
{
    switch (word) {
    case VMX_WORD_PINBASED:
        return CONTROLS "VM-Execution Control Fields > Pin-Based VM-Execution Controls";
    case VMX_WORD_PROCBASED:
    case VMX_WORD_PROCBASED2:
    case VMX_WORD_PROCBASED3:
        return CONTROLS "VM-Execution Control Fields > Processor-Based VM-Execution Controls";
    case VMX_WORD_EXIT:
    case VMX_WORD_EXIT2:
        return CONTROLS "VM-Exit Control Fields > VM-Exit Controls";
    default:
        return CONTROLS "VM-Entry Control Fields > VM-Entry Controls";
    }
}

static const char *cpuid_manual(uint32_t leaf)
{
    if (leaf == 0x8000000a) {
        return "APM Vol 3: Obtaining Processor Information Via the CPUID Instruction > Function "
               "8000_000Ah";
    }
    if (leaf == 0x80000001) {
        return "SDM Vol 2: CPUID-CPU Identification; APM Vol 3: Obtaining Processor Information "
               "Via the CPUID Instruction > Function 8000_0001h";
    }
    return "SDM Vol 2: CPUID-CPU Identification";
}

const char *explain_manual(enum capability_id id)
{
    const struct capability_row *row = capability_row(id);

    switch (row->kind) {
    case CAPABILITY_KIND_CPUID:
        return cpuid_manual(row->source);
    case CAPABILITY_KIND_MSR_BIT:
        return msr_manual(row->source);
    case CAPABILITY_KIND_CONTROL:
        return word_manual((enum vmx_control_word)row->source);
    case CAPABILITY_KIND_DERIVED:
        break;
    }
    return msr_manual(id == CAPABILITY_SVM_USABLE ? (uint32_t)RAW_MSR_VM_CR
                                                  : (uint32_t)RAW_MSR_IA32_FEATURE_CONTROL);
}

/* ---- lines ---- */

struct explanation {
    struct arena *arena;
    struct report_output output;
    const struct judgement *here;
    unsigned count;             /* names that were explained */
};

static void line(struct explanation *e, const char *name, const char *text)
{
    struct report_paragraph paragraph;
    char head[32];

    format_text(head, sizeof(head), "  %-10s ", name);
    report_begin(&paragraph, &e->output, COLUMN, head);
    report_add(&paragraph, text);
    report_end(&paragraph);
}

static void title(struct explanation *e, const char *text)
{
    struct report_paragraph paragraph;

    report_begin(&paragraph, &e->output, 2, e->count++ != 0 ? "\n" : "");
    report_add(&paragraph, text);
    report_end(&paragraph);
}

static const char *full_name(struct arena *arena, enum strategy_id id)
{
    const struct strategy_row *row = strategy_row(id);

    return arena_format(arena, "%s=%s", axis_row(row->axis)->name, row->name);
}

/* ", " between the parts of a list. */
static const char *joined(struct arena *arena, const char *list, const char *part)
{
    return *list != '\0' ? arena_format(arena, "%s, %s", list, part) : part;
}

static const char *lower(struct arena *arena, const char *identifier)
{
    char *copy = arena_copy(arena, identifier, strlen(identifier));

    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return copy;
}

static const char *place(struct arena *arena, const struct judgement *here, enum capability_id id)
{
    char source[128];

    capability_format_source(here != NULL ? &here->capabilities : NULL, id, source,
                             sizeof(source));
    return arena_copy(arena, source, strlen(source));
}

/* ---- what needs it ---- */

static bool way_needs(const struct strategy_way *way, enum capability_id id)
{
    for (unsigned i = 0; i < STRATEGY_NEEDS_MAX && way->needs[i] != CAPABILITY_NONE; i++) {
        if (way->needs[i] == id) {
            return true;
        }
    }
    return false;
}

static const char *needed_by(struct arena *arena, enum capability_id id)
{
    const char *list = "";

    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct backend_row *row = backend_row((enum backend_id)i);

        if (way_needs(&row->needs, id)) {
            list = joined(arena, list, arena_format(arena, "every guest under %s", row->what));
        }
    }
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
            const struct strategy_way *way = &strategy_row((enum strategy_id)i)->way[backend];

            if (way->offered && way_needs(way, id)) {
                list = joined(arena, list,
                              arena_format(arena, "%s (%s)",
                                           full_name(arena, (enum strategy_id)i),
                                           backend_row((enum backend_id)backend)->name));
            }
        }
    }
    return list;
}

/* Everything that processors with this backend can have, and nothing of the other's. */
static void have_everything(struct capabilities *capabilities, enum backend_id backend)
{
    enum capability_group other = backend == BACKEND_VMX ? CAPABILITY_GROUP_SVM
                                                         : CAPABILITY_GROUP_VMX;

    memset(capabilities, 0, sizeof(*capabilities));
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (capability_row((enum capability_id)id)->group != other) {
            capabilities->state[id] = CAPABILITY_ADVERTISED;
        }
    }
    capabilities->state[backend == BACKEND_VMX ? CAPABILITY_SVM : CAPABILITY_VMX] =
        CAPABILITY_ABSENT;
}

static const char *changed_axes(struct arena *arena, const struct selection *with,
                                const struct selection *without)
{
    const char *list = "";

    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        uint8_t before = with->axis[axis].chosen, after = without->axis[axis].chosen;
        const char *lost = without->axis[axis].lost;

        if (before == after || before == STRATEGY_NONE) {
            continue;
        }
        list = joined(arena, list,
                      after == STRATEGY_NONE
                      ? arena_format(arena, "nothing can do what %s does",
                                     full_name(arena, (enum strategy_id)before))
                      : arena_format(arena, "%s is taken instead of %s%s%s%s",
                                     full_name(arena, (enum strategy_id)after),
                                     full_name(arena, (enum strategy_id)before),
                                     lost != NULL ? " (you lose: " : "",
                                     lost != NULL ? lost : "", lost != NULL ? ")" : ""));
    }
    return list;
}

/* What the selection answers when a capability goes. */
static const char *loss(struct arena *arena, enum capability_id id, enum backend_id backend)
{
    struct selection_request request = { 0 };
    struct selection with, without;
    struct capabilities capabilities;
    const char *axes;

    have_everything(&capabilities, backend);
    if (capabilities.state[id] == CAPABILITY_ABSENT) {
        return NULL;
    }
    select_strategies(&capabilities, &request, strategies_implemented(), &with);
    capability_mask(&capabilities, id);
    select_strategies(&capabilities, &request, strategies_implemented(), &without);
    if (without.backend == BACKEND_NONE) {
        return "no guest can run";
    }
    axes = changed_axes(arena, &with, &without);
    return *axes != '\0' ? axes : NULL;
}

/* A line for each backend that loses something; `nothing` when none does. */
static void write_losses(struct explanation *e, const char *const lost[BACKEND_COUNT],
                         const char *nothing)
{
    bool any = false;

    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        if (lost[backend] != NULL) {
            line(e, any ? "" : "without it",
                 arena_format(e->arena, "%s: %s.", backend_row((enum backend_id)backend)->name,
                              lost[backend]));
            any = true;
        }
    }
    if (!any) {
        line(e, "without it", nothing);
    }
}

static void write_capability_losses(struct explanation *e, enum capability_id id)
{
    const char *lost[BACKEND_COUNT];

    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        lost[backend] = loss(e->arena, id, (enum backend_id)backend);
    }
    write_losses(e, lost, "where everything else is there, the same strategies are chosen.");
}

/* ---- kinds of names ---- */

static void explain_one_capability(struct explanation *e, enum capability_id id)
{
    const struct capability_row *row = capability_row(id);
    enum capability_id root = capability_depends_on(id);
    const char *feature = capability_qemu_feature(id);
    const char *users = needed_by(e->arena, id);

    title(e, arena_format(e->arena, "%s: \"%s\"", lower(e->arena, row->id), row->name));
    line(e, "what", arena_format(e->arena, "%s.", clauses[id]));
    line(e, "where", arena_format(e->arena, "%s.", place(e->arena, e->here, id)));
    line(e, "manual", arena_format(e->arena, "%s.", explain_manual(id)));
    if (root != CAPABILITY_NONE) {
        line(e, "behind", arena_format(e->arena, "\"%s\" (%s): without that its register does not "
                                       "exist.", capability_row(root)->name,
                                       place(e->arena, e->here, root)));
    }
    line(e, "needed by", *users != '\0' ? arena_format(e->arena, "%s.", users)
         : strcmp(row->needed_for, "nothing") == 0
           ? "nothing that Sextant does."
           : arena_format(e->arena, "no strategy; for %s.", row->needed_for));
    write_capability_losses(e, id);
    if (feature != NULL) {
        line(e, "QEMU", arena_format(e->arena, "-cpu MODEL,+%s shows it to a guest (of KVM: where "
                                     "the host's KVM can).", feature));
    }
    if (e->here != NULL) {
        line(e, "here", capability_state_name(
                 (enum capability_state)e->here->capabilities.state[id]));
    }
}

static void write_way(struct explanation *e, const char *name, const struct strategy_way *way)
{
    const char *list = "";

    if (!way->offered) {
        line(e, name, "cannot do it.");
        return;
    }
    for (unsigned i = 0; i < STRATEGY_NEEDS_MAX && way->needs[i] != CAPABILITY_NONE; i++) {
        enum capability_id id = (enum capability_id)way->needs[i];

        list = joined(e->arena, list,
                      arena_format(e->arena, "\"%s\" (%s)", capability_row(id)->name,
                                   place(e->arena, e->here, id)));
    }
    line(e, name, *list != '\0' ? arena_format(e->arena, "needs %s.", list)
                                : "needs nothing beyond the backend.");
}

static const char *condition(enum strategy_condition condition)
{
    switch (condition) {
    case CONDITION_WITH_STARTUP_SIPI:
        return "only with startup=sipi.";
    case CONDITION_WITH_TRAPPING_APIC:
        return "only with a strategy of the axis apic that sees every write to ICR.";
    case CONDITION_WITH_A_STEP:
        return "only with a strategy of the axis step.";
    case CONDITION_ALONE:
        break;
    }
    return NULL;
}

/* What the selection answers when the image does not carry a strategy. */
static const char *loss_of_strategy(struct arena *arena, enum strategy_id id,
                                    enum backend_id backend)
{
    struct strategy_set all = strategies_implemented(), fewer = all;
    struct selection_request request = { 0 };
    struct selection with, without;
    struct capabilities capabilities;
    const char *axes;

    have_everything(&capabilities, backend);
    fewer.strategies &= ~(UINT32_C(1) << id);
    select_strategies(&capabilities, &request, all, &with);
    select_strategies(&capabilities, &request, fewer, &without);
    axes = changed_axes(arena, &with, &without);
    return *axes != '\0' ? axes : NULL;
}

/* What else would be taken where everything is there. */
static void write_strategy_losses(struct explanation *e, enum strategy_id id)
{
    const char *lost[BACKEND_COUNT];

    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        lost[backend] = loss_of_strategy(e->arena, id, (enum backend_id)backend);
    }
    write_losses(e, lost, "nothing changes where everything better is there.");
}

static void explain_strategy(struct explanation *e, enum strategy_id id)
{
    const struct strategy_row *row = strategy_row(id);
    char reason[SELECTION_SENTENCE_MAX];

    title(e, arena_format(e->arena, "%s: %s", full_name(e->arena, id), row->what));
    line(e, "axis", arena_format(e->arena, "%s: %s.", axis_row(row->axis)->name,
                                 axis_row(row->axis)->what));
    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        write_way(e, backend_row((enum backend_id)backend)->name, &row->way[backend]);
    }
    if (condition(row->condition) != NULL) {
        line(e, "condition", condition(row->condition));
    }
    line(e, "manual", arena_format(e->arena, "%s.", chapters[id]));
    line(e, "you lose", arena_format(e->arena, "%s.", row->lost != NULL ? row->lost : "nothing"));
    line(e, "this image", strategy_set_has(strategies_implemented(), id)
                          ? "carries it." : "does not carry it.");
    write_strategy_losses(e, id);
    if (e->here != NULL) {
        selection_format_reason(&e->here->selection, &e->here->capabilities, id, reason,
                                sizeof(reason));
        line(e, "here",
             arena_format(e->arena, "%s: %s.",
                          verdict_name((enum verdict)e->here->selection.strategy[id].verdict),
                          reason));
    }
}

static void explain_backend(struct explanation *e, enum backend_id id)
{
    const struct backend_row *row = backend_row(id);
    char reason[SELECTION_SENTENCE_MAX];

    title(e, arena_format(e->arena, "backend %s: %s", row->name, row->what));
    write_way(e, row->name, &row->needs);
    if (e->here != NULL) {
        selection_format_backend_reason(&e->here->selection, &e->here->capabilities, id, reason,
                                        sizeof(reason));
        line(e, "here", arena_format(e->arena, "%s.", reason));
    }
}

static void explain_strategies(struct explanation *e, const char *name)
{
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        enum strategy_id id = (enum strategy_id)i;
        const struct strategy_row *row = strategy_row(id);

        if (strcmp(name, row->name) == 0 || strcmp(name, full_name(e->arena, id)) == 0
            || strcmp(name, axis_row(row->axis)->name) == 0) {
            explain_strategy(e, id);
        }
    }
}

/* Capabilities whose identifier holds the word. */
static const char *like(struct arena *arena, const char *name)
{
    const char *word = lower(arena, name), *list = "";

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const char *identifier = lower(arena, capability_row((enum capability_id)id)->id);

        if (strstr(identifier, word) != NULL && strlen(list) < 300) {
            list = joined(arena, list, identifier);
        }
    }
    return list;
}

bool explain(struct arena *arena, const char *name, const struct judgement *here,
             const struct report_sink *sink, const char **error)
{
    struct explanation e = { .arena = arena, .output = { .sink = sink }, .here = here };
    enum capability_id id = capability_find(name, strlen(name));

    if (id != CAPABILITY_NONE) {
        explain_one_capability(&e, id);
    }
    for (unsigned backend = 0; backend < BACKEND_COUNT; backend++) {
        if (strcmp(name, backend_row((enum backend_id)backend)->name) == 0) {
            explain_backend(&e, (enum backend_id)backend);
        }
    }
    explain_strategies(&e, name);
    if (e.count == 0) {
        const char *names = *name != '\0' ? like(arena, name) : "";

        *error = arena_format(arena, "Nothing is called \"%.40s\".%s%s%s", name,
                              *names != '\0' ? " Did you mean one of these? " : " Names are those "
                              "of the report (vmx_monitor_trap_flag, NRIPS) and of the boot "
                              "parameters (step=mtf, mtf, step)", names, ".");
    }
    return e.count != 0;
}
