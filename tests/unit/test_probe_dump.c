/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps of other programs: every form of line, what is missing, and what is wrong by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "judge.h"
#include "probe_support.h"

static struct arena arena;
static struct dump dump;
static struct subject subject;
static struct input_error wrong;
static const char *error;

static int forget(void **state)
{
    (void)state;
    arena_free(&arena);
    memset(&dump, 0, sizeof(dump));
    return 0;
}

static bool read_bytes(const char *text, size_t length)
{
    char *copy = malloc(length != 0 ? length : 1);
    bool read;

    assert_non_null(copy);
    memcpy(copy, text, length);
    read = dump_read(&arena, copy, length, &dump, &wrong);
    free(copy);
    assert_true(read == (wrong.sentence == NULL));
    return read;
}

static void read_text(const char *text)
{
    if (!read_bytes(text, strlen(text))) {
        fail_msg("line %u: %s", wrong.line, wrong.sentence);
    }
}

static void refuse(const char *text, unsigned line, const char *part)
{
    memset(&dump, 0, sizeof(dump));
    assert_false(read_bytes(text, strlen(text)));
    assert_int_equal(wrong.line, line);
    if (strstr(wrong.sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", wrong.sentence, part);
    }
}

static void make(void)
{
    if (!subject_from_dump(&arena, &dump, &subject, &error)) {
        fail_msg("%s", error);
    }
}

#define INTEL_CPUID(ecx) \
    "   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69\n" \
    "   0x00000001 0x00: eax=0x000806c1 ebx=0x00000000 ecx=0x" ecx " edx=0x00000260\n" \
    "   0x80000000 0x00: eax=0x80000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n" \
    "   0x80000001 0x00: eax=0x00000000 ebx=0x00000000 ecx=0x00000000 edx=0x20000000\n"
#define INTEL  INTEL_CPUID("00200020")

static void cpuid_r(void **state)
{
    (void)state;
    read_text("CPU:\n" INTEL "   0xc0000000 0x00: eax=0x00000001 ebx=0x00000002 "
              "ecx=0x00000003 edx=0x00000004\r\n");
    make();
    assert_int_equal(subject.cpus, 1);
    assert_string_equal(subject.capabilities.vendor, "GenuineIntel");
    assert_int_equal(subject.raw.cpuid_count, 4);           /* what the probe would ask for */
    assert_true(subject.raw.msrs_unread);
    assert_int_equal(subject.raw.msr_count, 0);
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX], CAPABILITY_ADVERTISED);
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_EPT], CAPABILITY_UNKNOWN);
    assert_int_equal(subject.note_count, 0);
}

static void several_cpus_count_by_the_weakest(void **state)
{
    (void)state;
    read_text("CPU 0:\n" INTEL "CPU 1:\n" INTEL_CPUID("00000020") "CPU 2:\n" INTEL);
    make();
    assert_int_equal(subject.cpus, 3);
    assert_int_equal(subject.difference_total, 1);
    assert_int_equal(subject.differences[0].word.leaf, 1);
    assert_int_equal(subject.differences[0].word.reg, RAW_ECX);
    assert_int_equal(subject.capabilities.state[CAPABILITY_X2APIC], CAPABILITY_ABSENT);
}

static void a_list_of_msrs(void **state)
{
    static const char list[] =
        "# made with rdmsr\n"
        "0x3a 5\n"
        "0x480: 0x00da040000000004\n"
        "0x481=ffffffff00000016\n"
        "IA32_VMX_PROCBASED_CTLS ffffffff0401e172\n"
        "MSR 0x00000485 IA32_VMX_MISC = 0x00000000000401e5\n"
        "0x48b rdmsr: CPU 0 cannot read MSR 0x0000048b\n"
        "0x484\n"
        "\n";
    uint64_t value;

    (void)state;
    read_text("CPU:\n" INTEL);
    read_text(list);
    make();
    assert_true(raw_msr_value(&subject.raw, 0x480, &value));
    assert_true(value == UINT64_C(0x00da040000000004));
    assert_true(raw_msr_value(&subject.raw, 0x482, &value));
    assert_true(value == UINT64_C(0xffffffff0401e172));
    assert_int_equal(subject.capabilities.vmx_lock, FIRMWARE_LOCK_ON);
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG],
                     CAPABILITY_ADVERTISED);
    /* Asked for and refused is absent; without a value it is not known. */
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_EPT], CAPABILITY_ABSENT);
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST],
                     CAPABILITY_UNKNOWN);
    assert_int_equal(subject.note_count, 1);
    assert_string_equal(subject.notes[0], "1 of the MSRs listed has no value: what they say is not "
                        "known.");
}

