/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports read back: whatever the image says of a machine (random processors, CPUs that differ,
 * self-tests, boot parameters), sextant-probe makes the same JSON object of it, byte for byte.  And
 * logs that are cut, damaged or something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/version.h"
#include "judge.h"
#include "probe_support.h"

#define ROUNDS  400

static struct arena arena;
static struct reported machine;
static struct subject subject;
static struct judgement judgement;
static struct selftest_result selftests[SELFTEST_RESULTS];
static unsigned tested_alone;       /* reports with the self-test of a capability */
static struct cpu_difference differences[8];
static uint64_t seed = 88172645463325252u;

static uint64_t any(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static int forget(void **state)
{
    (void)state;
    arena_free(&arena);
    collected_free(&machine.output);
    return 0;
}

/* ---- what the image does ---- */

static void any_processor(struct raw *raw)
{
    void (*const processors[])(struct raw *raw) = { raw_full_vmx, raw_full_svm, raw_qemu_epyc };

    processors[any(3)](raw);
    for (uint64_t i = any(6); i != 0; i--) {
        struct raw_cpuid *entry = &raw->cpuid[any(raw->cpuid_count)];
        struct raw_msr *msr = &raw->msr[any(raw->msr_count)];

        if (any(2) != 0) {
            msr->value ^= UINT64_C(1) << any(64);
        } else if (entry->leaf != 0 && entry->leaf != 0x80000000) {
            entry->word[any(4)] ^= UINT32_C(1) << any(32);
        }
    }
}

/* Another CPU in a few words, as core/findings.c counts it. */
static void any_other_cpu(void)
{
    struct raw_difference words[8];
    struct capabilities theirs, common;
    struct raw other = machine.raw;
    size_t found;

    other.cpuid[1].word[any(4)] ^= UINT32_C(1) << any(32);
    if (other.msr_count != 0) {
        other.msr[any(other.msr_count)].value ^= UINT64_C(1) << any(64);
    }
    found = raw_differences(&machine.raw, &other, words, 8);
    for (size_t i = 0; i < found; i++) {
        differences[i] = (struct cpu_difference){ 7, words[i] };
    }
    machine.environment.differences = differences;
    machine.environment.difference_count = machine.environment.difference_total = found;
    capabilities_derive(&other, &theirs);
    capabilities_weakest(&machine.capabilities, &theirs, &common);
    machine.capabilities = common;
}

/* Of a capability by itself. */
static size_t any_capability_test(void)
{
    bool works = any(2) != 0;

    if (!capability_has(&machine.capabilities, CAPABILITY_SVM_DECODE_ASSISTS) || any(3) == 0) {
        return 0;
    }
    selftests[0] = (struct selftest_result){
        .strategy = STRATEGY_NONE, .capability = CAPABILITY_SVM_DECODE_ASSISTS,
        .verdict = works ? SELFTEST_PASSED : SELFTEST_FAILED, .exits = 2, .ticks = any(1000),
        .detail = works ? NULL : "no bytes",
    };
    if (works) {
        capability_mark_verified(&machine.capabilities, CAPABILITY_SVM_DECODE_ASSISTS);
    } else {
        capability_mark_broken(&machine.capabilities, CAPABILITY_SVM_DECODE_ASSISTS);
    }
    tested_alone++;
    return 1;
}

static void any_selftests(struct strategy_set set)
{
    size_t count = any_capability_test(), first = count;

    for (unsigned backend = 0; backend < BACKEND_COUNT && count == first; backend++) {
        for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
            struct selftest_result *result = &selftests[count];

            if (!strategy_is_bindable(&machine.capabilities, set, (enum backend_id)backend,
                                      (enum strategy_id)id) || any(3) == 0) {
                continue;
            }
            *result = (struct selftest_result){ .strategy = (uint8_t)id,
                                                .verdict = (uint8_t)(1 + any(3)),
                                                .exits = (uint32_t)any(9),
                                                .ticks = any(UINT64_MAX) };
            if (result->verdict == SELFTEST_PASSED
                && rank_operation(strategy_row((enum strategy_id)id)->axis) != NULL) {
                result->cost = (struct strategy_cost){ true, (uint32_t)any(4), any(1000) };
                machine.request.cost[id] = result->cost;
            }
            result->detail = result->verdict == SELFTEST_PASSED ? NULL : "it \"went\" wrong\\";
            machine.request.selftest[id] = result->verdict;
            selection_mark_selftest(&machine.capabilities, (enum backend_id)backend,
                                    (enum strategy_id)id,
                                    (enum selftest_verdict)result->verdict);
            count++;
        }
    }
    machine.environment.selftests = selftests;
    machine.environment.selftest_count = count;
}

