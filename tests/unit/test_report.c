/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of the report: its order, its lines, and what it says about given machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

static struct reported machine;

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

static const char *report_of_raw(const struct raw *raw, const char *command_line,
                                 struct strategy_set implemented)
{
    collected_free(&machine.output);
    reported_prepare(&machine, raw, command_line, implemented);
    reported_write(&machine);
    return machine.output.text;
}

static const char *report_of(void (*processor)(struct raw *raw), const char *command_line,
                             struct strategy_set implemented)
{
    static struct raw raw;

    processor(&raw);
    return report_of_raw(&raw, command_line, implemented);
}

static int forget(void **state)
{
    (void)state;
    collected_free(&machine.output);
    return 0;
}

static void assert_has(const char *part)
{
    if (strstr(machine.output.text, part) == NULL) {
        fail_msg("the report does not say \"%s\":\n%.4000s", part, machine.output.text);
    }
}

static void assert_has_not(const char *part)
{
    if (strstr(machine.output.text, part) != NULL) {
        fail_msg("the report says \"%s\"", part);
    }
}

static void assert_starts(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("\"%.200s\" (expected to start with \"%s\")", text, start);
    }
}

static void the_first_line_is_the_verdict(void **state)
{
    struct collected output = { 0 };
    struct report_sink sink = { collected_put, &output };
    struct report_input input;

    (void)state;
    assert_starts(report_of(raw_full_vmx, "", everything_built()), "Sextant: RUNS\n\n");
    assert_starts(report_of(raw_qemu_epyc, "", first_image()),
                  "Sextant: RUNS, DEGRADED (1 of 5 axes on a fallback: apic=page)\n\n");
    assert_starts(report_of(raw_qemu_epyc, "step=mtf", first_image()),
                  "Sextant: REFUSED: step=mtf was asked for, but this processor does not have it: "
                  "\"Monitor trap flag\" is bit 59 of IA32_VMX_PROCBASED_CTLS (0x482), and VMX is "
                  "absent (CPUID 0x1 ECX bit 5). What you can do: use step=auto (takes dbstep).\n");
    assert_starts(report_of(raw_full_vmx, "", first_image()),
                  "Sextant: CANNOT RUN: this image was built without a backend for Intel VMX with "
                  "EPT\n");
    assert_starts(report_of(raw_full_vmx, "stpe=mtf", everything_built()),
                  "Sextant: REFUSED: There is no boot parameter \"stpe\". Did you mean \"step\"?");

    /* Alone it is the same line. */
    report_of(raw_qemu_epyc, "", first_image());
    input = reported_input(&machine);
    report_write_verdict(&input, &sink);
    assert_int_equal(output.length, strcspn(machine.output.text, "\n") + 1);
    assert_memory_equal(output.text, machine.output.text, output.length);
    collected_free(&output);
}

static void the_parts_come_in_order(void **state)
{
    static const char *const parts[] = {
        "Sextant: ", "\nHow each job is done\n", "\n  backend    ", "\n  startup    ",
        "\n  apic       ", "\n  x2apic     ", "\n  step       ", "\n  nmi        ", "\nMachine\n",
        "\nSelf-tests\n", "\nCPUs that differ", "\nNotes\n", "\nCapabilities: Processor\n",
        "\nCapabilities: VMX\n", "\nCapabilities: SVM\n",
        "\nRaw registers of the bootstrap processor\n", "\nCPU 0:\n   0x00000000 0x00: eax=",
        "\n   MSR 0x", "\n" REPORT_JSON_BEGIN "\n{", "}\n" REPORT_JSON_END,
        "\nWhat you can change\n  - ",
    };
    static const struct selftest_result selftest = {
        .strategy = STRATEGY_STEP_DBSTEP, .verdict = SELFTEST_PASSED, .exits = 3, .ticks = 4711,
    };
    static const struct cpu_difference difference = {
        .apic_id = 2, .word = { .leaf = 1, .reg = RAW_EAX, .present_a = true, .present_b = true,
                                .a = 1, .b = 2 },
    };
    static const char *const note = "A note.";
    const char *at;

    (void)state;
    report_of(raw_qemu_epyc, "", first_image());
    machine.environment.selftests = &selftest;
    machine.environment.selftest_count = 1;
    machine.environment.differences = &difference;
    machine.environment.difference_count = machine.environment.difference_total = 1;
    machine.environment.notes = &note;
    machine.environment.note_count = 1;
    reported_write(&machine);
    at = machine.output.text;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *found = strstr(at, parts[i]);

        if (found == NULL) {
            fail_msg("\"%s\" is missing or comes too early", parts[i]);
        }
        at = found;
    }
    assert_int_equal(machine.output.text[machine.output.length - 1], '\n');
}