/* rdmsr takes an index without 0x for a decimal one, and people write hexadecimal ones. */
static void a_list_without_prefixes(void **state)
{
    static const char list[] =
        "3a 5\n"
        "480 00da040000000004\n"
        "481: 0xffffffff00000016\n"
        "48b rdmsr: CPU 0 cannot read MSR 0x0000048b\n"
        "C0000080=#GP\n"
        "10 00000012345678\n"          /* no MSR that Sextant reads */
        "482\n";
    uint64_t value;

    (void)state;
    read_text("CPU:\n" INTEL);
    read_text(list);
    assert_int_equal(dump.common.msr_count, 5);
    assert_int_equal(dump.passed_over, 2);
    make();
    assert_true(raw_msr_value(&subject.raw, 0x480, &value));
    assert_true(value == UINT64_C(0x00da040000000004));
    assert_true(raw_msr_value(&subject.raw, 0x481, &value));
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_EPT], CAPABILITY_ABSENT);
    assert_true(raw_msr_unread(&subject.raw, 0x482));
}

/* What makes a number without 0x plain: it is one of Sextant's MSRs one way at most. */
static void no_index_is_anothers_in_decimal(void **state)
{
    static const uint32_t indexes[] = {
#define MSR(name, index, gate) index,
#include "probe/msrs.def"
#undef MSR
    };

    (void)state;
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
        char decimal[16];

        snprintf(decimal, sizeof(decimal), "%u", (unsigned)indexes[i]);
        assert_true(strlen(decimal) > 8
                    || raw_msr_name((uint32_t)strtoul(decimal, NULL, 16)) == NULL);
    }
    refuse("1152 00da040000000004\n27 fee00900\n", 0, "like \"0x480 00da040000000004\"");
    refuse("480 lines of text\n", 0, "like \"0x480 00da040000000004\"");
}

/* MSRs behind one that is not in the list still count. */
static void an_msr_behind_an_unread_one(void **state)
{
    (void)state;
    read_text("CPU:\n" INTEL);
    read_text("0x48b ffffffff00000000\n");
    make();
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_EPT], CAPABILITY_ADVERTISED);
    assert_int_equal(subject.capabilities.state[CAPABILITY_VMX_SECONDARY_CONTROLS],
                     CAPABILITY_UNKNOWN);
}

