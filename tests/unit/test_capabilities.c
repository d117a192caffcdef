/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability table against a second table, typed from the manuals and not from
 * capabilities.def: each bit alone must make the capability of that name appear, and only that one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

/* A bit and its name in the manual. */
struct expected {
    unsigned bit;
    const char *name;
};

/* SDM Vol 3: Definitions of Pin-Based VM-Execution Controls. */
static const struct expected pin_based[] = {
    { 0, "External-interrupt exiting" },
    { 3, "NMI exiting" },
    { 5, "Virtual NMIs" },
    { 6, "Activate VMX-preemption timer" },
    { 7, "Process posted interrupts" },
};

/* SDM Vol 3: Definitions of Primary Processor-Based VM-Execution Controls. */
static const struct expected primary[] = {
    { 2, "Interrupt-window exiting" },
    { 3, "Use TSC offsetting" },
    { 7, "HLT exiting" },
    { 9, "INVLPG exiting" },
    { 10, "MWAIT exiting" },
    { 11, "RDPMC exiting" },
    { 12, "RDTSC exiting" },
    { 15, "CR3-load exiting" },
    { 16, "CR3-store exiting" },
    { 17, "Activate tertiary controls" },
    { 19, "CR8-load exiting" },
    { 20, "CR8-store exiting" },
    { 21, "Use TPR shadow" },
    { 22, "NMI-window exiting" },
    { 23, "MOV-DR exiting" },
    { 24, "Unconditional I/O exiting" },
    { 25, "Use I/O bitmaps" },
    { 27, "Monitor trap flag" },
    { 28, "Use MSR bitmaps" },
    { 29, "MONITOR exiting" },
    { 30, "PAUSE exiting" },
    { 31, "Activate secondary controls" },
};

/* SDM Vol 3: Definitions of Secondary Processor-Based VM-Execution Controls. */
static const struct expected secondary[] = {
    { 0, "Virtualize APIC accesses" },
    { 1, "Enable EPT" },
    { 2, "Descriptor-table exiting" },
    { 3, "Enable RDTSCP" },
    { 4, "Virtualize x2APIC mode" },
    { 5, "Enable VPID" },
    { 6, "WBINVD exiting" },
    { 7, "Unrestricted guest" },
    { 8, "APIC-register virtualization" },
    { 9, "Virtual-interrupt delivery" },
    { 10, "PAUSE-loop exiting" },
    { 11, "RDRAND exiting" },
    { 12, "Enable INVPCID" },
    { 13, "Enable VM functions" },
    { 14, "VMCS shadowing" },
    { 15, "Enable ENCLS exiting" },
    { 16, "RDSEED exiting" },
    { 17, "Enable PML" },
    { 18, "EPT-violation #VE" },
    { 19, "Conceal VMX from PT" },
    { 20, "Enable XSAVES/XRSTORS" },
    { 21, "PASID translation" },
    { 22, "Mode-based execute control for EPT" },
    { 23, "Sub-page write permissions for EPT" },
    { 24, "Intel PT uses guest physical addresses" },
    { 25, "Use TSC scaling" },
    { 26, "Enable user wait and pause" },
    { 27, "Enable PCONFIG" },
    { 28, "Enable ENCLV exiting" },
    { 30, "VMM bus-lock detection" },
    { 31, "Instruction timeout" },
};

/* SDM Vol 3: Definitions of Tertiary Processor-Based VM-Execution Controls. */
static const struct expected tertiary[] = {
    { 0, "LOADIWKEY exiting" },
    { 1, "Enable HLAT" },
    { 2, "EPT paging-write control" },
    { 3, "Guest-paging verification" },
    { 4, "IPI virtualization" },
    { 5, "SEAM guest-physical address width" },
    { 6, "Enable MSR-list instructions" },
    { 7, "Virtualize IA32_SPEC_CTRL" },
    { 8, "APIC-timer virtualization" },
    { 9, "Enable PBNDKB" },
    { 12, "PEBS uses guest physical addresses" },
};

/* SDM Vol 3: Definitions of Primary VM-Exit Controls. */
static const struct expected exit_controls[] = {
    { 2, "Save debug controls" },
    { 9, "Host address-space size" },
    { 12, "Load IA32_PERF_GLOBAL_CTRL (VM exit)" },
    { 15, "Acknowledge interrupt on exit" },
    { 18, "Save IA32_PAT" },
    { 19, "Load IA32_PAT (VM exit)" },
    { 20, "Save IA32_EFER" },
    { 21, "Load IA32_EFER (VM exit)" },
    { 22, "Save VMX-preemption timer value" },
    { 23, "Clear IA32_BNDCFGS" },
    { 24, "Conceal VMX from PT (VM exit)" },
    { 25, "Clear IA32_RTIT_CTL" },
    { 26, "Clear IA32_LBR_CTL" },
    { 27, "Clear UINV" },
    { 28, "Load CET state (VM exit)" },
    { 29, "Load PKRS (VM exit)" },
    { 30, "Save IA32_PERF_GLOBAL_CTL" },
    { 31, "Activate secondary controls (VM exit)" },
};

