/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting: a processor made of tables that fails the test when it is asked for what may not be
 * asked. Each stands for something that a real processor or emulator does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

/* A processor: what it knows, how it answers when asked for more, and what was asked. */
struct processor {
    struct raw knows;           /* CPUID leaves and MSRs that exist */
    bool zero_for_unknown_msr;  /* QEMU's TCG */
    uint32_t asked_msr[64];
    unsigned asked_msrs;
    unsigned asked_leaves;
    bool endless_subleaves;     /* every subleaf says that there is another */
};

static uint32_t maximum_of(const struct processor *processor, uint32_t leaf)
{
    return raw_cpuid_word(&processor->knows, leaf & 0xf0000000, 0, RAW_EAX);
}

static void answer_cpuid(void *context, uint32_t leaf, uint32_t subleaf, uint32_t word[4])
{
    struct processor *processor = context;
    uint32_t first = leaf & 0xf0000000;
    const struct raw_cpuid *entry = raw_cpuid_find(&processor->knows, leaf, subleaf);

    processor->asked_leaves++;
    if (leaf != first && (leaf > maximum_of(processor, leaf))) {
        fail_msg("CPUID 0x%08x is beyond the maximum 0x%08x", (unsigned)leaf,
                 (unsigned)maximum_of(processor, leaf));
    }
    if (processor->endless_subleaves && leaf != first) {
        memset(word, 0xff, 4 * sizeof(word[0]));
    } else if (entry != NULL) {
        memcpy(word, entry->word, sizeof(entry->word));
    } else {
        memset(word, 0, 4 * sizeof(word[0]));
    }
}

static bool answer_msr(void *context, uint32_t index, uint64_t *value)
{
    struct processor *processor = context;
    bool present;

    assert_true(processor->asked_msrs < 64);
    processor->asked_msr[processor->asked_msrs++] = index;
    present = raw_msr_value(&processor->knows, index, value);
    return present || processor->zero_for_unknown_msr;
}

static void collect(struct processor *processor, struct raw *raw)
{
    struct raw_reader reader = { "table", answer_cpuid, answer_msr, processor };

    processor->asked_msrs = processor->asked_leaves = 0;
    raw_fill(raw, &reader);
}

static bool was_asked(const struct processor *processor, uint32_t index)
{
    for (unsigned i = 0; i < processor->asked_msrs; i++) {
        if (processor->asked_msr[i] == index) {
            return true;
        }
    }
    return false;
}

static bool any_vmx_msr_was_asked(const struct processor *processor)
{
    for (unsigned i = 0; i < processor->asked_msrs; i++) {
        if (processor->asked_msr[i] == 0x3a
            || (processor->asked_msr[i] >= 0x480 && processor->asked_msr[i] < 0x500)) {
            return true;
        }
    }
    return false;
}

static void everything_of_a_full_vmx_processor(void **state)
{
    static const uint32_t indices[] = {
        0x1b, 0x3a, 0xc0000080, 0x480, 0x481, 0x482, 0x483, 0x484, 0x485, 0x486, 0x487, 0x488,
        0x489, 0x48a, 0x48b, 0x48c, 0x48d, 0x48e, 0x48f, 0x490, 0x491, 0x492, 0x493,
    };
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_full_vmx(&processor.knows);
    collect(&processor, &raw);
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        assert_true(was_asked(&processor, indices[i]));
    }
    assert_int_equal(processor.asked_msrs, sizeof(indices) / sizeof(indices[0]));
    assert_false(was_asked(&processor, 0xc0010114));
    assert_false(raw.truncated);
    /* A register that raised #GP was asked for, and is not there. */
    assert_non_null(raw_msr_find(&raw, 0x48a));
    assert_false(raw_msr_find(&raw, 0x48a)->present);
    assert_null(raw_msr_find(&raw, 0xc0010114));
}