/* Only the verdict and the JSON object may be wider than 110 columns; all is printable ASCII. */
static void the_lines_fit(void **state)
{
    void (*const processors[])(struct raw *raw) = { raw_full_vmx, raw_full_svm, raw_qemu_epyc };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        unsigned number = 0;

        report_of(processors[i], "step=auto", i == 2 ? first_image() : everything_built());
        for (char *at = machine.output.text; *at != '\0'; number++) {
            size_t length = strcspn(at, "\n");

            if (length > 110 && number != 0 && at[0] != '{') {
                fail_msg("%u columns: %.*s", (unsigned)length, (int)length, at);
            }
            for (size_t j = 0; j < length; j++) {
                assert_in_range(at[j], ' ', '~');
            }
            assert_int_equal(at[length], '\n');
            at += length + 1;
        }
    }
}

static void axes_say_what_why_and_what_is_lost(void **state)
{
    (void)state;
    report_of(raw_qemu_epyc, "", first_image());
    assert_has("\n  backend    svm: AMD SVM with nested paging. Rejected vmx: VMX is absent (CPUID "
               "0x1 ECX bit 5) (nor is it\n             built into this image).\n");
    assert_has("\n  step       dbstep [advertised, not tested]: RFLAGS.TF and an intercepted #DB; "
               "the best one that can be used\n             here. Cost: TF, DR6");
    assert_has("Rejected mtf: VMX is absent");
    assert_has("\n  apic       page [advertised, not tested]: the page is write-protected; the "
               "instruction is stepped on a\n             shadow page; the best one that can be "
               "used here. Fallback, you lose: two exits for every APIC");
    assert_has("Rejected decode: not built into this");
    assert_has("\n  x2apic     hide [nothing to test]: the guest is told that there is no x2APIC; "
               "the best one that can be used\n             here. Rejected");

    report_of(raw_full_vmx, "", first_image());
    assert_has("\n  backend    none. Rejected vmx: not built into this image. Rejected svm: SVM is "
               "absent");
    assert_has("\n  step       none. Rejected mtf: not built into this image. Rejected dbstep: "
               "could be used, but no backend");

    report_of(raw_full_vmx, "", everything_built());
    machine.request.selftest[STRATEGY_STEP_MTF] = SELFTEST_PASSED;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    reported_write(&machine);
    assert_has("\n  step       mtf [verified]: ");
    machine.request.axis[AXIS_STEP].count = 1;
    machine.request.axis[AXIS_STEP].entry[0].strategy = STRATEGY_STEP_MTF;
    machine.request.axis[AXIS_STEP].entry[0].forced = true;
    machine.request.selftest[STRATEGY_STEP_MTF] = SELFTEST_FAILED;
    select_strategies(&machine.capabilities, &machine.request, everything_built(),
                      &machine.selection);
    reported_write(&machine);
    assert_has("\n  step       mtf [FORCED]: ");
    assert_has("FORCED past a failed self-test");
}

static void every_capability_has_its_line(void **state)
{
    void (*const processors[])(struct raw *raw) = { raw_full_vmx, raw_full_svm, raw_qemu_epyc };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char *json;

        report_of(processors[i], "", everything_built());
        json = strstr(machine.output.text, REPORT_JSON_BEGIN);
        for (unsigned id = 1; id < CAPABILITY_COUNT; id++) {
            const char *name = capability_row((enum capability_id)id)->name;

            assert_non_null(strstr(json, name));
            *json = '\0';
            /* A name may be broken between words; all names of one word stand whole. */
            if (strchr(name, ' ') == NULL || i == 0) {
                assert_has(name);
            }
            *json = REPORT_JSON_BEGIN[0];
        }
    }
}

