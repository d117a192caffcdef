/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real answers of emulated processors (vectors/), against what was measured on those emulators by
 * other means (micro-tests, MSR dumps): one row a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

/* The columns of the table, in its order. */
static const enum capability_id columns[] = {
    CAPABILITY_VMX, CAPABILITY_SVM, CAPABILITY_VMX_MONITOR_TRAP_FLAG, CAPABILITY_VMX_EPT,
    CAPABILITY_VMX_UNRESTRICTED_GUEST, CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES,
    CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION, CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY,
    CAPABILITY_VMX_VIRTUALIZE_X2APIC, CAPABILITY_VMX_VIRTUAL_NMIS,
    CAPABILITY_VMX_NMI_WINDOW_EXITING, CAPABILITY_VMX_PREEMPTION_TIMER, CAPABILITY_VMX_VPID,
    CAPABILITY_SVM_NP, CAPABILITY_SVM_NRIPS, CAPABILITY_SVM_DECODE_ASSISTS, CAPABILITY_SVM_AVIC,
    CAPABILITY_SVM_VGIF, CAPABILITY_SVM_VNMI, CAPABILITY_X2APIC,
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct expected {
    const char *file;
    const char *vendor;
    uint32_t secondary;         /* allowed 1-settings of the secondary controls */
    const char *present;        /* a letter a column: Y or - */
    uint8_t outcome;            /* of auto with everything built */
    uint8_t chosen[AXIS_COUNT];
};

#define NONE  { STRATEGY_NONE, STRATEGY_NONE, STRATEGY_NONE, STRATEGY_NONE, STRATEGY_NONE }

static const struct expected table[] = {
    /* VMX SVM MTF EPT UG vAPIC reg VID x2virt vNMI window timer VPID NPT NRIP decode AVIC vGIF
     * VNMI x2APIC */
    { "bochs27-tigerlake",            "GenuineIntel", 0x02977fff, "Y-YYYYYYYYYYY------Y",
      OUTCOME_RUNS, { STRATEGY_STARTUP_SIPI, STRATEGY_APIC_PASSTHROUGH,
                      STRATEGY_X2APIC_PASSTHROUGH, STRATEGY_STEP_MTF, STRATEGY_NMI_VNMI } },
    { "bochs27-corei7_haswell_4770",  "GenuineIntel", 0x00047fff, "Y--YYYYYYYYYY------Y",
      OUTCOME_DEGRADED, { STRATEGY_STARTUP_SIPI, STRATEGY_APIC_PASSTHROUGH,
                          STRATEGY_X2APIC_PASSTHROUGH, STRATEGY_STEP_DBSTEP,
                          STRATEGY_NMI_VNMI } },
    { "bochs27-corei3_cnl",           "GenuineIntel", 0x02157cff, "Y--YYY--YYYYY------Y",
      OUTCOME_DEGRADED, { STRATEGY_STARTUP_SIPI, STRATEGY_APIC_PASSTHROUGH,
                          STRATEGY_X2APIC_PASSTHROUGH, STRATEGY_STEP_DBSTEP,
                          STRATEGY_NMI_VNMI } },
    { "bochs27-corei5_lynnfield_750", "GenuineIntel", 0x0000007f, "Y--Y-Y--YYYYY-------",
      OUTCOME_CANNOT_RUN, NONE },
    { "bochs27-core2_penryn_t9600",   "GenuineIntel", 0x00000041, "Y----Y---YY---------",
      OUTCOME_CANNOT_RUN, NONE },
    { "bochs27-ryzen",                "AuthenticAMD", 0,          "-Y-----------YY-----",
      OUTCOME_RUNS, { STRATEGY_STARTUP_ICR, STRATEGY_APIC_DECODE, STRATEGY_X2APIC_HIDE,
                      STRATEGY_STEP_DBSTEP, STRATEGY_NMI_IRET } },
    { "bochs27-turion64_tyler",       "AuthenticAMD", 0,          "-Y------------------",
      OUTCOME_CANNOT_RUN, NONE },
    { "qemu72-EPYC",                  "AuthenticAMD", 0,          "-Y-----------Y------",
      OUTCOME_RUNS, { STRATEGY_STARTUP_ICR, STRATEGY_APIC_DECODE, STRATEGY_X2APIC_HIDE,
                      STRATEGY_STEP_DBSTEP, STRATEGY_NMI_IRET } },
    { "qemu72-max",                   "AuthenticAMD", 0,          "-Y-----------Y---Y--",
      OUTCOME_RUNS, { STRATEGY_STARTUP_ICR, STRATEGY_APIC_DECODE, STRATEGY_X2APIC_HIDE,
                      STRATEGY_STEP_DBSTEP, STRATEGY_NMI_IRET } },
    { "qemu72-Skylake-Client",        "GenuineIntel", 0,          "--------------------",
      OUTCOME_CANNOT_RUN, NONE },
};

static struct raw raw;

/* The vectors lie beside this file. */
static void load(const char *name)
{
    char path[512], line[256];
    const char *slash = strrchr(__FILE__, '/');
    int directory = slash != NULL ? (int)(slash - __FILE__ + 1) : 0;
    FILE *file;

    snprintf(path, sizeof(path), "%.*svectors/%s.raw", directory, __FILE__, name);
    file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s cannot be opened; the tests are started at the top of the tree", path);
    }
    raw_clear(&raw);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (!raw_parse_line(&raw, line)) {
            fail_msg("%s: %s", path, line);
        }
    }
    fclose(file);
    assert_true(raw.cpuid_count > 10);
}

