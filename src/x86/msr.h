/* SPDX-License-Identifier: BSD-2-Clause */
/* Model-specific registers: numbers and one-line accessors (SDM Vol 4: Model-Specific Registers;
 * APM Vol 2: MSR Cross-Reference). */
#ifndef SEXTANT_X86_MSR_H
#define SEXTANT_X86_MSR_H

#include <stdbool.h>
#include <stdint.h>

#define MSR_IA32_TSC                0x00000010
#define MSR_TEST_CTRL               0x00000033
#define MSR_IA32_FEATURE_CONTROL    0x0000003a
#define   FEATURE_CONTROL_LOCK      (UINT64_C(1) << 0)
#define   FEATURE_CONTROL_VMX_OUTSIDE_SMX (UINT64_C(1) << 2)
#define MSR_IA32_XAPIC_DISABLE_STATUS 0x000000bd
#define   LEGACY_XAPIC_DISABLED     (UINT64_C(1) << 0)
#define MSR_IA32_CORE_CAPABILITIES  0x000000cf
#define MSR_IA32_ARCH_CAPABILITIES  0x0000010a
#define   ARCHITECTURAL_XAPIC_DISABLE (UINT64_C(1) << 21)
#define MSR_IA32_MISC_ENABLE        0x000001a0
#define MSR_IA32_DEBUGCTL           0x000001d9
#define   DEBUGCTL_LBR              (UINT64_C(1) << 0)
#define   DEBUGCTL_BTF              (UINT64_C(1) << 1)
#define MSR_IA32_PAT                0x00000277
#define MSR_IA32_PERF_CAPABILITIES  0x00000345
#define MSR_X2APIC_FIRST            0x00000800
#define MSR_X2APIC_LAST             0x000008ff
#define MSR_IA32_TME_ACTIVATE       0x00000982
#define MSR_IA32_XSS                0x00000da0
#define MSR_EFER                    0xc0000080
#define   EFER_SCE                  (UINT64_C(1) << 0)
#define   EFER_LME                  (UINT64_C(1) << 8)
#define   EFER_LMA                  (UINT64_C(1) << 10)
#define   EFER_NXE                  (UINT64_C(1) << 11)
#define   EFER_SVME                 (UINT64_C(1) << 12)
#define   EFER_LMSLE                (UINT64_C(1) << 13)
#define   EFER_FFXSR                (UINT64_C(1) << 14)
#define   EFER_TCE                  (UINT64_C(1) << 15)
#define MSR_SYSCFG                  0xc0010010
#define MSR_VM_CR                   0xc0010114
#define   VM_CR_R_INIT              (UINT64_C(1) << 1)
#define   VM_CR_DIS_A20M            (UINT64_C(1) << 2)
#define   VM_CR_LOCK                (UINT64_C(1) << 3)
#define   VM_CR_SVMDIS              (UINT64_C(1) << 4)
#define MSR_VM_HSAVE_PA             0xc0010117

/* Reads an MSR that is known to exist. Host context, any CPU. */
static inline uint64_t msr_read(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

/* Writes an MSR that is known to exist with a value that is known to be legal. */
static inline void msr_write(uint32_t index, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

/* Reads an MSR that may not exist: false, with *value untouched, when the processor raises #GP.
 * Host context, any CPU. True does not prove that the MSR exists: QEMU's TCG answers 0. */
bool msr_read_safe(uint32_t index, uint64_t *value);

/* Writes an MSR; false when the processor raises #GP. Host context, any CPU. */
bool msr_write_safe(uint32_t index, uint64_t value);

/* The same where nobody asks whether it did, for frequent writes. */
static inline void msr_write_if_legal(uint32_t index, uint64_t value)
{
    __asm__ volatile("1: wrmsr\n"
                     "2:\n\t"
                     ".pushsection .fixup_table, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#endif
