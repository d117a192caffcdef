/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability table against the second table of expected_bits.h: each bit alone must make the
 * capability of that name appear, and only that one.  Then locks, numbers, names, marks, masks,
 * several CPUs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "expected_bits.h"
#include "probe_support.h"

/* Fills raw with the one bit; the low halves of control words must not count. */
static void set_only(struct raw *raw, const struct expected_register *expected, unsigned bit)
{
    raw_clear(raw);
    if (expected->reg == ALLOWED_1) {
        raw_set_msr(raw, expected->leaf_or_msr, UINT64_C(1) << (bit + 32));
    } else if (expected->reg == WHOLE_MSR) {
        raw_set_msr(raw, expected->leaf_or_msr, UINT64_C(1) << bit);
    } else {
        raw_set_bit(raw, expected->leaf_or_msr, expected->subleaf,
                    (enum raw_register)expected->reg, bit);
    }
}

/* The names that are present, without the derived ones. */
static unsigned present(const struct capabilities *capabilities, const char **name)
{
    unsigned count = 0;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (capabilities->state[id] != CAPABILITY_ABSENT
            && capability_row((enum capability_id)id)->kind != CAPABILITY_KIND_DERIVED) {
            *name = capability_row((enum capability_id)id)->name;
            count++;
        }
    }
    return count;
}

static const char *expected_name(const struct expected_register *expected, unsigned bit)
{
    for (size_t i = 0; i < expected->count; i++) {
        if (expected->rows[i].bit == bit) {
            return expected->rows[i].name;
        }
    }
    return NULL;
}

static void each_bit_alone_shows_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < REGISTERS; i++) {
        const struct expected_register *expected = &registers[i];

        for (unsigned bit = 0; bit < (expected->reg == WHOLE_MSR ? 64u : 32u); bit++) {
            const char *wanted = expected_name(expected, bit), *name = "";
            struct capabilities capabilities;
            struct raw raw;
            unsigned count;

            set_only(&raw, expected, bit);
            capabilities_derive(&raw, &capabilities);
            count = present(&capabilities, &name);
            if (count != (wanted != NULL ? 1u : 0u)
                || (wanted != NULL && strcmp(name, wanted) != 0)) {
                fail_msg("0x%x bit %u: %u capabilities, the last is \"%s\" (expected \"%s\")",
                         (unsigned)expected->leaf_or_msr, bit, count, name,
                         wanted != NULL ? wanted : "none");
            }
        }
    }
}

static void the_two_tables_have_the_same_size(void **state)
{
    size_t expected = 0, derived = 0;

    (void)state;
    for (size_t i = 0; i < REGISTERS; i++) {
        expected += registers[i].count;
    }
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        derived += capability_row((enum capability_id)id)->kind == CAPABILITY_KIND_DERIVED;
    }
    assert_int_equal(derived, 2);
    assert_int_equal(CAPABILITY_COUNT - 1, expected + derived);
}

static void must_be_1_halves_do_not_make_capabilities(void **state)
{
    static const uint32_t words[] = { 0x481, 0x482, 0x483, 0x484, 0x48b };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct capabilities capabilities;
        const char *name = "";
        struct raw raw;

        raw_clear(&raw);
        raw_set_msr(&raw, words[i], UINT32_MAX);
        capabilities_derive(&raw, &capabilities);
        assert_int_equal(present(&capabilities, &name), 0);
    }
}

static void true_msrs_count_where_they_were_read(void **state)
{
    struct capabilities capabilities;
    char source[120];
    struct raw raw;

    (void)state;
    raw_clear(&raw);
    raw_set_msr(&raw, 0x482, UINT64_C(0x0000000401e172) | UINT64_C(1) << 59);
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].msr, 0x482);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].must_be_1, 0x0401e172);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].may_be_1, 1 << 27);
    capability_format_source(&capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG, source,
                             sizeof(source));
    assert_string_equal(source, "IA32_VMX_PROCBASED_CTLS (0x482) bit 59");

    raw_set_msr(&raw, 0x48e, UINT64_C(0x0800000004006172));
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].msr, 0x48e);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].must_be_1, 0x04006172);
    capability_format_source(&capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG, source,
                             sizeof(source));
    assert_string_equal(source, "IA32_VMX_TRUE_PROCBASED_CTLS (0x48e) bit 59");

    /* The tertiary and secondary exit words have 64 allowed-1 bits and no other half. */
    raw_set_msr(&raw, 0x492, UINT64_C(0x10));
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED3].must_be_1, 0);
    assert_true(capability_has(&capabilities, CAPABILITY_VMX_IPI_VIRTUALIZATION));
    capability_format_source(&capabilities, CAPABILITY_VMX_IPI_VIRTUALIZATION, source,
                             sizeof(source));
    assert_string_equal(source, "IA32_VMX_PROCBASED_CTLS3 (0x492) bit 4");
}