/* Each gate by itself: the bit of the processor that opens it, and what must then not be asked. */
static void gates(void **state)
{
    static const struct {
        uint32_t index;
        unsigned bit;           /* of the MSR that is cleared */
        uint32_t shut[4];
    } rows[] = {
        { 0x480, 55, { 0x48d, 0x48e, 0x48f, 0x490 } },
        { 0x482, 63, { 0x48b, 0x48c, 0x491 } },
        { 0x482, 49, { 0x492 } },
        { 0x483, 63, { 0x493 } },
        { 0x48b, 45, { 0x491 } },
    };
    static struct processor processor;
    static struct raw raw;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value;

        memset(&processor, 0, sizeof(processor));
        raw_full_vmx(&processor.knows);
        raw_msr_value(&processor.knows, rows[i].index, &value);
        raw_set_msr(&processor.knows, rows[i].index, value & ~(UINT64_C(1) << rows[i].bit));
        collect(&processor, &raw);
        for (unsigned j = 0; j < 4 && rows[i].shut[j] != 0; j++) {
            if (was_asked(&processor, rows[i].shut[j])) {
                fail_msg("0x%x was read although bit %u of 0x%x is clear",
                         (unsigned)rows[i].shut[j], rows[i].bit, (unsigned)rows[i].index);
            }
        }
        assert_true(was_asked(&processor, 0x485));
    }

    /* IA32_VMX_EPT_VPID_CAP: either EPT or VPID is enough. */
    for (unsigned mask = 0; mask < 4; mask++) {
        memset(&processor, 0, sizeof(processor));
        raw_full_vmx(&processor.knows);
        raw_set_msr(&processor.knows, 0x48b, (uint64_t)((mask & 1) << 1 | (mask & 2) << 4) << 32);
        collect(&processor, &raw);
        assert_int_equal(was_asked(&processor, 0x48c), mask != 0);
    }
}

/* QEMU with an Intel model: RDMSR of anything answers 0. */
static void without_vmx_no_vmx_msr_is_read(void **state)
{
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_full_vmx(&processor.knows);
    raw_set_cpuid(&processor.knows, 1, 0, 0x506e3, 0, 1u << 21, 1u << 5 | 1u << 9);
    processor.zero_for_unknown_msr = true;
    collect(&processor, &raw);
    assert_false(any_vmx_msr_was_asked(&processor));
    assert_false(was_asked(&processor, 0xc0010114));
}

/* Bochs' ryzen: plausible VMX MSRs on a processor with SVM. */
static void an_svm_processor_with_vmx_msrs(void **state)
{
    static struct processor processor;
    static struct raw raw, vmx;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_full_svm(&processor.knows);
    raw_full_vmx(&vmx);
    for (unsigned i = 0; i < vmx.msr_count; i++) {
        raw_set_msr(&processor.knows, vmx.msr[i].index, vmx.msr[i].value);
    }
    collect(&processor, &raw);
    assert_false(any_vmx_msr_was_asked(&processor));
    assert_true(was_asked(&processor, 0xc0010114));
}

/* Bochs 2.7's AMD models: reading VM_CR raises #GP. */
static void a_vm_cr_that_faults_is_remembered_as_asked(void **state)
{
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_full_svm(&processor.knows);
    processor.knows.msr_count = 0;
    collect(&processor, &raw);
    assert_non_null(raw_msr_find(&raw, 0xc0010114));
    assert_false(raw_msr_find(&raw, 0xc0010114)->present);
}

/* A processor without leaf 0x80000001 in range answers there with other data: Intel models do. */
static void the_maximum_leaf_is_never_passed(void **state)
{
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_full_svm(&processor.knows);
    raw_set_cpuid(&processor.knows, 0x80000000, 0, 0x80000000, 0, 0, 0);
    collect(&processor, &raw);      /* answer_cpuid fails the test if it is passed */
    assert_null(raw_cpuid_find(&raw, 0x80000001, 0));
    assert_int_equal(raw_cpuid_word(&raw, 0x80000001, 0, RAW_ECX), 0);
    assert_false(was_asked(&processor, 0xc0010114));

    /* No extended range at all: EAX of its first leaf is anything. */
    raw_set_cpuid(&processor.knows, 0x80000000, 0, 0x00000007, 1, 2, 3);
    collect(&processor, &raw);
    assert_null(raw_cpuid_find(&raw, 0x80000000, 0));
    assert_null(raw_cpuid_find(&raw, 0x80000001, 0));
}

