/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual machine control structure: field encodings, control bits, exit reasons, and the
 * instructions that reach them (SDM Vol 3: Field Encoding in VMCS; VMX Basic Exit Reasons; Virtual
 * Machine Control Structures). Which controls a processor allows is not known here: controls are
 * composed by vmx/controls.c alone. */
#ifndef SEXTANT_X86_VMCS_H
#define SEXTANT_X86_VMCS_H

#include <stdbool.h>
#include <stdint.h>

/* 16-bit fields. */
#define VMCS_VPID                       0x0000
#define VMCS_GUEST_ES_SELECTOR          0x0800  /* then CS, SS, DS, FS, GS, LDTR, TR: 2 apart */
#define VMCS_GUEST_INTERRUPT_STATUS     0x0810
#define VMCS_HOST_ES_SELECTOR           0x0c00
#define VMCS_HOST_CS_SELECTOR           0x0c02
#define VMCS_HOST_SS_SELECTOR           0x0c04
#define VMCS_HOST_DS_SELECTOR           0x0c06
#define VMCS_HOST_FS_SELECTOR           0x0c08
#define VMCS_HOST_GS_SELECTOR           0x0c0a
#define VMCS_HOST_TR_SELECTOR           0x0c0c

/* 64-bit fields. */
#define VMCS_IO_BITMAP_A                0x2000
#define VMCS_IO_BITMAP_B                0x2002
#define VMCS_MSR_BITMAPS                0x2004
#define VMCS_EXIT_MSR_STORE_ADDRESS     0x2006
#define VMCS_EXIT_MSR_LOAD_ADDRESS      0x2008
#define VMCS_ENTRY_MSR_LOAD_ADDRESS     0x200a
#define VMCS_TSC_OFFSET                 0x2010
#define VMCS_VIRTUAL_APIC_ADDRESS       0x2012
#define VMCS_APIC_ACCESS_ADDRESS        0x2014
#define VMCS_EPT_POINTER                0x201a
#define VMCS_EOI_EXIT_BITMAP0           0x201c  /* four of them, 2 apart */
#define VMCS_XSS_EXITING_BITMAP         0x202c
#define VMCS_GUEST_PHYSICAL_ADDRESS     0x2400
#define VMCS_LINK_POINTER               0x2800
#define VMCS_GUEST_DEBUGCTL             0x2802
#define VMCS_GUEST_PAT                  0x2804
#define VMCS_GUEST_EFER                 0x2806
#define VMCS_GUEST_PDPTE0               0x280a  /* four of them, 2 apart */
#define VMCS_HOST_PAT                   0x2c00
#define VMCS_HOST_EFER                  0x2c02

/* 32-bit fields. */
#define VMCS_PINBASED_CONTROLS          0x4000
#define VMCS_PROCBASED_CONTROLS         0x4002
#define VMCS_EXCEPTION_BITMAP           0x4004
#define VMCS_PAGE_FAULT_ERROR_MASK      0x4006
#define VMCS_PAGE_FAULT_ERROR_MATCH     0x4008
#define VMCS_CR3_TARGET_COUNT           0x400a
#define VMCS_EXIT_CONTROLS              0x400c
#define VMCS_EXIT_MSR_STORE_COUNT       0x400e
#define VMCS_EXIT_MSR_LOAD_COUNT        0x4010
#define VMCS_ENTRY_CONTROLS             0x4012
#define VMCS_ENTRY_MSR_LOAD_COUNT       0x4014
#define VMCS_ENTRY_INTERRUPTION         0x4016
#define VMCS_ENTRY_EXCEPTION_ERROR      0x4018
#define VMCS_ENTRY_INSTRUCTION_LENGTH   0x401a
#define VMCS_TPR_THRESHOLD              0x401c
#define VMCS_PROCBASED2_CONTROLS        0x401e
#define VMCS_INSTRUCTION_ERROR          0x4400
#define VMCS_EXIT_REASON                0x4402
#define VMCS_EXIT_INTERRUPTION          0x4404
#define VMCS_EXIT_INTERRUPTION_ERROR    0x4406
#define VMCS_IDT_VECTORING              0x4408
#define VMCS_IDT_VECTORING_ERROR        0x440a
#define VMCS_EXIT_INSTRUCTION_LENGTH    0x440c
#define VMCS_EXIT_INSTRUCTION_INFORMATION 0x440e
#define VMCS_GUEST_ES_LIMIT             0x4800  /* then as the selectors, GDTR and IDTR last */
#define VMCS_GUEST_GDTR_LIMIT           0x4810
#define VMCS_GUEST_IDTR_LIMIT           0x4812
#define VMCS_GUEST_ES_ACCESS_RIGHTS     0x4814
#define VMCS_GUEST_INTERRUPTIBILITY     0x4824
#define VMCS_GUEST_ACTIVITY             0x4826
#define VMCS_GUEST_SYSENTER_CS          0x482a
#define VMCS_PREEMPTION_TIMER           0x482e
#define VMCS_HOST_SYSENTER_CS           0x4c00