static struct strategy_set any_image(void)
{
    struct strategy_set set = everything_built();

    if (any(2) != 0) {
        set.strategies &= (uint32_t)any(UINT32_MAX);
        set.backends &= (uint32_t)any(4);
    }
    return set;
}

static const char *any_command_line(void)
{
    static const char *const lines[] = {
        "", "image.elf report=only", "step=mtf", "step=dbstep,auto apic=page", "mask=vmx_ept",
        "mask=svm,x2apic stats", "nmi=vnmi! step=mtf!", "startup=icr step=dbstep step=auto",
        "stpe=mtf", "mask=vmx_true_controls apic=decode,page", "apic=apicv!",
        "guest.x2apic=only", "guest.x2apic=hide",
    };

    return any(5) == 0 ? NULL : lines[any(sizeof(lines) / sizeof(lines[0]))];
}

static const char *const notes[] = { "A note.", "Another \"one\"." };

static void any_report(void)
{
    struct strategy_set set = any_image();
    const char *command_line = any_command_line();
    static struct raw raw;

    any_processor(&raw);
    reported_prepare(&machine, &raw, command_line, set);
    capabilities_derive(&machine.raw, &machine.capabilities);
    if (any(3) == 0) {
        any_other_cpu();
    }
    boot_parameters_apply_mask(&machine.parameters, &machine.capabilities);
    if (any(4) != 0) {
        any_selftests(set);
    }
    select_strategies(&machine.capabilities, &machine.request, set, &machine.selection);
    selection_mark_forced(&machine.selection, &machine.capabilities);
    if (machine.capabilities.state[CAPABILITY_LONG_MODE] == CAPABILITY_ABSENT) {
        machine.environment.refusal = NULL;         /* that program makes it a note */
    }
    machine.environment.version = "0.0";
    machine.environment.build_id = any(2) != 0 ? "c0ffee" : NULL;
    machine.environment.loader = any(2) != 0 ? "a loader" : NULL;
    machine.environment.command_line = command_line;
    machine.environment.memory_bytes = any(UINT64_MAX);
    machine.environment.reserved_bytes = any(UINT64_MAX);
    machine.environment.cpus = 4;
    machine.environment.cpus_probed = 2;
    machine.environment.notes = notes;
    machine.environment.note_count = any(3);
}

/* What the image would have written if it were sextant-probe. */
static void expected_json(struct collected *out)
{
    struct report_program image = { "Sextant", machine.environment.version,
                                    machine.environment.build_id };
    struct report_sink sink = { collected_put, out };
    struct report_input input;

    machine.environment.program = "sextant-probe";
    machine.environment.version = SEXTANT_VERSION;
    machine.environment.build_id = NULL;
    machine.environment.measured = &image;
    input = reported_input(&machine);
    report_write_json(&input, &sink);
    machine.environment.program = NULL;
    machine.environment.version = image.version;
    machine.environment.build_id = image.build_id;
    machine.environment.measured = NULL;
}

/* ---- reading ---- */

static const char *take(const char *text, size_t length)
{
    const struct json *report = NULL;
    struct input_error wrong;
    const char *error;
    bool found;

    if (!subject_find_report(&arena, text, length, &found, &report, &wrong)) {
        return arena_format(&arena, "line %u: %s", wrong.line, wrong.sentence);
    }
    if (!found) {
        return "no report";
    }
    return subject_from_report(&arena, report, &subject, &error) ? NULL : error;
}