static void the_hypervisor_range_only_under_its_flag(void **state)
{
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_qemu_epyc(&processor.knows);
    collect(&processor, &raw);
    assert_non_null(raw_cpuid_find(&raw, 0x40000000, 0));
    assert_non_null(raw_cpuid_find(&raw, 0x40000001, 0));
    assert_null(raw_cpuid_find(&raw, 0x40000002, 0));

    /* Old KVM says 0 and still has a signature. */
    raw_set_cpuid(&processor.knows, 0x40000000, 0, 0, 0x4b4d564b, 0x564b4d56, 0x4d);
    collect(&processor, &raw);
    assert_non_null(raw_cpuid_find(&raw, 0x40000000, 0));
    assert_null(raw_cpuid_find(&raw, 0x40000001, 0));

    raw_set_cpuid(&processor.knows, 1, 0, 0x00800f12, 0, 0x00000000, 0x178bfbff);
    collect(&processor, &raw);
    assert_null(raw_cpuid_find(&raw, 0x40000000, 0));
}

static void subleaves(void **state)
{
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_set_cpuid(&processor.knows, 0, 0, 0x20, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 0x80000000, 0, 0x80000026, 0, 0, 0);
    /* Leaf 4: three caches, then type 0. */
    raw_set_cpuid(&processor.knows, 4, 0, 0x121, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 4, 1, 0x122, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 4, 2, 0x143, 0, 0, 0);
    /* Leaf 7: EAX is the highest subleaf. */
    raw_set_cpuid(&processor.knows, 7, 0, 2, 0, 0, 0);
    /* Leaf 0xb: two domains, then type 0. */
    raw_set_cpuid(&processor.knows, 0xb, 0, 1, 2, 0x100, 0);
    raw_set_cpuid(&processor.knows, 0xb, 1, 4, 8, 0x201, 0);
    /* Leaf 0xd: x87, SSE, AVX (bit 2) and PKRU (bit 9); CET_U (bit 11) in IA32_XSS. */
    raw_set_cpuid(&processor.knows, 0xd, 0, 0x207, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 0xd, 1, 0xf, 0, 0x800, 0);
    /* Leaf 0x12: one enclave section. */
    raw_set_cpuid(&processor.knows, 0x12, 2, 1, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 0x8000001d, 0, 0x121, 0, 0, 0);
    collect(&processor, &raw);
    assert_non_null(raw_cpuid_find(&raw, 4, 3));
    assert_null(raw_cpuid_find(&raw, 4, 4));
    assert_non_null(raw_cpuid_find(&raw, 7, 2));
    assert_null(raw_cpuid_find(&raw, 7, 3));
    assert_non_null(raw_cpuid_find(&raw, 0xb, 2));
    assert_null(raw_cpuid_find(&raw, 0xb, 3));
    assert_non_null(raw_cpuid_find(&raw, 0xd, 0));
    assert_non_null(raw_cpuid_find(&raw, 0xd, 1));
    assert_non_null(raw_cpuid_find(&raw, 0xd, 2));
    assert_null(raw_cpuid_find(&raw, 0xd, 3));
    assert_non_null(raw_cpuid_find(&raw, 0xd, 9));
    assert_non_null(raw_cpuid_find(&raw, 0xd, 11));
    assert_null(raw_cpuid_find(&raw, 0xd, 12));
    assert_non_null(raw_cpuid_find(&raw, 0xf, 1));
    assert_non_null(raw_cpuid_find(&raw, 0x10, 3));
    assert_null(raw_cpuid_find(&raw, 0x10, 4));
    assert_non_null(raw_cpuid_find(&raw, 0x12, 3));
    assert_null(raw_cpuid_find(&raw, 0x12, 4));
    assert_non_null(raw_cpuid_find(&raw, 0x1f, 0));
    assert_non_null(raw_cpuid_find(&raw, 0x8000001d, 1));
    assert_null(raw_cpuid_find(&raw, 0x8000001d, 2));
    assert_non_null(raw_cpuid_find(&raw, 0x8000001e, 0));
    assert_non_null(raw_cpuid_find(&raw, 0x80000026, 0));
    assert_false(raw.truncated);
}