/* Natural-width fields. */
#define VMCS_CR0_MASK                   0x6000
#define VMCS_CR4_MASK                   0x6002
#define VMCS_CR0_SHADOW                 0x6004
#define VMCS_CR4_SHADOW                 0x6006
#define VMCS_EXIT_QUALIFICATION         0x6400
#define VMCS_GUEST_LINEAR_ADDRESS       0x640a
#define VMCS_GUEST_CR0                  0x6800
#define VMCS_GUEST_CR3                  0x6802
#define VMCS_GUEST_CR4                  0x6804
#define VMCS_GUEST_ES_BASE              0x6806
#define VMCS_GUEST_GDTR_BASE            0x6816
#define VMCS_GUEST_IDTR_BASE            0x6818
#define VMCS_GUEST_DR7                  0x681a
#define VMCS_GUEST_RSP                  0x681c
#define VMCS_GUEST_RIP                  0x681e
#define VMCS_GUEST_RFLAGS               0x6820
#define VMCS_GUEST_PENDING_DEBUG        0x6822
#define VMCS_GUEST_SYSENTER_ESP         0x6824
#define VMCS_GUEST_SYSENTER_EIP         0x6826
#define VMCS_HOST_CR0                   0x6c00
#define VMCS_HOST_CR3                   0x6c02
#define VMCS_HOST_CR4                   0x6c04
#define VMCS_HOST_FS_BASE               0x6c06
#define VMCS_HOST_GS_BASE               0x6c08
#define VMCS_HOST_TR_BASE               0x6c0a
#define VMCS_HOST_GDTR_BASE             0x6c0c
#define VMCS_HOST_IDTR_BASE             0x6c0e
#define VMCS_HOST_SYSENTER_ESP          0x6c10
#define VMCS_HOST_SYSENTER_EIP          0x6c12
#define VMCS_HOST_RSP                   0x6c14
#define VMCS_HOST_RIP                   0x6c16

/* Access rights of a segment in the VMCS: the descriptor's, with a gap, and one bit of its own. */
#define VMCS_SEGMENT_LOW                0x000ffu
#define VMCS_SEGMENT_HIGH               0x0f000u
#define VMCS_SEGMENT_LONG_CODE          0x02000u
#define VMCS_SEGMENT_DEFAULT            0x04000u
#define VMCS_SEGMENT_UNUSABLE           0x10000u

/* Guest interrupt status: the highest vector requested (RVI), and above it the one in service (SVI). */
#define INTERRUPT_STATUS_RVI            0x00ffu
#define INTERRUPT_STATUS_SVI_SHIFT      8

/* Interruptibility state. */
#define INTERRUPTIBILITY_STI            (1u << 0)
#define INTERRUPTIBILITY_MOV_SS         (1u << 1)
#define INTERRUPTIBILITY_SMI            (1u << 2)
#define INTERRUPTIBILITY_NMI            (1u << 3)

#define ACTIVITY_ACTIVE                 0
#define ACTIVITY_HLT                    1
#define ACTIVITY_SHUTDOWN               2
#define ACTIVITY_WAIT_FOR_SIPI          3

/* Pending debug exceptions: B3:B0 as in DR6. */
#define PENDING_DEBUG_ENABLED           (1u << 12)
#define PENDING_DEBUG_BS                (1u << 14)

/* Interruption information: at VM entry, at VM exit, and of a delivery that an exit cut short. */
#define INTERRUPTION_VECTOR             0xffu
#define INTERRUPTION_TYPE_SHIFT         8
#define INTERRUPTION_TYPE               7u
#define INTERRUPTION_ERROR_VALID        (1u << 11)
#define INTERRUPTION_NMI_UNBLOCKED      (1u << 12)  /* at VM exit: by an IRET that then faulted */
#define INTERRUPTION_VALID              (1u << 31)

#define EXIT_REASON_ENTRY_FAILURE       (1u << 31)
#define EXIT_REASON_BASIC               0xffffu

/* Exit qualification: control-register accesses. */
#define QUALIFICATION_CR_NUMBER         UINT64_C(0xf)
#define QUALIFICATION_CR_TYPE_SHIFT     4
#define QUALIFICATION_CR_TYPE           3u
#define   CR_MOV_TO                     0u
#define QUALIFICATION_CR_REGISTER_SHIFT 8
/* I/O instructions. */
#define QUALIFICATION_IO_SIZE           7u          /* bytes, less 1 */
#define QUALIFICATION_IO_IN             (1u << 3)
#define QUALIFICATION_IO_STRING         (1u << 4)
#define QUALIFICATION_IO_PORT_SHIFT     16
/* APIC accesses and APIC writes. */
#define QUALIFICATION_APIC_OFFSET       UINT64_C(0xfff)
#define QUALIFICATION_APIC_TYPE_SHIFT   12
#define QUALIFICATION_APIC_TYPE         UINT64_C(0xf)
#define   APIC_LINEAR_WRITE             1u
/* EPT violations. */
#define QUALIFICATION_EPT_WRITE         (1u << 1)
#define QUALIFICATION_EPT_NMI_UNBLOCKED (1u << 12)