static void judged_json(const char *parameters, struct collected *out)
{
    struct report_sink sink = { collected_put, out };
    struct report_input input;

    judge(&arena, &subject, parameters, false, &judgement);
    input = judge_report(&judgement);
    report_write_json(&input, &sink);
}

/* A serial console that says \r\n, with other output around. */
static void as_log(const struct collected *report, struct collected *log)
{
    static const char before[] = "SeaBIOS\r\nBooting...\r\n", after[] = "[    0.0] Linux\r\n";

    collected_put(log, before, sizeof(before) - 1);
    for (size_t i = 0; i < report->length; i++) {
        if (report->text[i] == '\n') {
            collected_put(log, "\r", 1);
        }
        collected_put(log, &report->text[i], 1);
    }
    collected_put(log, after, sizeof(after) - 1);
}

/* Random images carry what today's does not: said, and not part of what is compared. */
static void drop_image_note(char *json)
{
    char *note = strstr(json, "\"The report is of another image"), *end;

    if (note != NULL) {
        end = strchr(note + 1, '"') + 1;
        note -= note[-1] == ',';
        memmove(note, end, strlen(end) + 1);
    }
}

static void every_report_comes_back(void **state)
{
    unsigned outcomes[OUTCOME_CANNOT_TELL + 1] = { 0 };

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct collected expected = { 0 }, got = { 0 }, again = { 0 }, log = { 0 };
        const char *error;

        any_report();
        reported_write(&machine);
        expected_json(&expected);
        as_log(&machine.output, &log);
        error = take(log.text, log.length);
        if (error != NULL) {
            fail_msg("round %u: %s", round, error);
        }
        judged_json(NULL, &got);
        drop_image_note(got.text);
        assert_string_equal(expected.text, got.text);
        for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
            assert_int_equal(judgement.selection.axis[axis].chosen,
                             machine.selection.axis[axis].chosen);
        }
        outcomes[machine.environment.refusal != NULL ? OUTCOME_REFUSED
                                                     : machine.selection.outcome]++;
        /* Its own object comes back as well. */
        assert_null(take(got.text, strlen(got.text)));
        judged_json(NULL, &again);
        drop_image_note(again.text);
        assert_string_equal(got.text, again.text);
        collected_free(&expected);
        collected_free(&got);
        collected_free(&again);
        collected_free(&log);
        forget(state);
    }
    for (unsigned outcome = 0; outcome <= OUTCOME_REFUSED; outcome++) {
        assert_in_range(outcomes[outcome], 5, ROUNDS);
    }
    assert_in_range(tested_alone, 5, ROUNDS);
}

/* ---- parameters of one's own ---- */

static void report_of(void (*processor)(struct raw *raw), const char *command_line)
{
    static struct raw raw;

    processor(&raw);
    reported_prepare(&machine, &raw, command_line, everything_built());
    machine.environment.version = "0.0";
    machine.environment.command_line = command_line;
    machine.environment.cpus = machine.environment.cpus_probed = 1;
}

static void own_parameters_replace_the_reports(void **state)
{
    (void)state;
    report_of(raw_full_vmx, "mask=vmx_monitor_trap_flag step=dbstep");
    reported_write(&machine);
    assert_null(take(machine.output.text, machine.output.length));
    judge(&arena, &subject, NULL, false, &judgement);
    assert_int_equal(judgement.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_int_equal(judgement.capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG],
                     CAPABILITY_MASKED);
    judge(&arena, &subject, "step=mtf", false, &judgement);
    assert_int_equal(judgement.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
    assert_string_equal(judgement.command_line, "step=mtf");
    judge(&arena, &subject, "mask=vmx_ept", false, &judgement);
    assert_int_equal(judgement.selection.outcome, OUTCOME_CANNOT_RUN);
}

/* The self-test of the report counts, whatever is asked for now. */
static void a_broken_capability_stays_broken(void **state)
{
    (void)state;
    report_of(raw_full_vmx, "step=mtf!");
    selftests[0] = (struct selftest_result){ .strategy = STRATEGY_STEP_MTF,
                                             .verdict = SELFTEST_FAILED, .detail = "no exit" };
    machine.environment.selftests = selftests;
    machine.environment.selftest_count = 1;
    machine.request.selftest[STRATEGY_STEP_MTF] = SELFTEST_FAILED;
    capability_mark_broken(&machine.capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG);
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    selection_mark_forced(&machine.selection, &machine.capabilities);
    reported_write(&machine);
    assert_null(take(machine.output.text, machine.output.length));
    judge(&arena, &subject, NULL, false, &judgement);
    assert_int_equal(judgement.capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG],
                     CAPABILITY_FORCED);
    assert_true(judgement.selection.axis[AXIS_STEP].forced);
    judge(&arena, &subject, "", false, &judgement);
    assert_int_equal(judgement.capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG],
                     CAPABILITY_BROKEN);
    assert_int_equal(judgement.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
}

