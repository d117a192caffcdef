/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single selections with their sentences: the machines of the origin report, refusals, preference
 * lists, forcing, masking, self-tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

static char text[SELECTION_SENTENCE_MAX];
static struct reported machine;

static const char *outcome_text(void)
{
    selection_format_outcome(&machine.selection, &machine.capabilities, &machine.request, text,
                             sizeof(text));
    return text;
}

static const char *reason(enum strategy_id id)
{
    selection_format_reason(&machine.selection, &machine.capabilities, id, text, sizeof(text));
    return text;
}

static const char *backend_reason(enum backend_id id)
{
    selection_format_backend_reason(&machine.selection, &machine.capabilities, id, text,
                                    sizeof(text));
    return text;
}

static void prepare(void (*processor)(struct raw *raw), const char *command_line)
{
    static struct raw raw;

    processor(&raw);
    reported_prepare(&machine, &raw, command_line, everything_built());
    assert_string_equal(machine.error.text, "");
}

static struct strategy_set first_image(void)
{
    struct strategy_set set = { 0 };

    strategy_set_add_backend(&set, BACKEND_SVM);
    strategy_set_add(&set, STRATEGY_STARTUP_ICR);
    strategy_set_add(&set, STRATEGY_APIC_PAGE);
    strategy_set_add(&set, STRATEGY_X2APIC_HIDE);
    strategy_set_add(&set, STRATEGY_STEP_DBSTEP);
    strategy_set_add(&set, STRATEGY_NMI_IRET);
    return set;
}

static void assert_contains(const char *whole, const char *part)
{
    if (strstr(whole, part) == NULL) {
        fail_msg("\"%s\" (expected to contain \"%s\")", whole, part);
    }
}

static void a_full_processor_takes_the_best(void **state)
{
    (void)state;
    prepare(raw_full_vmx, "");
    assert_int_equal(machine.selection.outcome, OUTCOME_RUNS);
    assert_string_equal(outcome_text(), "");
    assert_int_equal(machine.selection.axis[AXIS_STARTUP].chosen, STRATEGY_STARTUP_SIPI);
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "the best one that can be used here");
    assert_string_equal(reason(STRATEGY_STEP_DBSTEP), "could be used, step=mtf is preferred");
    assert_string_equal(reason(STRATEGY_NMI_IRET), "SVM is absent (CPUID 0x80000001 ECX bit 2)");
    assert_string_equal(backend_reason(BACKEND_VMX), "its needs are met");
    assert_string_equal(backend_reason(BACKEND_SVM), "SVM is absent (CPUID 0x80000001 ECX bit 2)");
}

/* O12: AMD has no MTF; O13: a nested host without MTF and NMI-window exiting. */
static void the_machines_of_the_origin_report(void **state)
{
    static struct raw raw;

    (void)state;
    prepare(raw_full_svm, "");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_false(machine.selection.axis[AXIS_STEP].fallback);

    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x482, UINT64_C(0xf7b9fffe0401e172));
    raw_set_msr(&raw, 0x48e, UINT64_C(0xf7b9fffe04006172));
    reported_prepare(&machine, &raw, "", everything_built());
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_int_equal(machine.selection.axis[AXIS_NMI].chosen, STRATEGY_NMI_POLL);
    assert_true(machine.selection.axis[AXIS_STEP].fallback);
    assert_int_equal(machine.selection.outcome, OUTCOME_DEGRADED);
    assert_string_equal(outcome_text(), "2 of 5 axes on a fallback: step=dbstep, nmi=poll");
    assert_string_equal(reason(STRATEGY_STEP_MTF), "\"Monitor trap flag\", bit 59 of "
                        "IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), is 0");
}

static void the_first_image_on_qemu(void **state)
{
    static struct raw raw;

    (void)state;
    raw_qemu_epyc(&raw);
    reported_prepare(&machine, &raw, "", first_image());
    assert_int_equal(machine.selection.outcome, OUTCOME_DEGRADED);
    assert_string_equal(outcome_text(), "1 of 5 axes on a fallback: apic=page");
    assert_string_equal(reason(STRATEGY_APIC_DECODE), "not built into this image");
    assert_string_equal(reason(STRATEGY_NMI_VNMI), "VMX is absent (CPUID 0x1 ECX bit 5) "
                        "(nor is it built into this image)");
    /* No x2APIC to hide: nothing is lost by hiding it. */
    assert_null(machine.selection.axis[AXIS_X2APIC].lost);
    raw_set_bit(&raw, 1, 0, RAW_ECX, 21);
    reported_prepare(&machine, &raw, "", first_image());
    assert_non_null(machine.selection.axis[AXIS_X2APIC].lost);
    assert_int_equal(machine.selection.fallbacks, 2);
}