/* Whatever a processor answers, collecting ends and stays inside struct raw. */
static void collecting_is_bounded(void **state)
{
    static struct processor processor;
    static struct raw raw;

    (void)state;
    memset(&processor, 0, sizeof(processor));
    raw_set_cpuid(&processor.knows, 0, 0, 0xffff, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 0x40000000, 0, 0x4000ffff, 0, 0, 0);
    raw_set_cpuid(&processor.knows, 0x80000000, 0, 0x8000ffff, 0, 0, 0);
    processor.endless_subleaves = true;
    processor.zero_for_unknown_msr = true;
    collect(&processor, &raw);
    assert_true(raw.truncated);
    assert_int_equal(raw.cpuid_count, RAW_CPUID_MAX);
    assert_true(processor.asked_leaves < 4 * RAW_CPUID_MAX);
    assert_true(raw.msr_count <= RAW_MSR_MAX);

    /* A maximum that cannot be one. */
    memset(&processor, 0, sizeof(processor));
    raw_set_cpuid(&processor.knows, 0, 0, 0xffffffff, 0, 0, 0);
    collect(&processor, &raw);
    assert_int_equal(raw.cpuid_count, 1);
    assert_int_equal(raw.msr_count, 0);
}

static void lines_are_read_back(void **state)
{
    struct raw raw, again;
    struct collected output = { 0 };
    struct report_sink sink = { collected_put, &output };
    char *line;

    (void)state;
    raw_full_vmx(&raw);
    raw_set_cpuid(&raw, 7, 1, 0xffffffff, 1, 0x80000000, 0);
    assert_true(raw_add_msr(&raw, 0xc0010114, false, 0));
    report_write_raw(&raw, &sink);

    raw_clear(&again);
    for (line = strtok(output.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_int_equal(raw_parse_line(&again, line), strcmp(line, "CPU 0:") != 0);
    }
    assert_memory_equal(&raw, &again, sizeof(raw));
    collected_free(&output);

    raw_clear(&again);
    assert_true(raw_parse_line(&again, "   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 "
                                       "ecx=0x6c65746e edx=0x49656e69\r\n"));
    assert_int_equal(again.cpuid[0].word[RAW_EDX], 0x49656e69);
    assert_true(raw_parse_line(&again, "MSR 0x482 = 0xf7b9fffe0401e172"));
    assert_true(again.msr[0].value == UINT64_C(0xf7b9fffe0401e172));
}

static void other_lines_are_not_read(void **state)
{
    static const char *const lines[] = {
        "", "CPU:", "CPU 0:", "0x1", "0x00000000 0x00:", "   0x00000000 0x00: eax=0x1",
        "   0x00000000 0x00: eax=0x00000001 ebx=0x2 ecx=0x3 edx=0x4 more",
        "   0x000000001 0x00: eax=0x00000001 ebx=0x2 ecx=0x3 edx=0x4",
        "   0x00000000 0x00: ebx=0x00000001 eax=0x2 ecx=0x3 edx=0x4",
        "   0x00000000 0x00: eax=0x123456789 ebx=0x2 ecx=0x3 edx=0x4",
        "   0x00000000 0x00: eax=0x ebx=0x2 ecx=0x3 edx=0x4",
        "MSR 0x482", "MSR 0x482 = ", "MSR = 0x1", "MSR 0x482 = 0x10000000000000000",
        "MSR 0x482 = #UD", "MSR 0x482 = 0x1 0x2",
    };
    struct raw raw;

    (void)state;
    raw_clear(&raw);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (raw_parse_line(&raw, lines[i])) {
            fail_msg("\"%s\" was taken for a raw line", lines[i]);
        }
    }
    assert_int_equal(raw.cpuid_count, 0);
    assert_int_equal(raw.msr_count, 0);
}

static void what_always_differs_is_no_difference(void **state)
{
    struct raw_difference found[8];
    struct raw a, b;

    (void)state;
    raw_full_vmx(&a);
    b = a;
    assert_int_equal(raw_differences(&a, &b, found, 8), 0);
    raw_set_cpuid(&b, 1, 0, 0x000806c1, 0x03000000, 1u << 5 | 1u << 21 | 1u << 27,
                  1u << 5 | 1u << 6);
    raw_set_msr(&a, 0x1b, 0xfee00900);
    raw_set_msr(&b, 0x1b, 0xfee00800);
    raw_set_msr(&a, 0xc0000080, 0xd01);
    raw_set_msr(&b, 0xc0000080, 0);
    raw_set_cpuid(&a, 0xb, 0, 1, 2, 0x100, 0);
    raw_set_cpuid(&b, 0xb, 0, 1, 2, 0x100, 3);
    assert_int_equal(raw_differences(&a, &b, found, 8), 0);
}