/* O13: the nested host on which a hypervisor without a probe died with "error 7". */
static void the_nested_host_of_the_origin_report(void **state)
{
    struct capabilities capabilities;
    struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    raw_set_msr(&raw, 0x482, UINT64_C(0xf7b9fffe0401e172));
    raw_set_msr(&raw, 0x48e, UINT64_C(0xf7b9fffe04006172));
    capabilities_derive(&raw, &capabilities);
    assert_true(capability_has(&capabilities, CAPABILITY_VMX_SECONDARY_CONTROLS));
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG));
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_NMI_WINDOW_EXITING));
    assert_true(capability_has(&capabilities, CAPABILITY_VMX_MSR_BITMAPS));
    assert_true(capability_has(&capabilities, CAPABILITY_VMX_TPR_SHADOW));
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_TERTIARY_CONTROLS));
}

static void firmware_locks(void **state)
{
    static const struct {
        uint64_t value;
        enum firmware_lock lock;
        bool usable;
    } vmx[] = {
        { 0x0, FIRMWARE_LOCK_OPEN, true },
        { 0x4, FIRMWARE_LOCK_OPEN, true },
        { 0x1, FIRMWARE_LOCK_OFF, false },
        { 0x3, FIRMWARE_LOCK_OFF, false },      /* inside SMX only */
        { 0x5, FIRMWARE_LOCK_ON, true },
        { 0x7, FIRMWARE_LOCK_ON, true },
    }, svm[] = {
        { 0x00, FIRMWARE_LOCK_OPEN, true },
        { 0x08, FIRMWARE_LOCK_ON, true },
        { 0x10, FIRMWARE_LOCK_DISABLED, false },
        { 0x18, FIRMWARE_LOCK_OFF, false },
    };
    struct capabilities capabilities;
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < sizeof(vmx) / sizeof(vmx[0]); i++) {
        raw_full_vmx(&raw);
        raw_set_msr(&raw, 0x3a, vmx[i].value);
        capabilities_derive(&raw, &capabilities);
        assert_int_equal(capabilities.vmx_lock, vmx[i].lock);
        assert_int_equal(capability_has(&capabilities, CAPABILITY_VMX_USABLE), vmx[i].usable);
        assert_false(capability_has(&capabilities, CAPABILITY_SVM_USABLE));
    }
    for (size_t i = 0; i < sizeof(svm) / sizeof(svm[0]); i++) {
        raw_full_svm(&raw);
        raw_set_msr(&raw, 0xc0010114, svm[i].value);
        capabilities_derive(&raw, &capabilities);
        assert_int_equal(capabilities.svm_lock, svm[i].lock);
        assert_int_equal(capability_has(&capabilities, CAPABILITY_SVM_USABLE), svm[i].usable);
        assert_false(capability_has(&capabilities, CAPABILITY_VMX_USABLE));
    }
}

/* Bochs 2.7: reading VM_CR raises #GP on processors whose SVM works. */
static void an_absent_vm_cr_is_not_a_disabled_svm(void **state)
{
    struct capabilities capabilities;
    struct raw raw;

    (void)state;
    raw_full_svm(&raw);
    raw.msr_count = 0;
    assert_true(raw_add_msr(&raw, 0xc0010114, false, 0));
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.svm_lock, FIRMWARE_LOCK_UNKNOWN);
    assert_true(capability_has(&capabilities, CAPABILITY_SVM_USABLE));
}