/* Present, absent, verified, broken, masked, must be 1. */
static void capability_lines(void **state)
{
    (void)state;
    report_of(raw_full_vmx, "mask=use-msr-bitmaps", everything_built());
    capability_mark_verified(&machine.capabilities, CAPABILITY_VMX_VIRTUAL_NMIS);
    capability_mark_broken(&machine.capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG);
    reported_write(&machine);
    assert_has("\n  detected      CPUID 0x1 ECX bit 5         VMX [the VMX backend]\n");
    assert_has("\n  not detected  CPUID 0x80000001 ECX bit 2  SVM [the SVM backend]\n");
    assert_has("\n  verified      MSR 0x48d bit 37            Virtual NMIs [nmi=vnmi, nmi=poll]\n");
    assert_has("\n  BROKEN        MSR 0x48e bit 59            Monitor trap flag [step=mtf]\n");
    assert_has("\n  masked by mask= MSR 0x48e bit 60            Use MSR bitmaps");
    assert_has("\n  detected      derived                     VMX usable: VMX, and ");
    assert_has("\n  IA32_FEATURE_CONTROL (0x3a): 0x5\n");
    assert_has("\n  IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), primary processor-based VM-execution "
               "controls: allowed-0 0x04006172,\n    allowed-1 0x");
    assert_has(", unnamed control 0 may be 1, unnamed");

    /* Of the other vendor a line for each register is enough, with names and bits. */
    assert_has("\n  not detected  CPUID 0x8000000a EDX: NP 0, LbrVirt 1, SVML 2, NRIPS 3, ");
    assert_has("\n  not detected  VM_CR (0xc0010114): VM_CR.LOCK 3, VM_CR.SVMDIS 4\n");
    report_of(raw_qemu_epyc, "", first_image());
    assert_has("\n  not detected  IA32_VMX_PINBASED_CTLS (0x481): External-interrupt exiting 32, "
               "NMI exiting 35, ");
    assert_has("\n  detected      CPUID 0x8000000a EDX bit 0  NP [the SVM backend; ");
    assert_has("\n  VM_CR (0xc0010114): 0x0\n");

    /* Switched off by firmware: there, and not usable. */
    report_of(raw_full_vmx, "", everything_built());
    raw_set_msr(&machine.raw, 0x3a, 1);
    capabilities_derive(&machine.raw, &machine.capabilities);
    reported_write(&machine);
    assert_has("\n  detected, but disabled CPUID 0x1 ECX bit 5         VMX");
    /* A bit that the table has no name for. */
    report_of(raw_full_svm, "", everything_built());
    assert_has("\n  detected      CPUID 0x8000000a EDX bit 22 unnamed\n");
}

static void the_machine(void **state)
{
    (void)state;
    report_of(raw_qemu_epyc, "", first_image());
    assert_has("\n  processor  AuthenticAMD, signature 0x00800f12, 40 physical and 48 linear "
               "address bits, SVM revision 1, 16\n             ASIDs\n");
    assert_has("\n  host       this machine is itself a guest of \"TCGTCGTCGTCG\" (CPUID "
               "0x40000000)\n");
    assert_has("\n  firmware   SVM is enabled, not locked (VM_CR)\n");
    assert_has_not("\n  memory ");
    assert_has_not("\n  loader ");
    machine.environment.memory_bytes = UINT64_C(8) << 30;
    machine.environment.reserved_bytes = 3 << 20;
    machine.environment.cpus = 4;
    machine.environment.cpus_probed = 3;
    machine.environment.version = "0.1";
    machine.environment.build_id = "c0ffee";
    machine.environment.loader = "GRUB\x1b[31m 2.06\xc3\xa9";
    machine.environment.command_line = "step=dbstep \"x\"";
    reported_write(&machine);
    assert_has("\n  memory     8192 MiB; Sextant keeps 3072 KiB of it\n");
    assert_has("\n  CPUs       4, of which 3 repeated the probe\n");
    assert_has("\n  image      0.1\n");
    assert_has("\n  build id   c0ffee\n");
    assert_has("\n  loader     GRUB?[31m 2.06??\n");
    assert_has("\n  parameters step=dbstep \"x\"\n");
    assert_has("\"loader\":\"GRUB\\u001b[31m 2.06??\"");
    assert_has("\"command_line\":\"step=dbstep \\\"x\\\"\"");

    report_of(raw_full_vmx, "", everything_built());
    assert_has("39 physical and 48 linear address bits, VMCS revision\n"
               "             0x00000004 of 1024 bytes\n");
    assert_has("\n  firmware   VMX is locked on (IA32_FEATURE_CONTROL)\n");
    assert_has_not("\n  host ");
}