/* Basic exit reasons. */
#define EXIT_REASON_EXCEPTION_OR_NMI    0
#define EXIT_REASON_EXTERNAL_INTERRUPT  1
#define EXIT_REASON_TRIPLE_FAULT        2
#define EXIT_REASON_INIT                3
#define EXIT_REASON_SIPI                4
#define EXIT_REASON_INTERRUPT_WINDOW    7
#define EXIT_REASON_NMI_WINDOW          8
#define EXIT_REASON_TASK_SWITCH         9
#define EXIT_REASON_CPUID               10
#define EXIT_REASON_GETSEC              11
#define EXIT_REASON_HLT                 12
#define EXIT_REASON_INVD                13
#define EXIT_REASON_RSM                 17
#define EXIT_REASON_VMCALL              18
#define EXIT_REASON_VMXON               27
#define EXIT_REASON_CR_ACCESS           28
#define EXIT_REASON_IO                  30
#define EXIT_REASON_RDMSR               31
#define EXIT_REASON_WRMSR               32
#define EXIT_REASON_GUEST_STATE         33          /* VM-entry failures */
#define EXIT_REASON_MSR_LOADING         34
#define EXIT_REASON_MTF                 37
#define EXIT_REASON_MACHINE_CHECK       41
#define EXIT_REASON_APIC_ACCESS         44
#define EXIT_REASON_VIRTUALIZED_EOI     45
#define EXIT_REASON_EPT_VIOLATION       48
#define EXIT_REASON_EPT_MISCONFIGURATION 49
#define EXIT_REASON_INVEPT              50
#define EXIT_REASON_PREEMPTION_TIMER    52
#define EXIT_REASON_INVVPID             53
#define EXIT_REASON_XSETBV              55
#define EXIT_REASON_APIC_WRITE          56
#define EXIT_REASON_VMFUNC              59
#define EXIT_REASON_SEAMCALL            76
#define EXIT_REASON_TDCALL              77
#define EXIT_REASON_RDMSR_IMM           84
#define EXIT_REASON_WRMSRNS_IMM         85

#define INVALIDATE_SINGLE_CONTEXT       1
#define INVALIDATE_ALL_CONTEXTS         2

/* A VMX instruction on a current VMCS cannot fail but by a defect: says which, and panics. Any CPU,
 * host context (vmx/vmx.c). */
_Noreturn void vmcs_access_failed(const char *instruction, uint64_t operand);

/* Reads a field of this CPU's current VMCS. Host context, virtualization enabled. */
static inline uint64_t vmcs_read(uint64_t field)
{
    uint64_t value;
    bool failed;

    __asm__ volatile("vmread %2, %1" : "=@ccbe"(failed), "=r"(value) : "r"(field));
    if (failed)
        vmcs_access_failed("VMREAD", field);
    return value;
}

/* Writes a field of this CPU's current VMCS. Host context, virtualization enabled. */
static inline void vmcs_write(uint64_t field, uint64_t value)
{
    bool failed;

    __asm__ volatile("vmwrite %2, %1" : "=@ccbe"(failed) : "r"(field), "rm"(value) : "memory");
    if (failed)
        vmcs_access_failed("VMWRITE", field);
}

/* The same for the fields of frequent exits, without a test: every processor has them. Host context, while this
 * CPU's VMCS is current, as it is after every VM exit. */
static inline uint64_t vmcs_read_known(uint64_t field)
{
    uint64_t value;

    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
    return value;
}

static inline void vmcs_store_known(uint64_t field, uint64_t *place)
{
    __asm__ volatile("vmread %1, %0" : "=m"(*place) : "r"(field) : "cc");
}

static inline void vmcs_write_known(uint64_t field, uint64_t value)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc", "memory");
}

/* VMXON, VMCLEAR and VMPTRLD of the region at a physical address; false when the processor
 * refuses. */
static inline bool vmx_on(uint64_t physical)
{
    bool failed;
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(physical) : "memory");
    return !failed;
}

static inline bool vmcs_clear(uint64_t physical)
{
    bool failed;
    __asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(physical) : "memory");
    return !failed;
}

static inline bool vmcs_load(uint64_t physical)
{
    bool failed;
    __asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(physical) : "memory");
    return !failed;
}

struct invalidation {
    uint64_t context;       /* EPT pointer or VPID */
    uint64_t address;
};

static inline bool ept_invalidate(uint64_t type, const struct invalidation *descriptor)
{
    bool failed;
    __asm__ volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(*descriptor), "r"(type) : "memory");
    return !failed;
}

static inline bool vpid_invalidate(uint64_t type, const struct invalidation *descriptor)
{
    bool failed;
    __asm__ volatile("invvpid %1, %2" : "=@ccbe"(failed) : "m"(*descriptor), "r"(type) : "memory");
    return !failed;
}

#endif