/* SDM Vol 3: Definitions of Secondary VM-Exit Controls. */
static const struct expected secondary_exit[] = {
    { 0, "Save FRED" },
    { 1, "Load FRED (VM exit)" },
    { 2, "Load IA32_SPEC_CTRL (VM exit)" },
    { 3, "Prematurely busy shadow stack" },
};

/* SDM Vol 3: Definitions of VM-Entry Controls. */
static const struct expected entry_controls[] = {
    { 2, "Load debug controls" },
    { 9, "IA-32e mode guest" },
    { 10, "Entry to SMM" },
    { 11, "Deactivate dual-monitor treatment" },
    { 13, "Load IA32_PERF_GLOBAL_CTRL (VM entry)" },
    { 14, "Load IA32_PAT (VM entry)" },
    { 15, "Load IA32_EFER (VM entry)" },
    { 16, "Load IA32_BNDCFGS" },
    { 17, "Conceal VMX from PT (VM entry)" },
    { 18, "Load IA32_RTIT_CTL" },
    { 19, "Load UINV" },
    { 20, "Load CET state (VM entry)" },
    { 21, "Load guest IA32_LBR_CTL" },
    { 22, "Load PKRS (VM entry)" },
    { 23, "Load FRED (VM entry)" },
    { 24, "Load IA32_SPEC_CTRL (VM entry)" },
    { 25, "Allow SEAM-guest telemetry" },
};

/* SDM Vol 3: Basic VMX Information. */
static const struct expected basic[] = {
    { 48, "VMX structures below 4 GiB" },
    { 49, "Dual-monitor treatment of SMIs and SMM" },
    { 54, "VM-exit instruction information for INS and OUTS" },
    { 55, "TRUE control MSRs" },
    { 56, "Hardware exceptions with or without error code" },
    { 58, "VM-exit and VM-entry of nested exceptions" },
};

/* SDM Vol 3: Miscellaneous Data. */
static const struct expected misc[] = {
    { 5, "VM exits store IA32_EFER.LMA" },
    { 6, "Activity state HLT" },
    { 7, "Activity state shutdown" },
    { 8, "Activity state wait-for-SIPI" },
    { 14, "Intel PT in VMX operation" },
    { 15, "RDMSR of IA32_SMBASE in SMM" },
    { 28, "VMXOFF can leave SMIs unblocked" },
    { 29, "VMWRITE to VM-exit information fields" },
    { 30, "Injection with instruction length 0" },
};

/* SDM Vol 3: VPID and EPT Capabilities. */
static const struct expected ept_vpid[] = {
    { 0, "EPT execute-only translations" },
    { 6, "EPT page-walk length 4" },
    { 7, "EPT page-walk length 5" },
    { 8, "EPT structures uncacheable" },
    { 14, "EPT structures write-back" },
    { 16, "EPT 2-MByte pages" },
    { 17, "EPT 1-GByte pages" },
    { 20, "INVEPT" },
    { 21, "EPT accessed and dirty flags" },
    { 22, "Advanced VM-exit information for EPT violations" },
    { 23, "EPT supervisor shadow-stack control" },
    { 25, "INVEPT single-context" },
    { 26, "INVEPT all-context" },
    { 32, "INVVPID" },
    { 40, "INVVPID individual-address" },
    { 41, "INVVPID single-context" },
    { 42, "INVVPID all-context" },
    { 43, "INVVPID single-context-retaining-globals" },
};

/* SDM Vol 3: VM Functions; SDM Vol 4: IA32_FEATURE_CONTROL; APM Vol 2: VM_CR MSR. */
static const struct expected vmfunc[] = { { 0, "EPTP switching" } };
static const struct expected feature_control[] = {
    { 0, "IA32_FEATURE_CONTROL lock" },
    { 1, "Enable VMX inside SMX operation" },
    { 2, "Enable VMX outside SMX operation" },
};
static const struct expected vm_cr[] = {
    { 3, "VM_CR.LOCK" },
    { 4, "VM_CR.SVMDIS" },
};
static const struct expected apic_base[] = {
    { 10, "x2APIC mode already on" },
    { 11, "APIC global enable" },
};

/* APM Vol 3: Function 8000_000Ah, EDX. */
static const struct expected svm_edx[] = {
    { 0, "NP" },
    { 1, "LbrVirt" },
    { 2, "SVML" },
    { 3, "NRIPS" },
    { 4, "TscRateMsr" },
    { 5, "VmcbClean" },
    { 6, "FlushByAsid" },
    { 7, "DecodeAssists" },
    { 8, "PmcVirt" },
    { 9, "Ssse3Sse5Dis" },
    { 10, "PauseFilter" },
    { 12, "PauseFilterThreshold" },
    { 13, "AVIC" },
    { 15, "VMSAVEvirt" },
    { 16, "VGIF" },
    { 17, "GMET" },
    { 18, "x2AVIC" },
    { 19, "SSSCheck" },
    { 20, "SpecCtrl" },
    { 21, "ROGPT" },
    { 23, "HOST_MCE_OVERRIDE" },
    { 24, "TlbiCtl" },
    { 25, "VNMI" },
    { 26, "IbsVirt" },
    { 27, "ExtLvtAvicAccessChg" },
    { 28, "NestedVirtVmcbAddrChk" },
    { 29, "BusLockThreshold" },
    { 30, "IdleHltIntercept" },
};
static const struct expected svm_ecx[] = { { 6, "x2AVIC_EXT" } };

