/* SPDX-License-Identifier: BSD-2-Clause */
/* What sextant-probe says: CANNOT TELL, explanations, comparisons, the command line. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "diff.h"
#include "explain.h"
#include "options.h"
#include "probe_support.h"

static struct arena arena;
static struct subject subject, other;
static struct judgement judgement, second;
static struct collected output;
static const struct report_sink sink = { collected_put, &output };

static int forget(void **state)
{
    (void)state;
    collected_free(&output);
    arena_free(&arena);
    return 0;
}

/* Without line breaks, so that sentences can be looked for. */
static const char *said(void)
{
    char *to = output.text;

    for (const char *from = output.text; *from != '\0'; from++) {
        char c = *from == '\n' ? ' ' : *from;

        if (c != ' ' || to == output.text || to[-1] != ' ') {
            *to++ = c;
        }
    }
    *to = '\0';
    return output.text;
}

static void assert_says(const char *part)
{
    if (strstr(said(), part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, output.text);
    }
}

static void judge_raw(const struct raw *raw, const char *parameters, struct subject *of,
                      struct judgement *out)
{
    memset(of, 0, sizeof(*of));
    subject_first_cpu(of, raw);
    judge(&arena, of, parameters, false, out);
}

static void forget_msr(struct raw *raw, uint32_t index)
{
    for (unsigned i = 0; i < raw->msr_count; i++) {
        if (raw->msr[i].index == index) {
            raw->msr[i] = raw->msr[--raw->msr_count];
        }
    }
    raw->msrs_unread = true;
}

/* ---- what was not read ---- */

static void what_decides_and_was_not_read(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    raw.msr_count = 0;
    raw.msrs_unread = true;
    judge_raw(&raw, NULL, &subject, &judgement);
    assert_non_null(judgement.environment.unknown);
    assert_non_null(strstr(judgement.environment.unknown, "IA32_VMX_BASIC (0x480)"));
    assert_non_null(strstr(judgement.environment.unknown, "IA32_VMX_EPT_VPID_CAP (0x48c)"));
    assert_null(strstr(judgement.environment.unknown, "VM_CR"));

    /* Without VMX the answer does not hang on them. */
    raw.cpuid[1].word[RAW_ECX] &= ~(1u << 5);
    judge_raw(&raw, NULL, &subject, &judgement);
    assert_null(judgement.environment.unknown);
    assert_int_equal(judgement.selection.outcome, OUTCOME_CANNOT_RUN);
}

static void what_was_not_read_and_would_be_better(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    forget_msr(&raw, RAW_MSR_IA32_VMX_MISC);
    judge_raw(&raw, "", &subject, &judgement);
    assert_null(judgement.environment.unknown);
    assert_int_equal(judgement.selection.axis[AXIS_STARTUP].chosen, STRATEGY_STARTUP_ICR);
    assert_int_equal(subject.note_count, 1);
    assert_string_equal(subject.notes[0], "MSRs that were not read could allow a better choice: "
                        "IA32_VMX_MISC (0x485).");

    /* Asked for, and it may be there. */
    judge_raw(&raw, "startup=sipi", &subject, &judgement);
    assert_non_null(judgement.environment.unknown);
}

static void a_lock_that_was_not_read(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_svm(&raw);
    forget_msr(&raw, RAW_MSR_VM_CR);
    judge_raw(&raw, NULL, &subject, &judgement);
    assert_null(judgement.environment.unknown);
    assert_int_equal(judgement.selection.backend, BACKEND_SVM);
    assert_int_equal(subject.note_count, 1);
    assert_non_null(strstr(subject.notes[0], "VM_CR (0xc0010114) was not read"));
}

/* ---- explanations ---- */

static void every_capability_is_explained(void **state)
{
    const char *error;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);

        if (explain_capability((enum capability_id)id) == NULL) {
            fail_msg("tools/probe/explain.def has no row for %s", row->id);
        }
        assert_non_null(strstr(explain_manual((enum capability_id)id), " Vol "));
        assert_true(explain(&arena, row->id, NULL, &sink, &error));
        assert_says(row->name);
        assert_says(" what ");
        assert_says(" where ");
        assert_says(" without it ");
        forget(state);
    }
}

static void every_strategy_is_explained(void **state)
{
    const char *error;

    for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
        const struct strategy_row *row = strategy_row((enum strategy_id)id);
        char name[40];

        snprintf(name, sizeof(name), "%s=%s", axis_row(row->axis)->name, row->name);
        if (explain_strategy_manual((enum strategy_id)id) == NULL) {
            fail_msg("tools/probe/explain.def has no row for %s", name);
        }
        assert_true(explain(&arena, name, NULL, &sink, &error));
        assert_says(row->what);
        forget(state);
        assert_true(explain(&arena, row->name, NULL, &sink, &error));
        assert_says(row->what);
        forget(state);
    }
}