static void a_refused_strategy_names_the_bit(void **state)
{
    static struct raw raw;

    (void)state;
    raw_qemu_epyc(&raw);
    reported_prepare(&machine, &raw, "step=mtf", first_image());
    assert_int_equal(machine.selection.outcome, OUTCOME_REFUSED);
    assert_string_equal(outcome_text(),
        "step=mtf was asked for, but this processor does not have it: \"Monitor trap flag\" is "
        "bit 59 of IA32_VMX_PROCBASED_CTLS (0x482), and VMX is absent (CPUID 0x1 ECX bit 5). "
        "What you can do: use step=auto (takes dbstep).");

    reported_prepare(&machine, &raw, "apic=decode", first_image());
    assert_string_equal(outcome_text(), "apic=decode was asked for, but it is not built into this "
                        "image. What you can do: use apic=auto (takes page).");

    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x48b, UINT64_C(0xfffffcfe00000000));
    reported_prepare(&machine, &raw, "apic=apicv", everything_built());
    assert_string_equal(outcome_text(),
        "apic=apicv was asked for, but this processor does not have it: \"APIC-register "
        "virtualization\", bit 40 of IA32_VMX_PROCBASED_CTLS2 (0x48b), is 0, \"Virtualize APIC "
        "accesses\", bit 32 of IA32_VMX_PROCBASED_CTLS2 (0x48b), is 0, and \"Virtual-interrupt "
        "delivery\", bit 41 of IA32_VMX_PROCBASED_CTLS2 (0x48b), is 0. What you can do: use "
        "apic=auto (takes passthrough).");

    reported_prepare(&machine, &raw, "nmi=iret", everything_built());
    assert_string_equal(outcome_text(),
        "nmi=iret was asked for, but this processor does not have it: SVM is absent (CPUID "
        "0x80000001 ECX bit 2). What you can do: use nmi=auto (takes vnmi).");

    /* Every name of a list gets its reason; a name that is given twice gets one. */
    raw_qemu_epyc(&raw);
    reported_prepare(&machine, &raw, "nmi=vnmi,poll,vnmi", everything_built());
    assert_contains(outcome_text(), "nmi=vnmi was asked for, but this processor does not have it: "
                    "\"Virtual NMIs\" is bit 37 of IA32_VMX_PINBASED_CTLS (0x481), "
                    "\"NMI exiting\" is bit 35");
    assert_null(strstr(strstr(outcome_text(), "nmi=vnmi") + 1, "nmi=vnmi"));
}