static void numbers_and_names(void **state)
{
    struct capabilities capabilities;
    struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &capabilities);
    assert_string_equal(capabilities.vendor, "GenuineIntel");
    assert_string_equal(capabilities.hypervisor, "");
    assert_int_equal(capabilities.physical_address_bits, 39);
    assert_int_equal(capabilities.linear_address_bits, 48);
    assert_int_equal(capabilities.vmx_revision, 4);
    assert_int_equal(capabilities.vmx_region_size, 0x400);
    assert_int_equal(capabilities.vmx_preemption_timer_shift, 5);
    assert_int_equal(capabilities.vmx_cr0_fixed0, 0x80000021);
    assert_int_equal(capabilities.vmx_cr0_fixed1, 0xffffffff);
    assert_int_equal(capabilities.vmx_cr4_fixed0, 0x2000);
    assert_int_equal(capabilities.vmx_cr4_fixed1, 0x3727ff);
    assert_int_equal(capabilities.svm_asid_count, 0);

    raw_qemu_epyc(&raw);
    capabilities_derive(&raw, &capabilities);
    assert_string_equal(capabilities.vendor, "AuthenticAMD");
    assert_string_equal(capabilities.hypervisor, "TCGTCGTCGTCG");
    assert_int_equal(capabilities.physical_address_bits, 40);
    assert_int_equal(capabilities.svm_asid_count, 16);
    assert_int_equal(capabilities.svm_revision, 1);
    assert_true(capability_has(&capabilities, CAPABILITY_SVM_NP));
    assert_false(capability_has(&capabilities, CAPABILITY_SVM_NRIPS));
    assert_false(capability_has(&capabilities, CAPABILITY_X2APIC));

    /* A signature that is not text cannot spoil the report. */
    raw_set_cpuid(&raw, 0x40000000, 0, 0x40000001, 0x0a0d2201, 0x5c225c22, 0xff80ff80);
    capabilities_derive(&raw, &capabilities);
    assert_string_equal(capabilities.hypervisor, "?\"\?\?\"\\\"\\\?\?\?\?");

    /* Without leaf 0x80000008, and without a hypervisor flag before a leaf 0x40000000. */
    raw_clear(&raw);
    raw_set_cpuid(&raw, 0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447);
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.physical_address_bits, 32);
    assert_int_equal(capabilities.linear_address_bits, 32);
    assert_string_equal(capabilities.hypervisor, "");
    raw_set_bit(&raw, 1, 0, RAW_EDX, 6);
    raw_set_bit(&raw, 0x80000001, 0, RAW_EDX, 29);
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.physical_address_bits, 36);
    assert_int_equal(capabilities.linear_address_bits, 48);
}

static void every_name_finds_its_capability(void **state)
{
    (void)state;
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row((enum capability_id)id);

        assert_int_equal(capability_find(row->id, strlen(row->id)), id);
        assert_int_equal(capability_find(row->name, strlen(row->name)), id);
    }
    assert_int_equal(capability_find("monitor-trap-flag", 17), CAPABILITY_VMX_MONITOR_TRAP_FLAG);
    assert_int_equal(capability_find("vmx_monitor_trap_flag", 21),
                     CAPABILITY_VMX_MONITOR_TRAP_FLAG);
    assert_int_equal(capability_find("nrips", 5), CAPABILITY_SVM_NRIPS);
    assert_int_equal(capability_find("nrips,np", 5), CAPABILITY_SVM_NRIPS);
    assert_int_equal(capability_find("nrip", 4), CAPABILITY_NONE);
    assert_int_equal(capability_find("", 0), CAPABILITY_NONE);
    assert_int_equal(capability_find("--", 2), CAPABILITY_NONE);
    assert_int_equal(capability_find("none", 4), CAPABILITY_NONE);
}

static void marks(void **state)
{
    struct capabilities capabilities;
    const enum capability_id mtf = CAPABILITY_VMX_MONITOR_TRAP_FLAG;

    (void)state;
    memset(&capabilities, 0, sizeof(capabilities));
    capability_mark_verified(&capabilities, mtf);
    capability_mark_broken(&capabilities, mtf);
    capability_mark_forced(&capabilities, mtf);
    assert_int_equal(capabilities.state[mtf], CAPABILITY_ABSENT);
    assert_false(capability_has(&capabilities, mtf));

    capabilities.state[mtf] = CAPABILITY_ADVERTISED;
    assert_true(capability_has(&capabilities, mtf));
    capability_mark_forced(&capabilities, mtf);
    assert_int_equal(capabilities.state[mtf], CAPABILITY_ADVERTISED);
    capability_mark_verified(&capabilities, mtf);
    assert_int_equal(capabilities.state[mtf], CAPABILITY_VERIFIED);
    assert_true(capability_has(&capabilities, mtf));
    capability_mark_broken(&capabilities, mtf);
    assert_int_equal(capabilities.state[mtf], CAPABILITY_BROKEN);
    assert_false(capability_has(&capabilities, mtf));
    capability_mark_verified(&capabilities, mtf);
    assert_int_equal(capabilities.state[mtf], CAPABILITY_BROKEN);
    capability_mark_forced(&capabilities, mtf);
    assert_int_equal(capabilities.state[mtf], CAPABILITY_FORCED);
    assert_true(capability_has(&capabilities, mtf));
    for (unsigned i = CAPABILITY_ABSENT; i <= CAPABILITY_MASKED; i++) {
        assert_true(strlen(capability_state_name((enum capability_state)i)) > 5);
    }
}

