/* SPDX-License-Identifier: BSD-2-Clause */
/* Control, debug and flags registers (SDM Vol 3: System Architecture Overview > Control Registers,
 * Debug, Branch Profile, TSC, and Intel RDT Features > Debug Registers). */
#ifndef SEXTANT_X86_REGISTERS_H
#define SEXTANT_X86_REGISTERS_H

#include <stdint.h>

#define CR0_PE              (UINT64_C(1) << 0)
#define CR0_MP              (UINT64_C(1) << 1)
#define CR0_ET              (UINT64_C(1) << 4)
#define CR0_NE              (UINT64_C(1) << 5)
#define CR0_WP              (UINT64_C(1) << 16)
#define CR0_NW              (UINT64_C(1) << 29)
#define CR0_CD              (UINT64_C(1) << 30)
#define CR0_PG              (UINT64_C(1) << 31)

#define CR4_PSE             (UINT64_C(1) << 4)
#define CR4_PAE             (UINT64_C(1) << 5)
#define CR4_PGE             (UINT64_C(1) << 7)
#define CR4_LA57            (UINT64_C(1) << 12)
#define CR4_VMXE            (UINT64_C(1) << 13)
#define CR4_SMXE            (UINT64_C(1) << 14)
#define CR4_PCIDE           (UINT64_C(1) << 17)
#define CR4_OSXSAVE         (UINT64_C(1) << 18)
#define CR4_SMEP            (UINT64_C(1) << 20)
#define CR4_SMAP            (UINT64_C(1) << 21)
#define CR4_PKE             (UINT64_C(1) << 22)
#define CR4_PKS             (UINT64_C(1) << 24)

#define RFLAGS_CF           (UINT64_C(1) << 0)
#define RFLAGS_FIXED        (UINT64_C(1) << 1)
#define RFLAGS_ZF           (UINT64_C(1) << 6)
#define RFLAGS_TF           (UINT64_C(1) << 8)
#define RFLAGS_IF           (UINT64_C(1) << 9)
#define RFLAGS_DF           (UINT64_C(1) << 10)
#define   RFLAGS_IOPL_SHIFT 12
#define RFLAGS_RF           (UINT64_C(1) << 16)
#define RFLAGS_VM           (UINT64_C(1) << 17)
#define RFLAGS_AC           (UINT64_C(1) << 18)

#define DR6_INIT            UINT64_C(0xffff0ff0)
#define   DR6_B0_B3         UINT64_C(0xf)
#define   DR6_BD            (UINT64_C(1) << 13)
#define   DR6_BS            (UINT64_C(1) << 14)
#define   DR6_BT            (UINT64_C(1) << 15)
#define DR7_INIT            UINT64_C(0x400)
#define   DR7_GD            (UINT64_C(1) << 13)
#define   DR7_ENABLED         UINT64_C(0xff)      /* L0 to L3, G0 to G3 */

/* Exception vectors (SDM Vol 3: Interrupt and Exception Handling > Exception and Interrupt Vectors). */
#define VECTOR_DE           0
#define VECTOR_DB           1
#define VECTOR_NMI          2
#define VECTOR_BP           3
#define VECTOR_OF           4
#define VECTOR_UD           6
#define VECTOR_DF           8
#define VECTOR_TS           10
#define VECTOR_NP           11
#define VECTOR_SS           12
#define VECTOR_GP           13
#define VECTOR_PF           14
#define VECTOR_AC           17
#define VECTOR_MC           18
#define VECTOR_SX           30

#define REGISTER_READ(name)                                         \
    static inline uint64_t name##_read(void)                        \
    {                                                               \
        uint64_t value;                                             \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));      \
        return value;                                               \
    }
#define REGISTER_WRITE(name)                                        \
    static inline void name##_write(uint64_t value)                 \
    {                                                               \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
    }

REGISTER_READ(cr0)
REGISTER_WRITE(cr0)
REGISTER_READ(cr2)
REGISTER_WRITE(cr2)
REGISTER_READ(cr3)
REGISTER_WRITE(cr3)
REGISTER_READ(cr4)
REGISTER_WRITE(cr4)
REGISTER_READ(dr0)
REGISTER_WRITE(dr0)
REGISTER_READ(dr1)
REGISTER_WRITE(dr1)
REGISTER_READ(dr2)
REGISTER_WRITE(dr2)
REGISTER_READ(dr3)
REGISTER_WRITE(dr3)
REGISTER_READ(dr6)
REGISTER_WRITE(dr6)
REGISTER_READ(dr7)
REGISTER_WRITE(dr7)

static inline uint64_t rflags_read(void)
{
    uint64_t value;
    __asm__ volatile("pushfq; pop %0" : "=r"(value));
    return value;
}

static inline uint64_t tsc_read(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#endif