static void aida64(void **state)
{
    static const char text[] =
        "------[ Versions ]------\n\nProgram Version : AIDA64 v6\n\n"
        "------[ CPUID Registers / Logical CPU #0 ]------\n\n"
        "allcpu: Package 0 / Core 0 / Thread 0: Valid\n\n"
        "CPUID 00000000: 00000004-756E6547-6C65746E-49656E69 [GenuineIntel]\n"
        "CPUID 00000001: 000806C1-00100800-00200020-00000260\n"
        "CPUID 00000002: 00000000-00000000-00000000-00000000\n"
        "CPUID 00000003  00000000-00000000-00000000-00000000\n"
        "CPUID 00000004: 1C004121-01C0003F-0000003F-00000000 [SL 00]\n"
        "CPUID 00000004: 1C004122-01C0003F-0000003F-00000000 [SL 01]\n"
        "CPUID 00000004: 00000000-00000000-00000000-00000000\n"
        "CPUID 80000000: 80000001-00000000-00000000-00000000\n"
        "CPUID 80000001: 00000000-00000000-00000000-20000000\n\n"
        "CPUID CPU Name                : Intel\n"
        "------[ CPUID Registers / Logical CPU #1 ]------\n\n"
        "CPUID 00000000: 00000001-756E6547-6C65746E-49656E69 [GenuineIntel]\n"
        "CPUID 00000001: 000806C1-01100800-00200020-00000260\n"
        "CPUID 80000000: 80000001-00000000-00000000-00000000\n"
        "CPUID 80000001: 00000000-00000000-00000000-20000000\n\n"
        "------[ MSR Registers / Logical CPU #0 ]------\n\n"
        "MSR 0000001B: 0000-0000-FEE0-0900 [S200]\n"
        "MSR 00000480: 00DA-0400-0000-0004\n"
        "MSR 00000481: ?\?\?\?-?\?\?\?-?\?\?\?-?\?\?\?\n"
        "------[ MSR Registers / Logical CPU #1 ]------\n\n"
        "MSR 0000001B: 0000-0000-FEE0-0800\n";
    uint64_t value;

    (void)state;
    read_text(text);
    make();
    assert_int_equal(subject.cpus, 2);
    assert_int_equal(raw_cpuid_word(&subject.raw, 4, 1, RAW_EAX), 0x1c004122);
    assert_non_null(raw_cpuid_find(&subject.raw, 4, 2));
    assert_true(raw_msr_value(&subject.raw, 0x1b, &value));
    assert_true(value == 0xfee00900);
    assert_true(raw_msr_value(&subject.raw, 0x480, &value));
    assert_true(value == UINT64_C(0x00da040000000004));
    assert_true(raw_msr_unread(&subject.raw, 0x481));
}

static void what_is_cut_is_named_by_its_line(void **state)
{
    (void)state;
    refuse("CPU:\n   0x00000000 0x00: eax=0x00000001 ebx=0x7", 2, "was the file cut");
    refuse(INTEL "   0x00000002 0x0", 5, "was the file cut");
    refuse("   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e6", 1,
           "was the file cut");
    refuse("MSR 0x00000480 IA32_VMX_BASIC = 0x00da04000000", 1, "was the file cut");
    refuse("0x480 da0400", 1, "the file ends within \"0x480 da0400\": was it cut?");
    refuse("480 5\n482 da04", 2, "the file ends within");
    refuse("IA32_VMX_BASIC da0400", 1, "the file ends within");
    refuse("CPUID 00000000: 00000001-756E6547-6C6", 1, "a CPUID line of AIDA64");
    refuse("MSR 0000001B: 0000-0000-FE", 1, "an MSR line of AIDA64");
    refuse("\n0x480 da04x\n", 2, "an MSR and its value");
    refuse("0x480 5\n0x480 6\n", 2, "MSR 0x480 has been given before, with another value");
    refuse("", 0, "it is empty");
    refuse("Dear reader,\nthis is a letter.\n", 0, "it is none of what can be read");
    assert_false(read_bytes("0x480 5\n\0", 10));
    assert_int_equal(wrong.line, 2);
    assert_non_null(strstr(wrong.sentence, "no text file"));
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    read_text("0x480 5\n");
    assert_false(subject_from_dump(&arena, &dump, &subject, &error));
    assert_non_null(strstr(error, "cpuid -r dump of the same machine"));

    memset(&dump, 0, sizeof(dump));
    read_text("CPU:\n   0x00000000 0x00: eax=0x0000000d ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n");
    assert_false(subject_from_dump(&arena, &dump, &subject, &error));
    assert_non_null(strstr(error, "has no CPUID leaf 0x1"));

    memset(&dump, 0, sizeof(dump));
    read_text("CPU:\n"
              "   0x00000000 0x00: eax=0x00000003 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69\n"
              "   0x00000001 0x00: eax=0x000806c1 ebx=0x00000000 ecx=0x00000000 edx=0x00000260\n"
              "   0x80000000 0x00: eax=0x80000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n"
              "   0x80000001 0x00: eax=0x00000000 ebx=0x00000000 ecx=0x00000000 edx=0x20000000\n");
    make();
    assert_int_equal(subject.note_count, 1);
    assert_string_equal(subject.notes[0], "The dump lacks 2 CPUID leaves that this processor must "
                        "have, the first is 0x2: zeros are taken instead.");

    memset(&dump, 0, sizeof(dump));
    read_text("CPU 0:\n" INTEL "CPU 1:\n");
    assert_false(subject_from_dump(&arena, &dump, &subject, &error));
    assert_non_null(strstr(error, "CPU 1 has no CPUID leaf 0x0"));
}

