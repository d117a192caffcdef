/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs that could not be read: what is not known is not absent, and nothing is built on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

static struct reported machine;

/* raw_full_vmx without the MSRs from one index to another. */
static void without_msrs(struct raw *raw, uint32_t first, uint32_t last)
{
    unsigned kept = 0;

    raw_full_vmx(raw);
    for (unsigned i = 0; i < raw->msr_count; i++) {
        if (raw->msr[i].index < first || raw->msr[i].index > last) {
            raw->msr[kept++] = raw->msr[i];
        }
    }
    raw->msr_count = (uint16_t)kept;
    raw->msrs_unread = true;
}

static enum capability_state state_of(const struct raw *raw, enum capability_id id)
{
    static struct capabilities capabilities;

    capabilities_derive(raw, &capabilities);
    assert_false(capabilities.state[id] == CAPABILITY_UNKNOWN
                 && capability_has(&capabilities, id));
    return (enum capability_state)capabilities.state[id];
}

static void an_unread_msr_is_not_an_absent_one(void **state)
{
    static struct raw raw;

    (void)state;
    without_msrs(&raw, 0, 0xffffffff);
    assert_true(raw_msr_unread(&raw, RAW_MSR_IA32_VMX_BASIC));
    assert_true(raw_msr_unread(&raw, RAW_MSR_IA32_VMX_EPT_VPID_CAP));
    assert_false(raw_msr_unread(&raw, RAW_MSR_VM_CR));          /* a processor without SVM */
    assert_false(raw_msr_unread(&raw, 0x12345));
    assert_int_equal(state_of(&raw, CAPABILITY_VMX), CAPABILITY_ADVERTISED);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_USABLE), CAPABILITY_ADVERTISED);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_EPT), CAPABILITY_UNKNOWN);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_MONITOR_TRAP_FLAG), CAPABILITY_UNKNOWN);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_ACTIVITY_WAIT_FOR_SIPI), CAPABILITY_UNKNOWN);
    assert_int_equal(state_of(&raw, CAPABILITY_SVM_VM_CR_LOCK), CAPABILITY_ABSENT);
    assert_int_equal(state_of(&raw, CAPABILITY_SVM_NP), CAPABILITY_ABSENT);

    /* The image reads them all: there the same words mean that they do not exist. */
    raw.msrs_unread = false;
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_EPT), CAPABILITY_ABSENT);
}

static void what_is_known_shuts_gates(void **state)
{
    static struct raw raw;

    (void)state;
    without_msrs(&raw, 0x48b, 0x48c);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_MONITOR_TRAP_FLAG), CAPABILITY_ADVERTISED);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_EPT), CAPABILITY_UNKNOWN);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_EPT_WALK_4), CAPABILITY_UNKNOWN);

    /* Without "Activate secondary controls" there is no such register. */
    raw_set_msr(&raw, 0x482, UINT64_C(0x7fffffff0401e172));
    raw_set_msr(&raw, 0x48e, UINT64_C(0x7fffffff04006172));
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_EPT), CAPABILITY_ABSENT);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_EPT_WALK_4), CAPABILITY_ABSENT);

    /* The plain MSR says which controls may be 1 where the TRUE one was not read. */
    without_msrs(&raw, 0x48d, 0x490);
    assert_int_equal(state_of(&raw, CAPABILITY_VMX_MONITOR_TRAP_FLAG), CAPABILITY_ADVERTISED);
}

static void the_unknown_is_weaker_than_all_but_the_absent(void **state)
{
    static struct raw raw;
    static struct capabilities unknown, known, weakest;

    (void)state;
    without_msrs(&raw, 0x480, 0x493);
    capabilities_derive(&raw, &unknown);
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &known);
    capabilities_weakest(&known, &unknown, &weakest);
    assert_int_equal(weakest.state[CAPABILITY_VMX_EPT], CAPABILITY_UNKNOWN);
    known.state[CAPABILITY_VMX_EPT] = CAPABILITY_ABSENT;
    capabilities_weakest(&unknown, &known, &weakest);
    assert_int_equal(weakest.state[CAPABILITY_VMX_EPT], CAPABILITY_ABSENT);
}

static void the_report_says_so(void **state)
{
    static const char *const remedy = "Read them.";
    static struct raw raw;
    const char *text;

    (void)state;
    without_msrs(&raw, 0x480, 0x493);
    reported_prepare(&machine, &raw, "", everything_built());
    machine.environment.unknown = "nobody has read them";
    machine.environment.advice = &remedy;
    machine.environment.advice_count = 1;
    reported_write(&machine);
    text = machine.output.text;
    assert_memory_equal(text, "Sextant: CANNOT TELL: nobody has read them\n", 43);
    assert_non_null(strstr(text, "\n  not known     MSR 0x482 bit 59"));
    assert_non_null(strstr(text, "\n  IA32_VMX_BASIC (0x480): not read\n"));
    assert_non_null(strstr(text, "\n  IA32_VMX_PROCBASED_CTLS (0x482), primary processor-based "
                                 "VM-execution controls: not read\n"));
    assert_non_null(strstr(text, "is not known"));
    assert_non_null(strstr(text, "\"outcome\":\"cannot_tell\",\"sentence\":\"nobody has read them\""));
    assert_non_null(strstr(text, "\"id\":\"vmx_ept\",\"name\":\"Enable EPT\",\"group\":\"vmx\","));
    assert_non_null(strstr(text, "\"msrs_unread\":true"));
    assert_non_null(strstr(text, "\nWhat you can change\n  - Read them.\n"));
    assert_null(strstr(text, "no setting brings them back"));
    collected_free(&machine.output);
}