static unsigned count_in_state(const struct capabilities *capabilities,
                               enum capability_group group, enum capability_state state)
{
    unsigned count = 0;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        count += capability_row((enum capability_id)id)->group == group
                 && capabilities->state[id] == state;
    }
    return count;
}

static void masking(void **state)
{
    struct capabilities capabilities;
    struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &capabilities);
    capability_mask(&capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG);
    assert_int_equal(capabilities.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG], CAPABILITY_MASKED);
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_MONITOR_TRAP_FLAG));
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].may_be_1 >> 27 & 1, 0);
    assert_int_equal(count_in_state(&capabilities, CAPABILITY_GROUP_VMX, CAPABILITY_MASKED), 1);

    /* A word that cannot be activated does not exist. */
    capability_mask(&capabilities, CAPABILITY_VMX_SECONDARY_CONTROLS);
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_EPT));
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED2].may_be_1 & 0xffffff, 0);
    assert_true(capability_has(&capabilities, CAPABILITY_VMX_MSR_BITMAPS));

    /* What the EPT bits are about falls with EPT, and EPT fell with its word. */
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_EPT_WALK_4));
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_INVVPID));
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_EPTP_SWITCHING));
    assert_true(capability_has(&capabilities, CAPABILITY_VMX_ACTIVITY_WAIT_FOR_SIPI));

    /* Without VMX nothing of VMX. */
    capability_mask(&capabilities, CAPABILITY_VMX);
    assert_int_equal(count_in_state(&capabilities, CAPABILITY_GROUP_VMX, CAPABILITY_ADVERTISED),
                     0);
    assert_false(capability_has(&capabilities, CAPABILITY_VMX_USABLE));
    assert_true(capability_has(&capabilities, CAPABILITY_X2APIC));

    raw_full_svm(&raw);
    capabilities_derive(&raw, &capabilities);
    capability_mask(&capabilities, CAPABILITY_VMX);
    assert_int_equal(capabilities.state[CAPABILITY_VMX], CAPABILITY_ABSENT);
    assert_true(capability_has(&capabilities, CAPABILITY_SVM_USABLE));
    capability_mask(&capabilities, CAPABILITY_SVM);
    assert_int_equal(count_in_state(&capabilities, CAPABILITY_GROUP_SVM, CAPABILITY_ADVERTISED),
                     0);
    assert_false(capability_has(&capabilities, CAPABILITY_SVM_USABLE));
    assert_int_equal(count_in_state(&capabilities, CAPABILITY_GROUP_COMMON, CAPABILITY_MASKED),
                     1);
}

static void masking_the_true_controls(void **state)
{
    struct capabilities capabilities;
    struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &capabilities);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].must_be_1, 0x04006172);
    capability_mask(&capabilities, CAPABILITY_VMX_TRUE_CONTROLS);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].msr, 0x482);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].must_be_1, 0x0401e172);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED].may_be_1, 0xffffffff);
    assert_int_equal(capabilities.vmx[VMX_WORD_EXIT].must_be_1, 0x00036dff);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED2].msr, 0x48b);
    assert_int_equal(capabilities.vmx[VMX_WORD_PROCBASED2].must_be_1, 0);
}