/* SDM Vol 2: CPUID; APM Vol 3: Functions 1, 7, 8000_0001, 8000_0007. */
static const struct expected leaf1_ecx[] = {
    { 3, "MONITOR" }, { 5, "VMX" }, { 6, "SMX" }, { 13, "CMPXCHG16B" }, { 17, "PCID" },
    { 21, "x2APIC" }, { 24, "TSC-Deadline" }, { 26, "XSAVE" }, { 31, "hypervisor present" },
};
static const struct expected leaf1_edx[] = {
    { 4, "TSC" }, { 5, "MSR" }, { 6, "PAE" }, { 7, "MCE" }, { 9, "APIC" }, { 12, "MTRR" },
    { 16, "PAT" }, { 24, "FXSR" }, { 26, "SSE2" },
};
static const struct expected leaf6_eax[] = { { 2, "ARAT" } };
static const struct expected leaf7_ebx[] = {
    { 0, "FSGSBASE" }, { 1, "IA32_TSC_ADJUST" }, { 7, "SMEP" }, { 10, "INVPCID" }, { 20, "SMAP" },
};
static const struct expected leaf7_ecx[] = { { 2, "UMIP" }, { 16, "LA57" } };
static const struct expected leafd_eax[] = { { 3, "XSAVES/XRSTORS" } };
static const struct expected extended1_ecx[] = { { 2, "SVM" } };
static const struct expected extended1_edx[] = {
    { 20, "Execute disable / NX" }, { 26, "1-GByte pages" }, { 27, "RDTSCP" },
    { 29, "Intel 64 / long mode" },
};
static const struct expected extended7_edx[] = { { 8, "Invariant TSC" } };

/* One register of the second table. */
struct expected_register {
    uint32_t leaf_or_msr;
    uint32_t subleaf;
    int reg;                    /* enum raw_register, WHOLE_MSR or ALLOWED_1 (of a control word) */
    const struct expected *rows;
    size_t count;
};

#define ROWS(table)  table, sizeof(table) / sizeof(table[0])
#define WHOLE_MSR    (-1)
#define ALLOWED_1    (-2)

static const struct expected_register registers[] = {
    { 0x00000001, 0, RAW_ECX, ROWS(leaf1_ecx) },
    { 0x00000001, 0, RAW_EDX, ROWS(leaf1_edx) },
    { 0x00000006, 0, RAW_EAX, ROWS(leaf6_eax) },
    { 0x00000007, 0, RAW_EBX, ROWS(leaf7_ebx) },
    { 0x00000007, 0, RAW_ECX, ROWS(leaf7_ecx) },
    { 0x0000000d, 1, RAW_EAX, ROWS(leafd_eax) },
    { 0x80000001, 0, RAW_ECX, ROWS(extended1_ecx) },
    { 0x80000001, 0, RAW_EDX, ROWS(extended1_edx) },
    { 0x80000007, 0, RAW_EDX, ROWS(extended7_edx) },
    { 0x8000000a, 0, RAW_EDX, ROWS(svm_edx) },
    { 0x8000000a, 0, RAW_ECX, ROWS(svm_ecx) },
    { 0x0000001b, 0, WHOLE_MSR, ROWS(apic_base) },
    { 0x0000003a, 0, WHOLE_MSR, ROWS(feature_control) },
    { 0x00000480, 0, WHOLE_MSR, ROWS(basic) },
    { 0x00000481, 0, ALLOWED_1, ROWS(pin_based) },
    { 0x00000482, 0, ALLOWED_1, ROWS(primary) },
    { 0x00000483, 0, ALLOWED_1, ROWS(exit_controls) },
    { 0x00000484, 0, ALLOWED_1, ROWS(entry_controls) },
    { 0x00000485, 0, WHOLE_MSR, ROWS(misc) },
    { 0x0000048b, 0, ALLOWED_1, ROWS(secondary) },
    { 0x0000048c, 0, WHOLE_MSR, ROWS(ept_vpid) },
    { 0x00000491, 0, WHOLE_MSR, ROWS(vmfunc) },
    { 0x00000492, 0, WHOLE_MSR, ROWS(tertiary) },
    { 0x00000493, 0, WHOLE_MSR, ROWS(secondary_exit) },
    { 0xc0010114, 0, WHOLE_MSR, ROWS(vm_cr) },
};

#define REGISTERS (sizeof(registers) / sizeof(registers[0]))

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
        cmocka_unit_test(weakest_of_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