static void report(const struct raw *raw, const char *command_line)
{
    collected_free(&machine.output);
    reported_prepare(&machine, raw, command_line, everything_built());
    reported_write(&machine);
}

/* One sentence never says of a register what another one says it cannot know. */
static void the_machine_says_so_too(void **state)
{
    static struct raw raw;

    (void)state;
    without_msrs(&raw, 0, 0xffffffff);
    report(&raw, "");
    assert_non_null(strstr(machine.output.text, "\n  firmware   IA32_FEATURE_CONTROL was not read\n"));
    assert_null(strstr(machine.output.text, " bytes\n"));
    assert_null(strstr(machine.output.text, "CONTROL does not exist"));
    assert_non_null(strstr(machine.output.text, "\"vmx_revision\":0,"));     /* 0: not known */
    assert_non_null(strstr(machine.output.text, "\"vmx_lock\":\"unknown\""));

    raw_full_svm(&raw);
    raw.msr_count = 0;
    raw.msrs_unread = true;
    report(&raw, "");
    assert_non_null(strstr(machine.output.text, "\n  firmware   VM_CR was not read\n"));
    assert_null(strstr(machine.output.text, "VM_CR does not exist"));

    /* The image asks for every register: what is not there does not exist. */
    raw.msrs_unread = false;
    report(&raw, "");
    assert_non_null(strstr(machine.output.text, "\n  firmware   VM_CR does not exist, "));
    without_msrs(&raw, RAW_MSR_IA32_FEATURE_CONTROL, RAW_MSR_IA32_FEATURE_CONTROL);
    raw.msrs_unread = false;
    report(&raw, "");
    assert_non_null(strstr(machine.output.text, "\n  firmware   IA32_FEATURE_CONTROL does not exist\n"));
    assert_non_null(strstr(machine.output.text, " of 1024 bytes\n"));
    collected_free(&machine.output);
}

static void the_summary_is_the_report_without_its_tables(void **state)
{
    static const struct report_program image = { "Sextant", "0.0", "c0ffee" };
    struct collected summary = { 0 };
    struct report_sink sink = { collected_put, &summary };
    struct report_input input;
    static struct raw raw;
    const char *tables, *advice;

    (void)state;
    raw_full_vmx(&raw);
    reported_prepare(&machine, &raw, "step=dbstep", everything_built());
    machine.environment.program = "sextant-probe";
    machine.environment.measured = &image;
    reported_write(&machine);
    input = reported_input(&machine);
    report_write_summary(&input, &sink);
    tables = strstr(machine.output.text, "\nCapabilities: Processor\n");
    advice = strstr(machine.output.text, "\nWhat you can change\n");
    assert_non_null(tables);
    assert_non_null(advice);
    assert_int_equal(summary.length,
                     (size_t)(tables - machine.output.text) + strlen(advice));
    assert_memory_equal(summary.text, machine.output.text,
                        (size_t)(tables - machine.output.text));
    assert_string_equal(summary.text + (tables - machine.output.text), advice);
    assert_non_null(strstr(machine.output.text, "{\"schema\":1,\"program\":\"sextant-probe\","
                           "\"version\":null,\"build_id\":null,\"measured\":{\"program\":\"Sextant\","
                           "\"version\":\"0.0\",\"build_id\":\"c0ffee\"},\"outcome\":"));
    collected_free(&summary);

    /* Without a backend every axis would say the same. */
    raw_set_msr(&raw, 0x48b, 0);
    collected_free(&machine.output);
    reported_prepare(&machine, &raw, "", everything_built());
    reported_write(&machine);
    input = reported_input(&machine);
    report_write_summary(&input, &sink);
    assert_non_null(strstr(summary.text, "\n  backend    none. Rejected vmx: "));
    assert_null(strstr(summary.text, "\n  startup "));
    assert_non_null(strstr(machine.output.text, "\n  startup "));
    collected_free(&summary);
    collected_free(&machine.output);
}

/* A KVM guest whose model leaves out what a better strategy needs. */
static void kvm_is_told_the_words_for_its_model(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    raw_set_bit(&raw, 1, 0, RAW_ECX, 31);
    raw_set_cpuid(&raw, 0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
    raw_set_msr(&raw, 0x482, UINT64_C(0xf7ffffff0401e172));
    raw_set_msr(&raw, 0x48e, UINT64_C(0xf7ffffff04006172));
    report(&raw, "");
    assert_non_null(strstr(machine.output.text, "\"For step=mtf under KVM, add +vmx-mtf to the guest's "
                                                "model.\""));

    /* EPT off: the machine cannot run, and the model's words bring it back. */
    raw_set_msr(&raw, 0x48b, UINT64_C(0xffffff7d00000000));
    report(&raw, "");
    assert_non_null(strstr(machine.output.text, "(-cpu MODEL,+vmx-ept,+vmx-unrestricted-guest)"));

    /* What the person masked is not KVM's doing. */
    raw_set_msr(&raw, 0x48b, UINT64_C(0xffffffff00000000));
    report(&raw, "mask=vmx_unrestricted_guest");
    assert_null(strstr(machine.output.text, "+vmx-unrestricted-guest"));
    collected_free(&machine.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unread_msr_is_not_an_absent_one),
        cmocka_unit_test(what_is_known_shuts_gates),
        cmocka_unit_test(the_unknown_is_weaker_than_all_but_the_absent),
        cmocka_unit_test(the_report_says_so),
        cmocka_unit_test(the_machine_says_so_too),
        cmocka_unit_test(the_summary_is_the_report_without_its_tables),
        cmocka_unit_test(kvm_is_told_the_words_for_its_model),
    };

    return cmocka_run_group_tests_name("report, unread", tests, NULL, NULL);
}
