/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine that this one is not: four processors of Intel, one of them of another kind, their MSRs in
 * a tree of device files.  This file answers for CPUID, the affinity and msr(4); the tree decides which
 * files there are, as /dev/cpu does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "judge.h"
#include "live.h"

#define CPUS                4
#define EFFICIENT           2               /* the CPU of the other kind */
#define FEATURE_CONTROL     0x3a
#define PROCBASED_CTLS      0x482
#define UNLOCKED            0x0
#define LOCKED_ON           0x5             /* with VMX outside SMX */
#define LOCKED_OFF          0x1
#define MTF                 (UINT64_C(1) << 59)
#define X2APIC              (1u << 21)

static struct arena arena;
static struct subject subject;
static struct judgement judgement;
static const char *error;
static unsigned current;                    /* the CPU that executes */
static uint64_t feature_control[CPUS];
static bool hybrid;
static char tree[] = "/tmp/sextant-probe-XXXXXX";
static char pattern[64];

/* ---- the machine ---- */

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    CPU_ZERO_S(size, set);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        CPU_SET_S(cpu, size, set);
    }
    return 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
    (void)pid;
    for (current = 0; !CPU_ISSET_S(current, size, set); current++) {
    }
    return 0;
}

void live_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t word[4])
{
    static const uint32_t first[4] = { 1, 0x756e6547, 0x6c65746e, 0x49656e69 };

    (void)subleaf;
    memset(word, 0, 4 * sizeof(word[0]));
    switch (leaf) {
    case 0:
        memcpy(word, first, sizeof(first));
        break;
    case 1:
        word[RAW_EAX] = 0x000906a3;
        word[RAW_EBX] = (current * 8) << 24;
        word[RAW_ECX] = 1u << 5 | (hybrid && current == EFFICIENT ? 0 : X2APIC);
        word[RAW_EDX] = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 9;
        break;
    case 0x80000000:
        word[RAW_EAX] = 0x80000001;
        break;
    case 0x80000001:
        word[RAW_EDX] = 1u << 20 | 1u << 29;
        break;
    }
}

static uint64_t value_of(unsigned cpu, uint32_t index)
{
    switch (index) {
    case 0x1b:
        return 0xfee00900;
    case FEATURE_CONTROL:
        return feature_control[cpu];
    case 0x480:
        return UINT64_C(0x005a040000000004);    /* no TRUE control MSRs */
    case PROCBASED_CTLS:
        return UINT64_C(0xfff9fffe0401e172) & ~(hybrid && cpu == EFFICIENT ? MTF : 0);
    case 0x48b:
        return UINT64_C(0xff00000000);
    case 0x48c:
        return UINT64_C(0xf0106114141);
    default:
        return index >= 0x480 && index < 0x490 ? UINT64_C(0xffffffff00000000) : 0;
    }
}

/* The descriptor must be that of the CPU which is asked. */
ssize_t pread(int descriptor, void *buffer, size_t length, off_t offset)
{
    char link[32], name[PATH_MAX];
    uint64_t value;
    ssize_t got;
    unsigned cpu;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    got = readlink(link, name, sizeof(name) - 1);
    assert_true(got > 0);
    name[got] = '\0';
    assert_int_equal(sscanf(strstr(name, "/cpu/"), "/cpu/%u/msr", &cpu), 1);
    assert_int_equal(cpu, current);
    assert_int_equal(length, sizeof(value));
    value = value_of(cpu, (uint32_t)offset);
    memcpy(buffer, &value, sizeof(value));
    return sizeof(value);
}

/* ---- the tree ---- */

static void in_tree(char *path, size_t size, int cpu, const char *name)
{
    if (cpu < 0) {
        snprintf(path, size, "%s/cpu", tree);
    } else {
        snprintf(path, size, "%s/cpu/%d%s", tree, cpu, name);
    }
}

static int plant(void **state)
{
    char path[128];

    (void)state;
    assert_non_null(mkdtemp(tree));
    in_tree(path, sizeof(path), -1, "");
    assert_int_equal(mkdir(path, 0700), 0);
    for (int cpu = 0; cpu < CPUS; cpu++) {
        in_tree(path, sizeof(path), cpu, "");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(pattern, sizeof(pattern), "%s/cpu/%%/msr", tree);
    return 0;
}

/* modprobe msr, and its end. */
static void load_driver(bool wanted)
{
    char path[128];

    for (int cpu = 0; cpu < CPUS; cpu++) {
        in_tree(path, sizeof(path), cpu, "/msr");
        if (wanted) {
            FILE *file = fopen(path, "w");

            assert_non_null(file);
            fclose(file);
        } else {
            unlink(path);
        }
    }
}

static int fell(void **state)
{
    char path[128];

    (void)state;
    load_driver(false);
    for (int cpu = CPUS - 1; cpu >= -1; cpu--) {
        in_tree(path, sizeof(path), cpu, "");
        rmdir(path);
    }
    arena_free(&arena);
    return rmdir(tree);
}

static int begin(void **state)
{
    (void)state;
    arena_free(&arena);
    load_driver(true);
    hybrid = false;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        feature_control[cpu] = LOCKED_ON;
    }
    return 0;
}