static void what_is_lost_comes_from_the_selection(void **state)
{
    const char *error;

    assert_true(explain(&arena, "vmx_monitor_trap_flag", NULL, &sink, &error));
    assert_says("without it vmx: step=dbstep is taken instead of step=mtf (you lose: TF, DR6 and");
    assert_says("needed by step=mtf (vmx).");
    assert_says("IA32_VMX_PROCBASED_CTLS (0x482) bit 59.");
    assert_says("> Processor-Based VM-Execution Controls.");
    assert_says("-cpu MODEL,+vmx-mtf");
    forget(state);
    assert_true(explain(&arena, "NP", NULL, &sink, &error));
    assert_says("without it svm: no guest can run.");
    forget(state);
    assert_false(explain(&arena, "vmx_ple", NULL, &sink, &error));
    assert_non_null(strstr(error, "Nothing is called \"vmx_ple\""));
    forget(state);
    assert_true(explain(&arena, "svm", NULL, &sink, &error));      /* a capability and a backend */
    assert_says("\"SVM\"");
    assert_says("backend svm:");
    forget(state);
    assert_false(explain(&arena, "trap_fla", NULL, &sink, &error));
    assert_non_null(strstr(error, "Did you mean one of these? vmx_monitor_trap_flag."));
}

static void an_explanation_says_what_a_machine_has(void **state)
{
    static struct raw raw;
    const char *error;

    raw_full_vmx(&raw);
    judge_raw(&raw, "mask=vmx_monitor_trap_flag", &subject, &judgement);
    assert_true(explain(&arena, "vmx_monitor_trap_flag", &judgement, &sink, &error));
    assert_says("here masked");
    assert_says("IA32_VMX_TRUE_PROCBASED_CTLS (0x48e) bit 59");
    forget(state);
    raw_full_vmx(&raw);
    judge_raw(&raw, "mask=vmx_monitor_trap_flag", &subject, &judgement);
    assert_true(explain(&arena, "step=mtf", &judgement, &sink, &error));
    assert_says("here masked: ");
}

/* ---- comparisons ---- */

static void a_capability_that_changed_and_what_it_changes(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    judge_raw(&raw, "", &subject, &judgement);
    raw_set_msr(&raw, 0x482, UINT64_C(0xf7ffffff0401e172));
    raw_set_msr(&raw, 0x48e, UINT64_C(0xf7ffffff04006172));
    raw.cpuid[1].word[RAW_EAX]++;
    judge_raw(&raw, "", &other, &second);
    diff_write(&arena, "before", &judgement, "after", &second, &sink);
    assert_says("A: before: RUNS");
    assert_says(" startup sipi in both.");
    assert_says(" step mtf -> dbstep. mtf in B: \"Monitor trap flag\", bit 59 of "
                "IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), is 0. In B you lose: TF, DR6");
    assert_says("advertised -> absent: \"Monitor trap flag\" (IA32_VMX_TRUE_PROCBASED_CTLS (0x48e) "
                "bit 59). By itself it changes: step=mtf -> dbstep.");
    assert_says("Registers with other bits that changed CPUID 0x00000001 0x00 eax: 0x000806c1 -> "
                "0x000806c2");
    assert_null(strstr(output.text, "MSR 0x00000482"));     /* its bit has a name */
}

/* What was never tried on the first machine, because it could not be, counts as if it worked. */
static void a_capability_that_came_and_was_never_tried(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    raw.cpuid[1].word[RAW_ECX] &= ~(1u << 21);
    memset(&subject, 0, sizeof(subject));
    subject_first_cpu(&subject, &raw);
    subject.selftests[0] = (struct selftest_result){
        .strategy = STRATEGY_STEP_MTF, .verdict = SELFTEST_PASSED, .exits = 1, .ticks = 1,
        .detail = NULL,
    };
    subject.selftests[1] = (struct selftest_result){
        .strategy = STRATEGY_STARTUP_SIPI, .verdict = SELFTEST_FAILED, .exits = 1, .ticks = 1,
        .detail = NULL,
    };
    subject.selftest_count = 2;
    judge(&arena, &subject, "", false, &judgement);
    assert_int_equal(judgement.selection.axis[AXIS_X2APIC].chosen, STRATEGY_X2APIC_HIDE);
    raw.cpuid[1].word[RAW_ECX] |= 1u << 21;
    judge_raw(&raw, "", &other, &second);
    diff_write(&arena, "before", &judgement, "after", &second, &sink);
    assert_says("absent -> advertised: \"x2APIC\" (CPUID 0x1 ECX bit 21). By itself it changes: "
                "x2apic=hide -> msr.");
}