/* Whether a machine can be judged by the beginning of a file; *outcome: how. */
static bool judged(const char *text, size_t length, enum outcome *outcome)
{
    struct judgement judgement;

    memset(&dump, 0, sizeof(dump));
    if (!read_bytes(text, length) || !subject_from_dump(&arena, &dump, &subject, &error)) {
        return false;
    }
    judge(&arena, &subject, NULL, true, &judgement);
    *outcome = judgement.selection.outcome;
    return judgement.environment.unknown == NULL;
}

/* A file that was cut anywhere says what the whole one says, or that nothing can be said. */
static void what_is_cut_says_nothing_else(void **state)
{
    static const char *const names[] = {
        "bochs27-core2_penryn_t9600", "bochs27-tigerlake", "bochs27-ryzen", "qemu72-EPYC",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        enum outcome whole, part;
        char path[96], text[8192];
        size_t length;
        FILE *file;

        snprintf(path, sizeof(path), "tests/unit/vectors/%s.raw", names[i]);
        file = fopen(path, "r");
        assert_non_null(file);
        length = fread(text, 1, sizeof(text), file);
        fclose(file);
        assert_in_range(length, 1, sizeof(text) - 1);
        assert_true(judged(text, length, &whole));
        for (size_t cut = 1; cut < length; cut++) {
            if (judged(text, cut, &part) && part != whole) {
                fail_msg("%s, %zu bytes: %d, not %d", names[i], cut, part, whole);
            }
            arena_free(&arena);
        }
    }
}

/* Every raw part that the tests have is read the same by both readers. */
static void vectors_are_read_as_the_image_reads_them(void **state)
{
    static const char *const names[] = {
        "bochs27-core2_penryn_t9600", "bochs27-corei3_cnl", "bochs27-tigerlake", "bochs27-ryzen",
        "qemu72-EPYC", "qemu72-Skylake-Client", "qemu72-max",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct capabilities expected;
        struct raw raw;
        char path[96], line[256];
        const char *files[] = { path };
        FILE *file;

        snprintf(path, sizeof(path), "tests/unit/vectors/%s.raw", names[i]);
        file = fopen(path, "r");
        assert_non_null(file);
        raw_clear(&raw);
        while (fgets(line, sizeof(line), file) != NULL) {
            raw_parse_line(&raw, line);
        }
        fclose(file);
        capabilities_derive(&raw, &expected);
        if (!subject_from_files(&arena, files, 1, &subject, &error)) {
            fail_msg("%s", error);
        }
        assert_memory_equal(expected.state, subject.capabilities.state, sizeof(expected.state));
        assert_string_equal(expected.vendor, subject.capabilities.vendor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cpuid_r, forget),
        cmocka_unit_test_teardown(several_cpus_count_by_the_weakest, forget),
        cmocka_unit_test_teardown(a_list_of_msrs, forget),
        cmocka_unit_test_teardown(a_list_without_prefixes, forget),
        cmocka_unit_test_teardown(no_index_is_anothers_in_decimal, forget),
        cmocka_unit_test_teardown(an_msr_behind_an_unread_one, forget),
        cmocka_unit_test_teardown(aida64, forget),
        cmocka_unit_test_teardown(what_is_cut_is_named_by_its_line, forget),
        cmocka_unit_test_teardown(what_is_missing_is_said, forget),
        cmocka_unit_test_teardown(what_is_cut_says_nothing_else, forget),
        cmocka_unit_test_teardown(vectors_are_read_as_the_image_reads_them, forget),
    };

    return cmocka_run_group_tests_name("probe, dumps", tests, NULL, NULL);
}