/* ---- wrong logs ---- */

static void refuse(const char *text, size_t length, const char *part)
{
    const char *error = take(text, length);

    if (error == NULL || strstr(error, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error != NULL ? error : "(taken)", part);
    }
}

static void damaged_logs_are_refused(void **state)
{
    char *begin, *end, *digit;

    (void)state;
    report_of(raw_qemu_epyc, "report=only");
    reported_write(&machine);
    begin = strstr(machine.output.text, REPORT_JSON_BEGIN);
    end = strstr(machine.output.text, REPORT_JSON_END);
    refuse(machine.output.text, (size_t)(begin - machine.output.text), "its JSON object does not "
           "follow");
    refuse(machine.output.text, (size_t)(begin - machine.output.text) + 21, "the log ends where");
    refuse(machine.output.text, (size_t)(end - machine.output.text) - 100, "the log ends inside");
    refuse(machine.output.text, (size_t)(end - machine.output.text) + 20, "does not stand there");
    digit = strstr(begin, "\"signature\":") + 12;
    *digit = *digit == '9' ? '8' : '9';
    refuse(machine.output.text, machine.output.length, "is damaged: its CRC-32 is");
    refuse("{\"schema\":1", 11, "Was the file cut?");
    refuse("{\"schema\":1}", 12, "is not a Sextant report");
    refuse("{\"schema\":2,\"program\":\"Sextant\"}", 32, "schema is not 1");
    refuse("{\"schema\":1,\"program\":\"Sextant\"}", 32, "member \"raw\" is missing");
}

/* Members that are missing or of another kind: each is refused with its name, nothing is taken. */
static void every_member_is_checked(void **state)
{
    static const char *const members[] = {
        "outcome", "backends", "axes", "machine", "selftests", "cpu_differences",
        "cpu_differences_total", "capabilities", "raw", "notes", "version", "build_id", "vendor",
    };
    struct collected json = { 0 };
    struct report_sink sink = { collected_put, &json };
    struct report_input input;

    (void)state;
    report_of(raw_qemu_epyc, "");
    input = reported_input(&machine);
    report_write_json(&input, &sink);
    assert_null(take(json.text, json.length));
    for (size_t i = 0; i + 1 < sizeof(members) / sizeof(members[0]); i++) {
        char key[40];
        char *at;

        snprintf(key, sizeof(key), "\"%s\":", members[i]);
        at = strstr(json.text, key);
        assert_non_null(at);
        at[1] = '_';
        snprintf(key, sizeof(key), "\"%s\" is missing", members[i]);
        refuse(json.text, json.length, key);
        at[1] = members[i][0];
    }
    assert_null(take(json.text, json.length));
    collected_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_report_comes_back, forget),
        cmocka_unit_test_teardown(own_parameters_replace_the_reports, forget),
        cmocka_unit_test_teardown(a_broken_capability_stays_broken, forget),
        cmocka_unit_test_teardown(damaged_logs_are_refused, forget),
        cmocka_unit_test_teardown(every_member_is_checked, forget),
    };

    return cmocka_run_group_tests_name("probe, reports", tests, NULL, NULL);
}