static void conditions_between_axes(void **state)
{
    static struct raw raw;

    (void)state;
    prepare(raw_full_vmx, "startup=icr apic=passthrough");
    assert_int_equal(machine.selection.outcome, OUTCOME_REFUSED);
    assert_string_equal(outcome_text(),
        "startup=icr was asked for, but it needs apic=apicv or apic=decode or apic=page, and no "
        "apic strategy can be taken. What you can do: use startup=auto (takes sipi). "
        "apic=passthrough was asked for, but it needs startup=sipi, and no startup strategy can "
        "be taken. What you can do: use apic=auto (takes passthrough).");

    prepare(raw_full_vmx, "startup=icr x2apic=passthrough");
    assert_string_equal(outcome_text(),
        "x2apic=passthrough was asked for, but it needs startup=sipi, and startup=icr is taken. "
        "What you can do: use x2apic=auto (takes passthrough).");

    prepare(raw_full_vmx, "startup=icr");
    assert_int_equal(machine.selection.axis[AXIS_APIC].chosen, STRATEGY_APIC_APICV);
    assert_int_equal(machine.selection.axis[AXIS_X2APIC].chosen, STRATEGY_X2APIC_MSR);
    assert_string_equal(reason(STRATEGY_APIC_PASSTHROUGH),
                        "it needs startup=sipi, and startup=icr is taken");
    assert_string_equal(reason(STRATEGY_STARTUP_ICR), "asked for");
    assert_string_equal(reason(STRATEGY_STARTUP_SIPI),
                        "could be used, but startup= does not name it");

    /* A step that is refused drags apic=page along; only the cause is told. */
    prepare(raw_full_svm, "apic=page step=mtf");
    assert_int_equal(machine.selection.outcome, OUTCOME_REFUSED);
    assert_contains(outcome_text(), "step=mtf was asked for");
    assert_null(strstr(text, "apic=page was asked for"));

    /* sipi and a trapping apic go together. */
    prepare(raw_full_vmx, "apic=page");
    assert_int_equal(machine.selection.axis[AXIS_STARTUP].chosen, STRATEGY_STARTUP_SIPI);
    assert_int_equal(machine.selection.axis[AXIS_APIC].chosen, STRATEGY_APIC_PAGE);

    /* A processor with both: the VMX backend cannot do the job, the SVM one can. */
    raw_full_vmx(&raw);
    raw_set_bit(&raw, 0x80000001, 0, RAW_ECX, 2);
    raw_set_cpuid(&raw, 0x8000000a, 0, 1, 16, 0, 1);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_int_equal(machine.selection.backend, BACKEND_VMX);
    assert_string_equal(backend_reason(BACKEND_SVM), "could be used, vmx is preferred");
    raw_set_msr(&raw, 0x48d, UINT64_C(0x0000001600000016));
    reported_prepare(&machine, &raw, "", everything_built());
    assert_int_equal(machine.selection.backend, BACKEND_SVM);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "the svm backend has no way to do it, and is "
                        "the one that is bound");
}

static void preference_lists(void **state)
{
    (void)state;
    prepare(raw_full_svm, "step=mtf,dbstep");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_true(machine.selection.axis[AXIS_STEP].asked);
    prepare(raw_full_vmx, "step=dbstep,mtf");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_int_equal(machine.selection.axis[AXIS_STEP].automatic, STRATEGY_STEP_MTF);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "could be used, step=dbstep is preferred");
    prepare(raw_full_svm, "step=mtf,auto");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_false(machine.selection.axis[AXIS_STEP].asked);
    prepare(raw_full_vmx, "apic=page,auto");
    assert_int_equal(machine.selection.axis[AXIS_APIC].chosen, STRATEGY_APIC_PAGE);
}

static void no_virtualization(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    raw_set_cpuid(&raw, 1, 0, 0x506e3, 0, 0, 1u << 5);
    raw.msr_count = 0;
    reported_prepare(&machine, &raw, "step=mtf", everything_built());
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_string_equal(outcome_text(),
        "this processor has no hardware virtualization: VMX is absent (CPUID 0x1 ECX bit 5), and "
        "SVM is absent (CPUID 0x80000001 ECX bit 2)");

    /* VMX that firmware has locked off. */
    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x3a, 1);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(), "VMX is locked off by firmware (IA32_FEATURE_CONTROL "
                        "(0x3a) is locked with bit 2 clear)");
    raw_full_svm(&raw);
    raw_set_msr(&raw, 0xc0010114, 0x18);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(), "SVM is locked off by firmware (SVMDIS, bit 4 of VM_CR "
                        "(0xc0010114), is set)");
    raw_set_msr(&raw, 0xc0010114, 0x10);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(), "SVM is disabled by firmware (SVMDIS, bit 4 of VM_CR "
                        "(0xc0010114), is set)");

    /* Bochs' lynnfield: EPT without unrestricted guest.  turion64_tyler: SVM without NP. */
    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x48b, UINT64_C(0x7f00000000));
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(), "vmx lacks what a guest needs: \"Unrestricted guest\", bit "
                        "39 of IA32_VMX_PROCBASED_CTLS2 (0x48b), is 0");
    /* core2_penryn_t9600: no EPT either, and so nothing is said about kinds of EPT. */
    raw_set_msr(&raw, 0x48b, UINT64_C(0x4100000000));
    raw_set_msr(&raw, 0x48c, 0);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(), "vmx lacks what a guest needs: \"Enable EPT\", bit 33 of "
                        "IA32_VMX_PROCBASED_CTLS2 (0x48b), is 0, and \"Unrestricted guest\", bit "
                        "39 of IA32_VMX_PROCBASED_CTLS2 (0x48b), is 0");
    raw_full_svm(&raw);
    raw_set_cpuid(&raw, 0x8000000a, 0, 1, 16, 0, 2);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(), "svm lacks what a guest needs: \"NP\", CPUID 0x8000000a "
                        "EDX bit 0, is 0");

    /* A processor that could, and an image that cannot. */
    raw_full_vmx(&raw);
    reported_prepare(&machine, &raw, "", first_image());
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_string_equal(outcome_text(), "this image was built without a backend for Intel VMX with "
                        "EPT");
    assert_string_equal(reason(STRATEGY_STEP_DBSTEP), "could be used, but no backend is bound");
    assert_string_equal(backend_reason(BACKEND_VMX), "not built into this image");
}