static void measured_capabilities(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct capabilities capabilities;

        load(table[i].file);
        capabilities_derive(&raw, &capabilities);
        assert_string_equal(capabilities.vendor, table[i].vendor);
        assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED2].may_be_1, table[i].secondary);
        for (size_t j = 0; j < COLUMNS; j++) {
            bool has = capability_has(&capabilities, columns[j]);

            if (has != (table[i].present[j] == 'Y')) {
                fail_msg("%s: %s is %s", table[i].file, capability_row(columns[j])->name,
                         has ? "present" : "absent");
            }
        }
    }
}

static void what_auto_takes_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        static struct reported machine;

        load(table[i].file);
        reported_prepare(&machine, &raw, "", everything_built());
        assert_int_equal(machine.selection.outcome, table[i].outcome);
        for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
            if (machine.selection.axis[axis].chosen != table[i].chosen[axis]) {
                fail_msg("%s: %s is %u (expected %u)", table[i].file,
                         axis_row((enum axis)axis)->name, machine.selection.axis[axis].chosen,
                         table[i].chosen[axis]);
            }
        }
    }
}

/* Bochs' AMD models raise #GP for VM_CR; QEMU says that this machine is a guest of TCG. */
static void habits_of_the_emulators(void **state)
{
    struct capabilities capabilities;

    (void)state;
    load("bochs27-ryzen");
    assert_non_null(raw_msr_find(&raw, 0xc0010114));
    assert_false(raw_msr_find(&raw, 0xc0010114)->present);
    assert_null(raw_msr_find(&raw, 0x480));
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.svm_lock, FIRMWARE_LOCK_UNKNOWN);
    assert_true(capability_has(&capabilities, CAPABILITY_SVM_USABLE));
    assert_string_equal(capabilities.hypervisor, "");

    load("qemu72-Skylake-Client");
    assert_null(raw_msr_find(&raw, 0x480));
    assert_null(raw_msr_find(&raw, 0x3a));
    capabilities_derive(&raw, &capabilities);
    assert_string_equal(capabilities.hypervisor, "TCGTCGTCGTCG");

    /* MTF is advertised with bit 59 of 0x482 and 0x48e, and does nothing. */
    load("bochs27-tigerlake");
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].msr, 0x48e);
    assert_int_equal(capabilities.vmx_lock, FIRMWARE_LOCK_ON);
}

/* CPUs of different models in one machine: the weakest of both. */
static void two_models_in_one_machine(void **state)
{
    struct capabilities a, b, weakest;
    struct raw_difference found[4];
    struct selection selection;
    struct selection_request request;
    static struct raw first;

    (void)state;
    load("bochs27-tigerlake");
    first = raw;
    capabilities_derive(&raw, &a);
    load("bochs27-corei3_cnl");
    capabilities_derive(&raw, &b);
    capabilities_weakest(&a, &b, &weakest);
    assert_int_equal(weakest.vmx[VMX_WORD_PROCBASED2].may_be_1, 0x02977fff & 0x02157cff);
    assert_true(raw_differences(&first, &raw, found, 4) > 4);
    memset(&request, 0, sizeof(request));
    select_strategies(&weakest, &request, everything_built(), &selection);
    assert_int_equal(selection.axis[AXIS_STEP].chosen, STRATEGY_STEP_DBSTEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_capabilities),
        cmocka_unit_test(what_auto_takes_there),
        cmocka_unit_test(habits_of_the_emulators),
        cmocka_unit_test(two_models_in_one_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
