/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report read by programs that know nothing of Sextant: cpuid(1) reads the raw part and decodes
 * the same features; Python reads the JSON object and computes the same CRC-32.
 *
 * A test is skipped when the program that it needs is not installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe_support.h"

static struct reported machine;

/* ---- running programs ---- */

static void need(const char *program)
{
    char command[128];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
    if (system(command) != 0) {
        print_message("%s is not installed\n", program);
        skip();
    }
}

/* Writes text to a new file, whose name is put into path. */
static void write_file(char *path, size_t size, const char *text, size_t length)
{
    FILE *file;
    int descriptor;

    snprintf(path, size, "/tmp/sextant-test-XXXXXX");
    descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    file = fdopen(descriptor, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* The standard output of a command; its status must be 0. */
static void run(const char *command, struct collected *output)
{
    char buffer[4096];
    size_t length;
    FILE *pipe = popen(command, "r");
    int status;

    assert_non_null(pipe);
    collected_free(output);
    while ((length = fread(buffer, 1, sizeof(buffer), pipe)) != 0) {
        collected_put(output, buffer, length);
    }
    status = pclose(pipe);
    if (status != 0) {
        fail_msg("\"%s\" ended with status %d: %.2000s", command, status,
                 output->text != NULL ? output->text : "");
    }
    assert_non_null(output->text);
}

static void write_report(const struct raw *raw, const char *command_line)
{
    collected_free(&machine.output);
    reported_prepare(&machine, raw, command_line, everything_built());
    reported_write(&machine);
}

static int forget(void **state)
{
    (void)state;
    collected_free(&machine.output);
    return 0;
}

/* ---- cpuid(1) ---- */

/* A capability, and the words with which cpuid(1) tells the same bit. */
static const struct {
    enum capability_id id;
    const char *section;
    const char *label;
} features[] = {
    { CAPABILITY_MONITOR,       "feature information (1/ecx)", "MONITOR/MWAIT" },
    { CAPABILITY_VMX,           "feature information (1/ecx)", "VMX: virtual machine extensions" },
    { CAPABILITY_SMX,           "feature information (1/ecx)", "SMX: safer mode extensions" },
    { CAPABILITY_CMPXCHG16B,    "feature information (1/ecx)", "CMPXCHG16B instruction" },
    { CAPABILITY_PCID,          "feature information (1/ecx)",
      "PCID: process context identifiers" },
    { CAPABILITY_X2APIC,        "feature information (1/ecx)", "x2APIC: extended xAPIC support" },
    { CAPABILITY_TSC_DEADLINE,  "feature information (1/ecx)", "time stamp counter deadline" },
    { CAPABILITY_XSAVE,         "feature information (1/ecx)", "XSAVE/XSTOR states" },
    { CAPABILITY_HYPERVISOR,    "feature information (1/ecx)", "hypervisor guest status" },
    { CAPABILITY_TSC,           "feature information (1/edx)", "TSC: time stamp counter" },
    { CAPABILITY_MSR,           "feature information (1/edx)", "RDMSR and WRMSR support" },
    { CAPABILITY_PAE,           "feature information (1/edx)", "PAE: physical address extensions" },
    { CAPABILITY_MCE,           "feature information (1/edx)", "MCE: machine check exception" },
    { CAPABILITY_APIC,          "feature information (1/edx)", "APIC on chip" },
    { CAPABILITY_MTRR,          "feature information (1/edx)",
      "MTRR: memory type range registers" },
    { CAPABILITY_PAT,           "feature information (1/edx)", "PAT: page attribute table" },
    { CAPABILITY_FXSR,          "feature information (1/edx)", "FXSAVE/FXRSTOR" },
    { CAPABILITY_SSE2,          "feature information (1/edx)", "SSE2 extensions" },
    { CAPABILITY_ARAT,          "Thermal and Power Management Features (6)",
      "ARAT always running APIC timer" },
    { CAPABILITY_FSGSBASE,      "extended feature flags (7)", "FSGSBASE instructions" },
    { CAPABILITY_TSC_ADJUST,    "extended feature flags (7)", "IA32_TSC_ADJUST MSR supported" },
    { CAPABILITY_SMEP,          "extended feature flags (7)",
      "SMEP supervisor mode exec protection" },
    { CAPABILITY_INVPCID,       "extended feature flags (7)", "INVPCID instruction" },
    { CAPABILITY_SMAP,          "extended feature flags (7)",
      "SMAP: supervisor mode access prevention" },
    { CAPABILITY_UMIP,          "extended feature flags (7)",
      "UMIP: user-mode instruction prevention" },
    { CAPABILITY_LA57,          "extended feature flags (7)",
      "LA57: 57-bit addrs & 5-level paging" },
    { CAPABILITY_XSAVES,        "XSAVE features (0xd/1)", "XSAVES/XRSTORS instructions" },
    { CAPABILITY_NX,            "extended feature flags (0x80000001/edx)",
      "no-execute page protection" },
    { CAPABILITY_PDPE1GB,       "extended feature flags (0x80000001/edx)",
      "1-GB large page support" },
    { CAPABILITY_RDTSCP,        "extended feature flags (0x80000001/edx)", "RDTSCP" },
    { CAPABILITY_LONG_MODE,     "extended feature flags (0x80000001/edx)", "long mode (AA-64)" },
    { CAPABILITY_SVM,           "AMD feature flags (0x80000001/ecx)",
      "SVM: secure virtual machine" },
    { CAPABILITY_INVARIANT_TSC, "Advanced Power Management Features (0x80000007/edx)",
      "TscInvariant" },
    { CAPABILITY_SVM_NP,        "SVM Secure Virtual Machine (0x8000000a/edx)", "nested paging" },
    { CAPABILITY_SVM_LBR_VIRT,  "SVM Secure Virtual Machine (0x8000000a/edx)",
      "LBR virtualization" },
    { CAPABILITY_SVM_LOCK,      "SVM Secure Virtual Machine (0x8000000a/edx)", "SVM lock" },
    { CAPABILITY_SVM_NRIPS,     "SVM Secure Virtual Machine (0x8000000a/edx)", "NRIP save" },
    { CAPABILITY_SVM_TSC_RATE_MSR, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "MSR based TSC rate control" },
    { CAPABILITY_SVM_VMCB_CLEAN, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "VMCB clean bits support" },
    { CAPABILITY_SVM_FLUSH_BY_ASID, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "flush by ASID" },
    { CAPABILITY_SVM_DECODE_ASSISTS, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "decode assists" },
    { CAPABILITY_SVM_SSE5_DISABLE, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "SSSE3/SSE5 opcode set disable" },
    { CAPABILITY_SVM_PAUSE_FILTER, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "pause intercept filter" },
    { CAPABILITY_SVM_PAUSE_FILTER_THRESHOLD, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "pause filter threshold" },
    { CAPABILITY_SVM_AVIC,      "SVM Secure Virtual Machine (0x8000000a/edx)",
      "AVIC: AMD virtual interrupt controller" },
    { CAPABILITY_SVM_VMSAVE_VIRT, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "virtualized VMLOAD/VMSAVE" },
    { CAPABILITY_SVM_VGIF,      "SVM Secure Virtual Machine (0x8000000a/edx)",
      "virtualized global interrupt flag (GIF)" },
    { CAPABILITY_SVM_GMET,      "SVM Secure Virtual Machine (0x8000000a/edx)",
      "GMET: guest mode execute trap" },
    { CAPABILITY_SVM_X2AVIC,    "SVM Secure Virtual Machine (0x8000000a/edx)",
      "X2AVIC: virtualized X2APIC" },
    { CAPABILITY_SVM_SSS_CHECK, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "supervisor shadow stack" },
    { CAPABILITY_SVM_SPEC_CTRL, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "guest Spec_ctl support" },
    { CAPABILITY_SVM_ROGPT,     "SVM Secure Virtual Machine (0x8000000a/edx)",
      "ROGPT: read-only guest page table" },
    { CAPABILITY_SVM_HOST_MCE_OVERRIDE, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "host MCE override" },
    { CAPABILITY_SVM_TLBI_CTL,  "SVM Secure Virtual Machine (0x8000000a/edx)",
      "INVLPGB/TLBSYNC hyperv interc enable" },
    { CAPABILITY_SVM_VNMI,      "SVM Secure Virtual Machine (0x8000000a/edx)",
      "VNMI: NMI virtualization" },
    { CAPABILITY_SVM_IBS_VIRT,  "SVM Secure Virtual Machine (0x8000000a/edx)",
      "IBS virtualization" },
    { CAPABILITY_SVM_VMCB_ADDRESS_CHECK, "SVM Secure Virtual Machine (0x8000000a/edx)",
      "guest SVME addr check" },
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

/* 1 or 0 as cpuid(1) says; -1 when it does not say it (the section or the leaf is not there). */
static int decoded(const char *text, const char *section, const char *label)
{
    char heading[128], line[128];
    const char *at, *end;

    snprintf(heading, sizeof(heading), "\n   %s", section);
    snprintf(line, sizeof(line), "\n      %s ", label);
    /* "(0xd/1)" has no heading of its own in every version: look in the whole text then. */
    at = strstr(text, heading);
    if (at == NULL) {
        at = text;
        end = text + strlen(text);
    } else {
        end = at + strlen(heading);
        /* The next heading has three blanks, its lines have more. */
        while (*end != '\0' && (strncmp(end, "\n   ", 4) != 0 || end[4] == ' ')) {
            end++;
        }
    }
    at = strstr(at, line);
    if (at == NULL || at >= end) {
        return -1;
    }
    at += strlen(line);
    at += strspn(at, " ");
    return strncmp(at, "= true", 6) == 0 ? 1 : strncmp(at, "= false", 7) == 0 ? 0 : -1;
}

/* The raw part of the report, as the documentation says to cut it out, through cpuid -f. */
static void decode_report(struct collected *decoded_text)
{
    char path[64], command[256];

    write_file(path, sizeof(path), machine.output.text, machine.output.length);
    snprintf(command, sizeof(command),
             "grep -E '^(CPU [0-9]+:|   0x)' %s | cpuid -1 -f /dev/stdin 2>&1", path);
    run(command, decoded_text);
    unlink(path);
}

/* Returns how many features cpuid(1) said something about. */
static unsigned compare_features(const char *text)
{
    unsigned compared = 0;

    for (size_t i = 0; i < FEATURES; i++) {
        int said = decoded(text, features[i].section, features[i].label);
        bool has = machine.capabilities.state[features[i].id] != CAPABILITY_ABSENT;

        if (said >= 0) {
            compared++;
            if (said != has) {
                fail_msg("%s: cpuid says %s = %s", capability_row(features[i].id)->name,
                         features[i].label, said != 0 ? "true" : "false");
            }
        }
    }
    return compared;
}

static void base_processor(struct raw *raw)
{
    raw_clear(raw);
    raw_set_cpuid(raw, 0, 0, 0x20, 0x68747541, 0x444d4163, 0x69746e65);
    raw_set_cpuid(raw, 1, 0, 0x00a10f11, 0x00020800, 0, 0);
    raw_set_cpuid(raw, 6, 0, 0, 0, 0, 0);
    raw_set_cpuid(raw, 7, 0, 0, 0, 0, 0);
    raw_set_cpuid(raw, 0xd, 0, 7, 0x340, 0x340, 0);
    raw_set_cpuid(raw, 0xd, 1, 0, 0, 0, 0);
    raw_set_cpuid(raw, 0x80000000, 0, 0x8000000a, 0x68747541, 0x444d4163, 0x69746e65);
    raw_set_cpuid(raw, 0x80000001, 0, 0x00a10f11, 0, 0, 0);
    raw_set_cpuid(raw, 0x80000007, 0, 0, 0, 0, 0);
    raw_set_cpuid(raw, 0x80000008, 0, 0x3030, 0, 0, 0);
    raw_set_cpuid(raw, 0x8000000a, 0, 1, 0x8000, 0, 0);
}

/*
 * Processors whose features spell the number of each feature in binary: two features whose bits or
 * labels were exchanged would differ in one of them.
 */
static void cpuid_decodes_the_same_features(void **state)
{
    struct collected text = { 0 };
    unsigned rounds = 0;

    (void)state;
    need("cpuid");
    for (unsigned digit = 0; (1u << digit) <= FEATURES; digit++) {
        static struct raw raw;

        base_processor(&raw);
        for (size_t i = 0; i < FEATURES; i++) {
            const struct capability_row *row = capability_row(features[i].id);

            assert_int_equal(row->kind, CAPABILITY_KIND_CPUID);
            if (((i + 1) >> digit & 1) != 0) {
                raw_set_bit(&raw, row->source, row->subleaf, row->reg, row->bit);
            }
        }
        write_report(&raw, "");
        decode_report(&text);
        /* Older versions do not know every SVM bit; those they know must agree. */
        assert_in_range(compare_features(text.text), 40, FEATURES);
        rounds++;
    }
    assert_int_equal(rounds, 6);
    collected_free(&text);
}

/* This very machine: read by cpuid -r, reported, and read back by cpuid -f. */
static void this_machine(void **state)
{
    struct collected dump = { 0 }, ours = { 0 };
    char path[64], command[128];
    static struct raw raw;
    unsigned lines = 0;
    char *line, *rest;

    (void)state;
    need("cpuid");
    run("cpuid -1 -r", &dump);
    write_file(path, sizeof(path), dump.text, dump.length);
    raw_clear(&raw);
    for (line = strtok_r(dump.text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == ' ') {
            assert_true(raw_parse_line(&raw, line));
            lines++;
        }
    }
    assert_true(lines > 5);
    assert_int_equal(raw.cpuid_count, lines);
    write_report(&raw, "");
    decode_report(&ours);
    assert_in_range(compare_features(ours.text), 20, FEATURES);

    /* The two decodings are the same text but for the name of the CPU. */
    snprintf(command, sizeof(command), "cpuid -1 -f %s", path);
    run(command, &dump);
    unlink(path);
    assert_string_equal(strchr(dump.text, '\n'), strchr(ours.text, '\n'));
    collected_free(&dump);
    collected_free(&ours);
}

/* ---- Python ---- */

/*
 * Finds the object between the marker lines as a reader of a serial log would (with "\r\n" line
 * ends), checks the CRC-32 with zlib, parses, and prints what the test compares.
 */
static const char reader[] =
    "import json, sys, zlib\n"
    "data = open(sys.argv[1], 'rb').read().replace(b'\\n', b'\\r\\n')\n"
    "begin = b'@@SEXTANT-JSON-BEGIN\\r\\n'\n"
    "end = b'\\r\\n@@SEXTANT-JSON-END crc32='\n"
    "start = data.index(begin) + len(begin)\n"
    "stop = data.index(end)\n"
    "assert data.count(begin) == 1 and data.count(end) == 1\n"
    "assert int(data[stop + len(end):stop + len(end) + 8], 16) == zlib.crc32(data[start:stop])\n"
    "report = json.loads(data[start:stop].decode('ascii'))\n"
    "print(report['schema'], report['outcome'], report['backend'])\n"
    "print(' '.join('%s=%s' % (a['axis'], a['chosen']) for a in report['axes']))\n"
    "for c in report['capabilities']:\n"
    "    print(c['id'], c['state'])\n"
    "for leaf in report['raw']['cpuid']:\n"
    "    print(*leaf)\n"
    "for index, value in report['raw']['msr']:\n"
    "    print(index, '#GP' if value is None else int(value, 16))\n"
    "assert report['advice'] and all(isinstance(s, str) for s in report['advice'])\n"
    "for axis in report['axes']:\n"
    "    chosen = [s['name'] for s in axis['strategies'] if s['verdict'] == 'chosen']\n"
    "    assert chosen == ([axis['chosen']] if axis['chosen'] else []), axis\n"
    "    assert all(s['reason'] for s in axis['strategies'])\n"
    "known = {c['id'] for c in report['capabilities']}\n"
    "for axis in report['axes']:\n"
    "    for s in axis['strategies']:\n"
    "        assert set(s['missing']) <= known, s\n";

static const char *outcome_word(void)
{
    static const char *const words[] = { "runs", "degraded", "cannot_run", "refused" };

    return words[machine.environment.refusal != NULL ? OUTCOME_REFUSED
                                                     : machine.selection.outcome];
}

/* What the reader must print. */
static void expect(struct collected *expected)
{
    char line[256];

    collected_free(expected);
#define SAY(...) \
    collected_put(expected, line, (size_t)snprintf(line, sizeof(line), __VA_ARGS__))
    SAY("1 %s %s\n", outcome_word(), machine.selection.backend == BACKEND_NONE ? "None"
        : backend_row((enum backend_id)machine.selection.backend)->name);
    for (unsigned i = 0; i < AXIS_COUNT; i++) {
        uint8_t chosen = machine.selection.axis[i].chosen;

        SAY("%s=%s%s", axis_row((enum axis)i)->name, chosen == STRATEGY_NONE ? "None"
            : strategy_row((enum strategy_id)chosen)->name, i + 1 < AXIS_COUNT ? " " : "\n");
    }
    for (unsigned id = 1; id < CAPABILITY_COUNT; id++) {
        char lower[64] = "";

        for (size_t i = 0; capability_row((enum capability_id)id)->id[i] != '\0'; i++) {
            char c = capability_row((enum capability_id)id)->id[i];

            lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        SAY("%s %s\n", lower, capability_state_name(
                (enum capability_state)machine.capabilities.state[id]));
    }
    for (unsigned i = 0; i < machine.raw.cpuid_count; i++) {
        const struct raw_cpuid *entry = &machine.raw.cpuid[i];

        SAY("%u %u %u %u %u %u\n", entry->leaf, entry->subleaf, entry->word[0], entry->word[1],
            entry->word[2], entry->word[3]);
    }
    for (unsigned i = 0; i < machine.raw.msr_count; i++) {
        if (machine.raw.msr[i].present) {
            SAY("%u %lu\n", machine.raw.msr[i].index, (unsigned long)machine.raw.msr[i].value);
        } else {
            SAY("%u #GP\n", machine.raw.msr[i].index);
        }
    }
#undef SAY
}

static void check_json(void)
{
    char report_path[64], reader_path[64], command[256];
    struct collected said = { 0 }, expected = { 0 };

    write_file(report_path, sizeof(report_path), machine.output.text, machine.output.length);
    write_file(reader_path, sizeof(reader_path), reader, sizeof(reader) - 1);
    snprintf(command, sizeof(command), "python3 %s %s 2>&1", reader_path, report_path);
    run(command, &said);
    unlink(report_path);
    unlink(reader_path);
    expect(&expected);
    assert_string_equal(said.text, expected.text);
    collected_free(&said);
    collected_free(&expected);
}

static void python_reads_the_json(void **state)
{
    static const char *const lines[] = { "", "step=mtf mask=np", "foo=\"\\\x01\xff" };
    void (*const processors[])(struct raw *raw) = { raw_full_vmx, raw_full_svm, raw_qemu_epyc,
                                                    raw_clear };

    (void)state;
    need("python3");
    for (size_t i = 0; i < 4; i++) {
        static struct raw raw;

        processors[i](&raw);
        assert_true(raw_add_msr(&raw, 0x10, false, 0));
        write_report(&raw, lines[i % 3]);
        check_json();
    }
}

/* Every string that comes from outside, at its worst. */
static void python_reads_foreign_strings(void **state)
{
    static const char worst[] = "\"\\/\b\f\n\r\t\x01\x1f\x7f\x80\xff</script>'{}[]:,%s%n";
    static const char *const notes[] = { worst, "", "\"" };
    static const struct selftest_result selftest = {
        .strategy = STRATEGY_STEP_MTF, .verdict = SELFTEST_FAILED, .exits = 1, .ticks = 2,
        .detail = worst,
    };
    static const struct cpu_difference difference = {
        .apic_id = UINT32_MAX,
        .word = { .is_msr = true, .leaf = UINT32_MAX, .present_b = true, .b = UINT64_MAX },
    };
    static struct raw raw;

    (void)state;
    need("python3");
    collected_free(&machine.output);
    raw_full_svm(&raw);
    raw_set_cpuid(&raw, 0, 0, 1, 0x0a0d2201, 0xff80ff80, 0x5c225c22);
    reported_prepare(&machine, &raw, "", everything_built());
    machine.environment = (struct report_environment){
        .version = worst, .build_id = worst, .loader = worst, .command_line = worst,
        .memory_bytes = UINT64_MAX, .reserved_bytes = UINT64_MAX, .cpus = UINT32_MAX,
        .cpus_probed = UINT32_MAX, .differences = &difference, .difference_count = 1,
        .difference_total = 1, .selftests = &selftest, .selftest_count = 1, .notes = notes,
        .note_count = 3,
    };
    reported_write(&machine);
    check_json();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpuid_decodes_the_same_features),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(python_reads_the_json),
        cmocka_unit_test(python_reads_foreign_strings),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