static void probe(void)
{
    if (!subject_from_live(&arena, pattern, &subject, &error)) {
        fail_msg("%s", error);
    }
    judge(&arena, &subject, NULL, false, &judgement);
}

static bool says(const char *const *sentences, size_t count, const char *part)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(sentences[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

static enum capability_state state_of(enum capability_id id)
{
    return (enum capability_state)judgement.capabilities.state[id];
}

/* ---- tests ---- */

static void equal_processors(void **state)
{
    (void)state;
    probe();
    assert_int_equal(subject.cpus_probed, CPUS);
    assert_int_equal(subject.difference_total, 0);
    assert_false(subject.raw.msrs_unread);
    assert_int_equal(subject.advice_count, 0);
    assert_int_equal(state_of(CAPABILITY_VMX_MONITOR_TRAP_FLAG), CAPABILITY_ADVERTISED);
    assert_int_equal(state_of(CAPABILITY_X2APIC), CAPABILITY_ADVERTISED);
}

static void firmware_left_it_open_on_or_off(void **state)
{
    static const struct { uint64_t value; enum firmware_lock lock; bool usable; } rows[] = {
        { UNLOCKED, FIRMWARE_LOCK_OPEN, true },
        { LOCKED_ON, FIRMWARE_LOCK_ON, true },
        { LOCKED_OFF, FIRMWARE_LOCK_OFF, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value;

        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            feature_control[cpu] = rows[i].value;
        }
        probe();
        assert_true(raw_msr_value(&subject.raw, FEATURE_CONTROL, &value));
        assert_true(value == rows[i].value);
        assert_int_equal(judgement.capabilities.vmx_lock, rows[i].lock);
        assert_int_equal(state_of(CAPABILITY_VMX_USABLE),
                         rows[i].usable ? CAPABILITY_ADVERTISED : CAPABILITY_ABSENT);
        assert_int_equal(subject.difference_total, 0);
    }
}

/* Firmware that locked one processor otherwise: the weakest counts, and it has a name. */
static void one_processor_is_locked_off(void **state)
{
    (void)state;
    feature_control[3] = LOCKED_OFF;
    probe();
    assert_int_equal(subject.difference_total, 1);
    assert_int_equal(subject.differences[0].apic_id, 24);
    assert_true(subject.differences[0].word.is_msr);
    assert_int_equal(subject.differences[0].word.leaf, FEATURE_CONTROL);
    assert_true(subject.differences[0].word.a == LOCKED_ON);
    assert_true(subject.differences[0].word.b == LOCKED_OFF);
    assert_int_equal(state_of(CAPABILITY_VMX_USABLE), CAPABILITY_ABSENT);
}

static void a_processor_of_another_kind(void **state)
{
    (void)state;
    hybrid = true;
    probe();
    assert_int_equal(subject.cpus_probed, CPUS);
    assert_int_equal(subject.difference_total, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(subject.differences[i].apic_id, EFFICIENT * 8);
    }
    assert_false(subject.differences[0].word.is_msr);
    assert_int_equal(subject.differences[0].word.leaf, 1);
    assert_int_equal(subject.differences[0].word.reg, RAW_ECX);
    assert_int_equal(subject.differences[1].word.leaf, PROCBASED_CTLS);
    assert_true((subject.differences[1].word.a ^ subject.differences[1].word.b) == MTF);
    /* What one of them lacks, the machine lacks. */
    assert_int_equal(state_of(CAPABILITY_VMX_MONITOR_TRAP_FLAG), CAPABILITY_ABSENT);
    assert_int_equal(state_of(CAPABILITY_X2APIC), CAPABILITY_ABSENT);
}

static void the_driver_is_not_loaded(void **state)
{
    (void)state;
    load_driver(false);
    probe();
    assert_true(subject.raw.msrs_unread);
    assert_true(says(subject.notes, subject.note_count, "/cpu/0/msr: No such file or directory"));
    assert_int_equal(subject.advice_count, 1);
    assert_true(says(subject.advice, subject.advice_count, "as root (modprobe msr)"));
    assert_non_null(judgement.environment.unknown);
}

/* It is gone for one processor alone: nothing that MSRs say counts for the machine. */
static void one_file_is_missing(void **state)
{
    char path[128];

    (void)state;
    in_tree(path, sizeof(path), 1, "/msr");
    assert_int_equal(unlink(path), 0);
    probe();
    assert_int_equal(subject.cpus_probed, CPUS);
    assert_true(says(subject.notes, subject.note_count, "/cpu/1/msr: No such file or directory"));
    assert_true(says(subject.advice, subject.advice_count, "modprobe msr"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(equal_processors, begin),
        cmocka_unit_test_setup(firmware_left_it_open_on_or_off, begin),
        cmocka_unit_test_setup(one_processor_is_locked_off, begin),
        cmocka_unit_test_setup(a_processor_of_another_kind, begin),
        cmocka_unit_test_setup(the_driver_is_not_loaded, begin),
        cmocka_unit_test_setup(one_file_is_missing, begin),
    };

    return cmocka_run_group_tests_name("probe, live: other machines", tests, plant, fell);
}