static void no_64_bit_mode(void **state)
{
    static struct raw raw;

    (void)state;
    /* Bochs' core_duo_t2400_yonah: VMX, without 64-bit mode and secondary controls. */
    raw_full_vmx(&raw);
    raw_set_cpuid(&raw, 0x80000001, 0, 0, 0, 0, 0);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_string_equal(outcome_text(),
        "this processor has no 64-bit mode (CPUID 0x80000001 EDX bit 29 is 0), which Sextant "
        "itself needs; vmx lacks what a guest needs: \"Intel 64 / long mode\", CPUID 0x80000001 "
        "EDX bit 29, is 0");

    /* QEMU's qemu32: neither. */
    raw_set_cpuid(&raw, 1, 0, 0x633, 0, 0, 1u << 5);
    raw.msr_count = 0;
    reported_prepare(&machine, &raw, "", everything_built());
    assert_string_equal(outcome_text(),
        "this processor has no 64-bit mode (CPUID 0x80000001 EDX bit 29 is 0), which Sextant "
        "itself needs; this processor has no hardware virtualization: VMX is absent (CPUID 0x1 ECX "
        "bit 5), and SVM is absent (CPUID 0x80000001 ECX bit 2)");

    /* An early 486. */
    raw_clear(&raw);
    reported_prepare(&machine, &raw, "", everything_built());
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_string_equal(outcome_text(), "this processor has no CPUID instruction, and so neither "
                        "64-bit mode nor hardware virtualization");

    /* Hidden by the person is not absent. */
    raw_full_vmx(&raw);
    reported_prepare(&machine, &raw, "mask=long_mode", everything_built());
    assert_string_equal(outcome_text(), "vmx lacks what a guest needs: \"Intel 64 / long mode\", "
                        "CPUID 0x80000001 EDX bit 29, is masked by mask=");
}

static void an_axis_with_nothing_to_choose(void **state)
{
    struct strategy_set implemented = first_image();
    static struct raw raw;

    (void)state;
    implemented.strategies &= ~(UINT32_C(1) << STRATEGY_NMI_IRET);
    raw_qemu_epyc(&raw);
    reported_prepare(&machine, &raw, "", implemented);
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_contains(outcome_text(), "no nmi strategy can be used (vnmi: VMX is absent (CPUID 0x1 ECX "
                    "bit 5)");
    assert_contains(text, "iret: not built into this image)");

    /* Without a step there is no apic=page, and without a trapping apic no startup=icr. */
    implemented = first_image();
    implemented.strategies &= ~(UINT32_C(1) << STRATEGY_STEP_DBSTEP);
    reported_prepare(&machine, &raw, "", implemented);
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_contains(outcome_text(), "page: it needs a step, and no step strategy can be taken");
    assert_contains(text, "no startup strategy can be used");
}