static void what_depends_on_what(void **state)
{
    (void)state;
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_EPT), CAPABILITY_VMX_SECONDARY_CONTROLS);
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_IPI_VIRTUALIZATION),
                     CAPABILITY_VMX_TERTIARY_CONTROLS);
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_EXIT_SAVE_FRED),
                     CAPABILITY_VMX_SECONDARY_EXIT_CONTROLS);
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_EPT_1GB), CAPABILITY_VMX_EPT);
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_INVVPID), CAPABILITY_VMX_VPID);
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_EPTP_SWITCHING),
                     CAPABILITY_VMX_VM_FUNCTIONS);
    assert_int_equal(capability_depends_on(CAPABILITY_VMX_MONITOR_TRAP_FLAG), CAPABILITY_NONE);
    assert_int_equal(capability_depends_on(CAPABILITY_SVM_NP), CAPABILITY_NONE);
    assert_int_equal(capability_depends_on(CAPABILITY_X2APIC_ENABLED), CAPABILITY_NONE);
}

static void weakest_of_two(void **state)
{
    struct capabilities a, b, out, swapped;
    struct raw raw;

    (void)state;
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &a);
    capabilities_weakest(&a, &a, &out);
    assert_memory_equal(&a, &out, sizeof(a));

    raw_set_msr(&raw, 0x48e, UINT64_C(0xf7ffffff0401e172));
    raw_set_msr(&raw, 0x480, UINT64_C(0x00da080000000007));
    raw_set_msr(&raw, 0x3a, 1);
    raw_set_msr(&raw, 0x485, UINT64_C(0x00000000000400e3));
    raw_set_msr(&raw, 0x489, UINT64_C(0x00000000001727ff));
    raw_set_msr(&raw, 0x486, UINT64_C(0x00000000a0000021));
    raw_set_cpuid(&raw, 0x80000008, 0, 57u << 8 | 36, 0, 0, 0);
    capabilities_derive(&raw, &b);
    capability_mark_verified(&a, CAPABILITY_VMX_MSR_BITMAPS);
    capability_mark_broken(&b, CAPABILITY_VMX_EPT);
    capabilities_weakest(&a, &b, &out);
    assert_int_equal(out.state[CAPABILITY_VMX_MONITOR_TRAP_FLAG], CAPABILITY_ABSENT);
    assert_int_equal(out.state[CAPABILITY_VMX_ACTIVITY_WAIT_FOR_SIPI], CAPABILITY_ABSENT);
    assert_int_equal(out.state[CAPABILITY_VMX_MSR_BITMAPS], CAPABILITY_ADVERTISED);
    assert_int_equal(out.state[CAPABILITY_VMX_EPT], CAPABILITY_BROKEN);
    assert_int_equal(out.state[CAPABILITY_VMX_USABLE], CAPABILITY_ABSENT);
    assert_int_equal(out.vmx[VMX_WORD_PROCBASED].may_be_1, 0xf7ffffff);
    assert_int_equal(out.vmx[VMX_WORD_PROCBASED].must_be_1, 0x0401e172);
    assert_int_equal(out.vmx_lock, FIRMWARE_LOCK_OFF);
    assert_true(out.vmx_revision_differs);
    assert_int_equal(out.vmx_region_size, 0x800);
    assert_int_equal(out.vmx_cr0_fixed0, 0xa0000021);
    assert_int_equal(out.vmx_cr4_fixed1, 0x1727ff);
    assert_int_equal(out.physical_address_bits, 36);
    assert_int_equal(out.linear_address_bits, 48);

    /* The order of the CPUs decides nothing but whose revision is shown. */
    capabilities_weakest(&b, &a, &swapped);
    swapped.vmx_revision = out.vmx_revision;
    assert_memory_equal(&swapped, &out, sizeof(out));
    capabilities_weakest(&a, &b, &a);
    assert_memory_equal(&a, &out, sizeof(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bit_alone_shows_its_name),
        cmocka_unit_test(the_two_tables_have_the_same_size),
        cmocka_unit_test(must_be_1_halves_do_not_make_capabilities),
        cmocka_unit_test(true_msrs_count_where_they_were_read),
        cmocka_unit_test(the_nested_host_of_the_origin_report),
        cmocka_unit_test(firmware_locks),
        cmocka_unit_test(an_absent_vm_cr_is_not_a_disabled_svm),
        cmocka_unit_test(numbers_and_names),
        cmocka_unit_test(every_name_finds_its_capability),
        cmocka_unit_test(marks),
        cmocka_unit_test(masking),
        cmocka_unit_test(masking_the_true_controls),
        cmocka_unit_test(what_depends_on_what),
        cmocka_unit_test(weakest_of_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