static void the_same_machine_twice(void **state)
{
    static struct raw raw;

    (void)state;
    raw_qemu_epyc(&raw);
    judge_raw(&raw, NULL, &subject, &judgement);
    judge_raw(&raw, NULL, &other, &second);
    diff_write(&arena, "one", &judgement, "two", &second, &sink);
    assert_says("Capabilities that changed none.");
    assert_null(strstr(output.text, "->"));
    assert_null(strstr(output.text, "Registers"));
}

static void two_vendors(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    judge_raw(&raw, "", &subject, &judgement);
    raw_full_svm(&raw);
    judge_raw(&raw, "", &other, &second);
    diff_write(&arena, "Intel", &judgement, "AMD", &second, &sink);
    assert_says("backend vmx -> svm.");
    assert_says("advertised -> absent: \"VMX\" (CPUID 0x1 ECX bit 5). By itself it changes: backend "
                "vmx -> nothing.");
    assert_says("that lie behind VMX or SVM");
    assert_null(strstr(output.text, "\"Monitor trap flag\" (IA32"));
}

/* ---- the command line ---- */

static struct options options;

static bool parse(const char *line, const char **error)
{
    char *words[16];
    int count = 0;
    char *copy = arena_copy(&arena, line, strlen(line));

    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    *error = NULL;
    return options_parse(&arena, count, words, &options, error);
}

static void command_lines(void **state)
{
    static const struct { const char *line, *error; } wrong[] = {
        { "--form x", "There is no option --form" },
        { "-j", "There is no option -j" },
        { "--from", "--from needs" },
        { "--diff a", "--diff needs two files" },
        { "--json=yes", "--json stands alone" },
        { "--json --report", "Only one of" },
        { "--diff a b --from c", "leave out --from" },
        { "--diff - -", "Standard input (-) can be given once" },
        { "--from - --from -", "Standard input (-) can be given once" },
        { "--msr-device x --from c", "leave it or the files out" },
        { "stpe=mtf", "Did you mean \"step\"?" },
        { "--mask nosuch", "mask= does not know the capability" },
        { "nosuch", "neither an option nor a boot parameter" },
        { "/dev/null", "is a file: say --from" },
    };
    const char *error;

    (void)state;
    assert_true(parse("--from a --from=b --json step=mtf --mask vmx_ept,NRIPS stats", &error));
    assert_int_equal(options.file_count, 2);
    assert_string_equal(options.files[1], "b");
    assert_true(options.given[OPTION_JSON]);
    assert_string_equal(options.parameters, "step=mtf mask=vmx_ept,NRIPS stats");
    assert_true(parse("--diff a b", &error));
    assert_string_equal(options.diff[1], "b");
    assert_true(parse("", &error));
    assert_null(options.parameters);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (parse(wrong[i].line, &error) || strstr(error, wrong[i].error) == NULL) {
            fail_msg("%s: %s", wrong[i].line, error != NULL ? error : "taken");
        }
    }
}

static void help_has_every_option(void **state)
{
    (void)state;
    options_help(&sink);
    for (const char *line = output.text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 110);
    }
    assert_says("--from FILE");
    assert_says("--diff A B");
    assert_says("step=auto,mtf,dbstep");
    assert_says("Exit status: 0 a guest runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_decides_and_was_not_read, forget),
        cmocka_unit_test_teardown(what_was_not_read_and_would_be_better, forget),
        cmocka_unit_test_teardown(a_lock_that_was_not_read, forget),
        cmocka_unit_test_teardown(every_capability_is_explained, forget),
        cmocka_unit_test_teardown(every_strategy_is_explained, forget),
        cmocka_unit_test_teardown(what_is_lost_comes_from_the_selection, forget),
        cmocka_unit_test_teardown(an_explanation_says_what_a_machine_has, forget),
        cmocka_unit_test_teardown(a_capability_that_changed_and_what_it_changes, forget),
        cmocka_unit_test_teardown(a_capability_that_came_and_was_never_tried, forget),
        cmocka_unit_test_teardown(the_same_machine_twice, forget),
        cmocka_unit_test_teardown(two_vendors, forget),
        cmocka_unit_test_teardown(command_lines, forget),
        cmocka_unit_test_teardown(help_has_every_option, forget),
    };

    return cmocka_run_group_tests_name("probe, answers", tests, NULL, NULL);
}