/* Bochs 2.7's tigerlake: MTF is advertised and does nothing. */
static void a_broken_strategy(void **state)
{
    struct selection_request request;
    struct capabilities capabilities;
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &capabilities);
    memset(&request, 0, sizeof(request));
    memset(request.selftest, SELFTEST_PASSED, sizeof(request.selftest));
    request.selftest[STRATEGY_STEP_MTF] = SELFTEST_FAILED;
    selection_mark_selftest(&capabilities, BACKEND_VMX, STRATEGY_STEP_MTF, SELFTEST_FAILED);
    selection_mark_selftest(&capabilities, BACKEND_VMX, STRATEGY_NMI_VNMI, SELFTEST_PASSED);
    selection_mark_selftest(&capabilities, BACKEND_VMX, STRATEGY_APIC_DECODE, SELFTEST_FAILED);
    selection_mark_selftest(&capabilities, BACKEND_VMX, STRATEGY_STEP_DBSTEP, SELFTEST_FAILED);
    assert_int_equal(capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG], CAPABILITY_BROKEN);
    assert_int_equal(capabilities.state[CAPABILITY_VMX_NMI_WINDOW_EXITING], CAPABILITY_VERIFIED);
    /* A decoder that fails does not prove that EPT is broken. */
    assert_int_equal(capabilities.state[CAPABILITY_VMX_EPT], CAPABILITY_ADVERTISED);

    machine.capabilities = capabilities;
    machine.request = request;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_int_equal(machine.selection.strategy[STRATEGY_STEP_MTF].verdict, VERDICT_BROKEN);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "its self-test failed: \"Monitor trap flag\", "
                        "bit 59 of IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), failed its self-test");

    /* Asked for by name: refused, and how to force it. */
    machine.request.axis[AXIS_STEP].count = 1;
    machine.request.axis[AXIS_STEP].entry[0].strategy = STRATEGY_STEP_MTF;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    assert_int_equal(machine.selection.outcome, OUTCOME_REFUSED);
    assert_contains(outcome_text(), "use step=auto (takes dbstep), or force it with step=mtf!.");

    /* Forced: taken, and said. */
    machine.request.axis[AXIS_STEP].entry[0].forced = true;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
    assert_true(machine.selection.axis[AXIS_STEP].forced);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "FORCED past a failed self-test");
    selection_mark_forced(&machine.selection, &machine.capabilities);
    assert_int_equal(machine.capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG],
                     CAPABILITY_FORCED);
    /* The same answer again, now that the table says so. */
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    assert_true(machine.selection.axis[AXIS_STEP].forced);
}

/* NAME! forces past a failed self-test only: not past an absent or a masked capability. */
static void forcing_has_limits(void **state)
{
    (void)state;
    prepare(raw_full_svm, "step=mtf!");
    assert_int_equal(machine.selection.outcome, OUTCOME_REFUSED);
    prepare(raw_full_vmx, "mask=vmx_monitor_trap_flag step=mtf!");
    assert_int_equal(machine.selection.outcome, OUTCOME_REFUSED);
    prepare(raw_full_vmx, "step=mtf!");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
    assert_false(machine.selection.axis[AXIS_STEP].forced);
}

static void masking_is_said(void **state)
{
    (void)state;
    prepare(raw_full_vmx, "mask=monitor-trap-flag");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_int_equal(machine.selection.strategy[STRATEGY_STEP_MTF].verdict, VERDICT_MASKED);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "\"Monitor trap flag\", bit 59 of "
                        "IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), is masked by mask=");
    prepare(raw_full_vmx, "mask=vmx");
    assert_int_equal(machine.selection.outcome, OUTCOME_CANNOT_RUN);
    assert_contains(outcome_text(), "VMX is masked by mask=");
}

/* With self-tests, auto prefers what was verified; without any, it ranks by the table alone. */
static void untested_strategies_stand_behind_verified_ones(void **state)
{
    (void)state;
    prepare(raw_full_vmx, "");
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
    assert_false(machine.selection.axis[AXIS_STEP].verified);
    machine.request.selftest[STRATEGY_STEP_DBSTEP] = SELFTEST_PASSED;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
    assert_true(machine.selection.axis[AXIS_STEP].verified);
    assert_string_equal(reason(STRATEGY_STEP_MTF), "could be used, but no self-test has verified "
                        "it as it has step=dbstep");
    machine.request.selftest[STRATEGY_STEP_MTF] = SELFTEST_PASSED;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    assert_int_equal(machine.selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_MTF);
}