static void differences_between_cpus(void **state)
{
    struct raw_difference found[8];
    struct raw a, b;

    (void)state;
    raw_full_vmx(&a);
    raw_set_msr(&a, 0x1b, 0xfee00900);
    b = a;
    raw_set_cpuid(&b, 1, 0, 0x000806c2, 0x03000000, 1u << 5 | 1u << 21, 1u << 5 | 1u << 6);
    raw_set_msr(&b, 0x482, UINT64_C(0xf7ffffff0401e172));
    raw_set_msr(&b, 0x1b, 0xfee00c00);
    raw_set_cpuid(&b, 0x80000026, 0, 1, 0, 0, 7);
    assert_true(raw_add_msr(&b, 0xc0010114, true, 8));
    assert_int_equal(raw_differences(&a, &b, found, 8), 5);
    assert_false(found[0].is_msr);
    assert_int_equal(found[0].leaf, 1);
    assert_int_equal(found[0].reg, RAW_EAX);
    assert_int_equal(found[0].a, 0x000806c1);
    assert_int_equal(found[0].b, 0x000806c2);
    assert_true(found[1].is_msr);
    assert_int_equal(found[1].leaf, 0x482);
    assert_true(found[1].present_a && found[1].present_b);
    assert_int_equal(found[2].leaf, 0x1b);
    assert_false(found[3].is_msr);
    assert_int_equal(found[3].leaf, 0x80000026);
    assert_false(found[3].present_a);
    assert_true(found[3].present_b);
    assert_int_equal(found[3].b, 1);
    assert_true(found[4].is_msr);
    assert_int_equal(found[4].leaf, 0xc0010114);
    assert_false(found[4].present_a);
    assert_true(found[4].present_b);

    /* The other way round, and in too little room. */
    memset(found, 0, sizeof(found));
    assert_int_equal(raw_differences(&b, &a, found, 2), 5);
    assert_int_equal(found[0].a, 0x000806c2);
    assert_int_equal(found[0].b, 0x000806c1);
    assert_int_equal(found[2].leaf, 0);
    assert_int_equal(raw_differences(&b, &a, NULL, 0), 5);

    /* A register that exists on one CPU only. */
    raw_full_svm(&a);
    b = a;
    b.msr[0].present = false;
    assert_int_equal(raw_differences(&a, &b, found, 8), 1);
    assert_true(found[0].present_a);
    assert_false(found[0].present_b);
}

static void names_of_msrs(void **state)
{
    (void)state;
    assert_string_equal(raw_msr_name(0x482), "IA32_VMX_PROCBASED_CTLS");
    assert_string_equal(raw_msr_name(0x48e), "IA32_VMX_TRUE_PROCBASED_CTLS");
    assert_string_equal(raw_msr_name(0x3a), "IA32_FEATURE_CONTROL");
    assert_string_equal(raw_msr_name(0x493), "IA32_VMX_EXIT_CTLS2");
    assert_string_equal(raw_msr_name(0xc0010114), "VM_CR");
    assert_null(raw_msr_name(0x10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_a_full_vmx_processor),
        cmocka_unit_test(gates),
        cmocka_unit_test(without_vmx_no_vmx_msr_is_read),
        cmocka_unit_test(an_svm_processor_with_vmx_msrs),
        cmocka_unit_test(a_vm_cr_that_faults_is_remembered_as_asked),
        cmocka_unit_test(the_maximum_leaf_is_never_passed),
        cmocka_unit_test(the_hypervisor_range_only_under_its_flag),
        cmocka_unit_test(subleaves),
        cmocka_unit_test(collecting_is_bounded),
        cmocka_unit_test(lines_are_read_back),
        cmocka_unit_test(other_lines_are_not_read),
        cmocka_unit_test(what_always_differs_is_no_difference),
        cmocka_unit_test(differences_between_cpus),
        cmocka_unit_test(names_of_msrs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