static void selftests_differences_and_notes(void **state)
{
    static const struct selftest_result selftests[] = {
        { .strategy = STRATEGY_STEP_MTF, .verdict = SELFTEST_FAILED, .ticks = 123456789012,
          .detail = "no exit came" },
        { .strategy = STRATEGY_STEP_DBSTEP, .verdict = SELFTEST_PASSED, .exits = 1, .ticks = 5000 },
        { .strategy = STRATEGY_APIC_PAGE, .verdict = SELFTEST_PASSED, .exits = 9, .ticks = 90,
          .cost = { .measured = true, .exits = 1, .ticks = 17 } },
        { .strategy = STRATEGY_NMI_VNMI, .verdict = SELFTEST_NOT_RUN },
        { .strategy = STRATEGY_NONE, .capability = CAPABILITY_SVM_DECODE_ASSISTS,
          .verdict = SELFTEST_FAILED, .exits = 1, .ticks = 80, .detail = "no bytes" },
    };
    static const struct cpu_difference differences[] = {
        { 1, { .leaf = 7, .reg = RAW_EBX, .present_a = true, .present_b = true, .a = 1, .b = 3 } },
        { 5, { .is_msr = true, .leaf = 0x482, .present_a = true, .a = 0x10 } },
    };
    static const char *const notes[] = { "DMA: UNPROTECTED." };

    (void)state;
    report_of(raw_full_vmx, "step=mtf step=dbstep", everything_built());
    machine.environment.selftests = selftests;
    machine.environment.selftest_count = 5;
    machine.environment.differences = differences;
    machine.environment.difference_count = 2;
    machine.environment.difference_total = 9;
    machine.environment.notes = notes;
    machine.environment.note_count = 1;
    machine.raw.truncated = true;
    reported_write(&machine);
    assert_has("\n  step=mtf             FAILED   0 exits, 123456789012 ticks; no exit came\n");
    assert_has("\n  step=dbstep          passed   1 exit, 5000 ticks\n");
    assert_has("\n  apic=page            passed   9 exits, 90 ticks; a write to TPR: 1 exit, 17 ticks\n");
    assert_has("\"cost\":{\"operation\":\"a write to TPR\",\"exits\":1,\"ticks\":17}");
    assert_has("\n  nmi=vnmi             not run  0 exits, 0 ticks\n");
    assert_has("\n  DecodeAssists        FAILED   1 exit, 80 ticks; no bytes\n");
    assert_has("{\"capability\":\"svm_decode_assists\",\"verdict\":\"failed\",\"exits\":1,"
               "\"ticks\":80,\"detail\":\"no bytes\"}");
    assert_has("\nCPUs that differ from the bootstrap processor: 9 words\n");
    assert_has("\n  APIC ID 1    CPUID 0x00000007 0x00 ebx: 0x00000003 instead of 0x00000001\n");
    assert_has("\n  APIC ID 5    MSR 0x00000482 IA32_VMX_PROCBASED_CTLS: absent instead of "
               "0x0000000000000010\n");
    assert_has("\n  and 7 more\n");
    assert_has("\n  DMA: UNPROTECTED.\n");
    assert_has("\n  step was given more than once; the last one counts.\n");
    assert_has("\n  The processor has more CPUID leaves than are kept here.\n");
    assert_has("\"detail\":\"no exit came\"");
    assert_has("{\"apic_id\":5,\"msr\":\"0x482\",\"bootstrap\":\"0x10\"}");
}

/* What the person can change, for each machine that can be told apart. */
static void advice(void **state)
{
    static const struct {
        const char *signature;      /* of CPUID 0x40000000; empty: no hypervisor */
        uint32_t vendor;            /* EBX of leaf 0 */
        const char *advice;
    } rows[] = {
        { "TCGTCGTCGTCG", 0x756e6547, "QEMU's TCG has no VMX; choose a model with SVM such as -cpu "
          "EPYC" },
        { "TCGTCGTCGTCG", 0x68747541, "This QEMU model has no SVM: choose -cpu EPYC" },
        { "KVMKVMKVM", 0x756e6547, "KVM gives this guest no virtualization" },
        { "Microsoft Hv", 0x756e6547, "-ExposeVirtualizationExtensions" },
        { "VMwareVMware", 0x756e6547, "\"Virtualize Intel VT-x/EPT or AMD-V/RVI\"" },
        { "VBoxVBoxVBox", 0x68747541, "\"Enable Nested VT-x/AMD-V\"" },
        { "XenVMMXenVMM", 0x68747541, "nestedhvm=1" },
        { "unknown", 0x68747541, "The hypervisor below gives this guest no virtualization" },
        { "", 0x756e6547, "This processor shows neither VMX nor SVM" },
    };
    static struct raw raw;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t words[3] = { 0 };
        size_t length = strlen(rows[i].signature);

        memcpy(words, rows[i].signature, length);
        raw_clear(&raw);
        raw_set_cpuid(&raw, 0, 0, 1, rows[i].vendor, rows[i].vendor == 0x756e6547
                      ? 0x6c65746e : 0x444d4163, rows[i].vendor == 0x756e6547
                      ? 0x49656e69 : 0x69746e65);
        raw_set_cpuid(&raw, 1, 0, 0, 0, length != 0 ? 1u << 31 : 0, 0);
        raw_set_cpuid(&raw, 0x80000001, 0, 0, 0, 0, 1u << 29);
        if (length != 0) {
            raw_set_cpuid(&raw, 0x40000000, 0, 0x40000000, words[0], words[1], words[2]);
        }
        report_of_raw(&raw, "", everything_built());
        assert_has("\nWhat you can change\n  - ");
        /* Lines of text are broken; the JSON has the sentence whole, with escaped quotes. */
        if (strchr(rows[i].advice, '"') == NULL) {
            assert_has(rows[i].advice);
        } else {
            assert_has(strstr(rows[i].advice, " ") + 1);
        }
    }
}