static void what_is_worth_a_selftest(void **state)
{
    struct capabilities capabilities;
    static struct raw raw;

    (void)state;
    raw_qemu_epyc(&raw);
    capabilities_derive(&raw, &capabilities);
    assert_true(strategy_is_bindable(&capabilities, first_image(), BACKEND_SVM,
                                     STRATEGY_STEP_DBSTEP));
    assert_true(strategy_is_bindable(&capabilities, first_image(), BACKEND_SVM,
                                     STRATEGY_APIC_PAGE));
    assert_false(strategy_is_bindable(&capabilities, first_image(), BACKEND_SVM,
                                      STRATEGY_APIC_DECODE));
    assert_false(strategy_is_bindable(&capabilities, first_image(), BACKEND_SVM,
                                      STRATEGY_STEP_MTF));
    assert_false(strategy_is_bindable(&capabilities, everything_built(), BACKEND_VMX,
                                      STRATEGY_STEP_DBSTEP));
    assert_false(strategy_is_bindable(&capabilities, everything_built(), BACKEND_SVM,
                                      STRATEGY_NMI_VNMI));
}

/* The tables: every axis has its strategies, names find them, and every loss has its words. */
static void the_tables_fit_together(void **state)
{
    unsigned counted = 0;

    (void)state;
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        const struct axis_row *row = axis_row((enum axis)axis);

        assert_int_equal(row->first, counted);
        counted += row->count;
        for (unsigned i = 0; i < row->count; i++) {
            enum strategy_id id = (enum strategy_id)(row->first + i);
            const struct strategy_row *strategy = strategy_row(id);

            assert_int_equal(strategy->axis, axis);
            assert_true(strlen(strategy->name) <= 12);  /* CPUID leaf 0x40000003 */
            assert_int_equal(strategy_find((enum axis)axis, strategy->name,
                                           strlen(strategy->name)), id);
            assert_true(strategy->way[BACKEND_VMX].offered || strategy->way[BACKEND_SVM].offered);
            assert_true(i != 0 || strategy->lost == NULL);
        }
        assert_int_equal(strategy_find((enum axis)axis, "auto", 4), STRATEGY_NONE);
        assert_int_equal(strategy_find((enum axis)axis, "", 0), STRATEGY_NONE);
    }
    assert_int_equal(counted, STRATEGY_COUNT);
    assert_int_equal(strategy_find(AXIS_STEP, "mtf", 2), STRATEGY_NONE);
    assert_int_equal(strategy_find(AXIS_STEP, "mtfx", 3), STRATEGY_STEP_MTF);
    assert_int_equal(strategy_find(AXIS_APIC, "mtf", 3), STRATEGY_NONE);
    for (unsigned i = VERDICT_CHOSEN; i <= VERDICT_NO_BACKEND; i++) {
        assert_true(strlen(verdict_name((enum verdict)i)) > 3);
    }
}

/* A sentence that does not fit is cut and still ends. */
static void small_buffers(void **state)
{
    char small[16];

    (void)state;
    prepare(raw_full_svm, "step=mtf");
    memset(small, 'x', sizeof(small));
    assert_true(selection_format_outcome(&machine.selection, &machine.capabilities,
                                         &machine.request, small, sizeof(small)) > 100);
    assert_string_equal(small, "step=mtf was as");
    small[0] = 'x';
    selection_format_reason(&machine.selection, &machine.capabilities, STRATEGY_STEP_MTF, small,
                            1);
    assert_string_equal(small, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_processor_takes_the_best),
        cmocka_unit_test(the_machines_of_the_origin_report),
        cmocka_unit_test(the_first_image_on_qemu),
        cmocka_unit_test(a_refused_strategy_names_the_bit),
        cmocka_unit_test(conditions_between_axes),
        cmocka_unit_test(preference_lists),
        cmocka_unit_test(no_virtualization),
        cmocka_unit_test(no_64_bit_mode),
        cmocka_unit_test(an_axis_with_nothing_to_choose),
        cmocka_unit_test(a_broken_strategy),
        cmocka_unit_test(forcing_has_limits),
        cmocka_unit_test(masking_is_said),
        cmocka_unit_test(untested_strategies_stand_behind_verified_ones),
        cmocka_unit_test(what_is_worth_a_selftest),
        cmocka_unit_test(the_tables_fit_together),
        cmocka_unit_test(small_buffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
