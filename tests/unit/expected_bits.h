/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second table of capability bits, typed from the manuals and not from capabilities.def, so
 * that a wrong number there does not agree with itself.  For test_capabilities.c.
 */
#ifndef SEXTANT_TESTS_EXPECTED_BITS_H
#define SEXTANT_TESTS_EXPECTED_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "probe/raw.h"

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

#endif
