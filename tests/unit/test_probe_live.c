/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that the tests run on, with a driver for MSRs that answers from here: this file's own
 * pread() stands for msr(4).  What is asked is what the gates let through, a #GP is EIO, and any
 * other failure leaves the MSRs unknown.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "live.h"

#define FAULTING  0x00000277        /* IA32_PAT, which every 64-bit processor has */

static struct arena arena;
static struct subject subject;
static const char *error;
static int failure;                 /* errno of every read; 0: they answer */
static unsigned reads;

static uint64_t value_of(uint32_t index)
{
    return UINT64_C(0x1122334400000000) | index;
}

ssize_t pread(int descriptor, void *buffer, size_t length, off_t offset)
{
    uint64_t value = value_of((uint32_t)offset);

    assert_true(descriptor >= 0);
    assert_int_equal(length, sizeof(value));
    reads++;
    if (failure != 0 || offset == FAULTING) {
        errno = failure != 0 ? failure : EIO;
        return -1;
    }
    memcpy(buffer, &value, sizeof(value));
    return sizeof(value);
}

static void probe(const char *device)
{
    arena_free(&arena);
    reads = 0;
    if (!subject_from_live(&arena, device, &subject, &error)) {
        fail_msg("%s", error);
    }
}

static int forget(void **state)
{
    (void)state;
    failure = 0;
    arena_free(&arena);
    return 0;
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

static void every_cpu_is_asked(void **state)
{
    cpu_set_t before, after;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    probe("/dev/null");
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    assert_int_equal(subject.cpus_probed, CPU_COUNT(&before));
    assert_int_equal(reads, subject.raw.msr_count * subject.cpus_probed);
    assert_false(subject.raw.msrs_unread);
    assert_int_equal(subject.advice_count, 0);
    assert_true(says(subject.notes, subject.note_count, "advertised is not verified"));
    assert_true(raw_cpuid_word(&subject.raw, 0x80000001, 0, RAW_EDX) >> 29 & 1);
}

static void answers_and_faults(void **state)
{
    (void)state;
    probe("/dev/null");
    assert_true(subject.raw.msr_count > 3);
    for (unsigned i = 0; i < subject.raw.msr_count; i++) {
        const struct raw_msr *msr = &subject.raw.msr[i];

        assert_int_equal(msr->present, msr->index != FAULTING);
        assert_true(msr->value == (msr->present ? value_of(msr->index) : 0));
    }
    assert_non_null(raw_msr_find(&subject.raw, FAULTING));
}

static void a_driver_that_does_not_answer(void **state)
{
    (void)state;
    failure = EPERM;
    probe("/dev/null");
    assert_int_equal(subject.raw.msr_count, 0);
    assert_true(subject.raw.msrs_unread);
    assert_true(says(subject.notes, subject.note_count, "/dev/null: Operation not permitted"));
    assert_int_equal(subject.advice_count, 1);
    assert_true(says(subject.advice, subject.advice_count,
                     geteuid() == 0 ? "lockdown" : "sudo sextant-probe"));
}

static void no_driver(void **state)
{
    (void)state;
    probe("/dev/no/such/%/msr");
    assert_int_equal(reads, 0);
    assert_true(subject.raw.msrs_unread);
    assert_true(says(subject.notes, subject.note_count, "/msr: No such file or directory"));
    assert_true(says(subject.advice, subject.advice_count, "modprobe msr"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_cpu_is_asked, forget),
        cmocka_unit_test_teardown(answers_and_faults, forget),
        cmocka_unit_test_teardown(a_driver_that_does_not_answer, forget),
        cmocka_unit_test_teardown(no_driver, forget),
    };

    return cmocka_run_group_tests_name("probe, live", tests, NULL, NULL);
}