static void advice_without_64_bit_mode(void **state)
{
    static struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    raw_set_cpuid(&raw, 0x80000001, 0, 0, 0, 0, 0);
    report_of_raw(&raw, "", everything_built());
    assert_has("No setting gives this processor a 64-bit mode");

    /* Nothing is said that would not help: firmware's lock, what VMX lacks. */
    raw_set_msr(&raw, 0x3a, 1);
    report_of_raw(&raw, "", everything_built());
    assert_has("No setting gives this processor a 64-bit mode");
    assert_has_not("look for");

    raw_qemu_epyc(&raw);
    raw_set_cpuid(&raw, 0x80000001, 0, 0, 0, 0, 0);
    report_of_raw(&raw, "", everything_built());
    assert_has("This QEMU model has no 64-bit mode: choose -cpu EPYC");
    assert_has_not("+svm");
}

static void advice_of_machines_with_virtualization(void **state)
{
    static struct raw raw;

    (void)state;
    report_of(raw_full_vmx, "", everything_built());
    assert_has("\nWhat you can change\n  - Nothing has to be changed.\n");

    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x3a, 1);
    report_of_raw(&raw, "", everything_built());
    assert_has("VMX is locked off by firmware: look for");

    raw_full_svm(&raw);
    raw_set_msr(&raw, 0xc0010114, 0x18);
    report_of_raw(&raw, "", everything_built());
    assert_has("SVM is disabled by firmware: look for");

    raw_qemu_epyc(&raw);
    raw_set_cpuid(&raw, 0x8000000a, 0, 1, 16, 0, 0);
    report_of_raw(&raw, "", first_image());
    assert_has("This QEMU model has SVM without nested paging: add +npt");

    raw_full_svm(&raw);
    raw_set_cpuid(&raw, 0x8000000a, 0, 1, 16, 0, 2);
    report_of_raw(&raw, "", everything_built());
    assert_has("This processor has SVM without nested paging; another processor");

    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x48b, UINT64_C(0x7f00000000));
    report_of_raw(&raw, "", everything_built());
    assert_has("This processor's VMX lacks controls that a guest needs");
}

static void advice_about_the_request(void **state)
{
    (void)state;
    report_of(raw_full_vmx, "", first_image());
    assert_has("This processor could carry a guest by Intel VMX with EPT, but this image has no "
               "vmx backend");
    report_of(raw_full_vmx, "mask=x2apic,rdtscp", everything_built());
    assert_has("mask= hides 1 capability that this processor has; leave it out to use it.");
    report_of(raw_full_vmx, "step=dbstep", everything_built());
    assert_has("step=dbstep was asked for; step=auto takes mtf here.");
    report_of(raw_full_svm, "step=mtf", everything_built());
    assert_has("Leave out the refused boot parameter");
    report_of(raw_full_svm, "foo", everything_built());
    assert_has("Correct the boot parameters");
}

static void crc(void **state)
{
    (void)state;
    assert_int_equal(report_crc32(0, "", 0), 0);
    assert_int_equal(report_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(report_crc32(report_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

/* Two reports of the same machine are the same bytes. */
static void the_report_is_deterministic(void **state)
{
    char *first;

    (void)state;
    report_of(raw_full_svm, "step=dbstep", everything_built());
    first = strdup(machine.output.text);
    assert_non_null(first);
    report_of(raw_full_svm, "step=dbstep", everything_built());
    assert_string_equal(first, machine.output.text);
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_verdict),
        cmocka_unit_test(the_parts_come_in_order),
        cmocka_unit_test(the_lines_fit),
        cmocka_unit_test(axes_say_what_why_and_what_is_lost),
        cmocka_unit_test(every_capability_has_its_line),
        cmocka_unit_test(capability_lines),
        cmocka_unit_test(the_machine),
        cmocka_unit_test(selftests_differences_and_notes),
        cmocka_unit_test(advice),
        cmocka_unit_test(advice_without_64_bit_mode),
        cmocka_unit_test(advice_of_machines_with_virtualization),
        cmocka_unit_test(advice_about_the_request),
        cmocka_unit_test(crc),
        cmocka_unit_test(the_report_is_deterministic),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
