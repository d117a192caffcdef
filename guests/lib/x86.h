/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One-line wrappers for the instructions that the test guests use, and the numbers of the registers
 * they touch. Sources: SDM Vol 2: Instruction Set Reference; SDM Vol 4: Model-Specific Registers;
 * APM Vol 2: MSR Cross-Reference.
 */
#ifndef GUEST_X86_H
#define GUEST_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFLAGS */
#define RFLAGS_FIXED 0x0002ul
#define RFLAGS_TF    0x0100ul
#define RFLAGS_IF    0x0200ul
#define RFLAGS_RF    0x10000ul

/* CR0 */
#define CR0_PE 0x00000001ul
#define CR0_TS 0x00000008ul
#define CR0_ET 0x00000010ul
#define CR0_WP 0x00010000ul
#define CR0_NW 0x20000000ul
#define CR0_CD 0x40000000ul
#define CR0_PG 0x80000000ul

/* CR4 */
#define CR4_DE     0x0008ul
#define CR4_PAE    0x0020ul
#define CR4_PGE    0x0080ul
#define CR4_OSFXSR 0x0200ul
#define CR4_VMXE   0x2000ul

/* DR6, DR7 */
#define DR6_INIT 0xffff0ff0ul
#define DR6_BS   0x00004000ul
#define DR7_INIT 0x00000400ul

/* Model-specific registers */
#define MSR_APIC_BASE    0x0000001bu
    #define APIC_BASE_BSP    0x0100ul
    #define APIC_BASE_X2APIC 0x0400ul
    #define APIC_BASE_ENABLE 0x0800ul
#define MSR_EFER         0xc0000080u
    #define EFER_SCE         0x0001ul
    #define EFER_LME         0x0100ul
    #define EFER_LMA         0x0400ul
    #define EFER_NXE         0x0800ul
    #define EFER_SVME        0x1000ul
#define MSR_GS_BASE      0xc0000101u
#define MSR_VM_CR        0xc0010114u
#define MSR_VM_HSAVE_PA  0xc0010117u

/* Selectors of the guests' GDT (interrupts.c). */
#define SELECTOR_CODE64      0x08
#define SELECTOR_DATA        0x10
#define SELECTOR_CODE32      0x18
#define SELECTOR_USER_DATA   0x23
#define SELECTOR_USER_CODE64 0x2b

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#define DEFINE_REGISTER_ACCESS(name)                                                               \
    static inline uint64_t read_##name(void)                                                       \
    {                                                                                              \
        uint64_t value;                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                        \
        return value;                                                                              \
    }                                                                                              \
    static inline void write_##name(uint64_t value)                                                \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                            \
    }
DEFINE_REGISTER_ACCESS(cr0)
DEFINE_REGISTER_ACCESS(cr2)
DEFINE_REGISTER_ACCESS(cr3)
DEFINE_REGISTER_ACCESS(cr4)
DEFINE_REGISTER_ACCESS(cr8)
DEFINE_REGISTER_ACCESS(dr0)
DEFINE_REGISTER_ACCESS(dr1)
DEFINE_REGISTER_ACCESS(dr2)
DEFINE_REGISTER_ACCESS(dr3)
DEFINE_REGISTER_ACCESS(dr6)
DEFINE_REGISTER_ACCESS(dr7)
#undef DEFINE_REGISTER_ACCESS

static inline uint64_t read_rflags(void)
{
    uint64_t value;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(value) : : "memory");
    return value;
}

static inline void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/*
 * Waits for the next interrupt with IF set from before HLT on, so that none can slip between;
 * leaves IF clear.
 */
static inline void halt_once(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

static inline void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void invlpg(const volatile void *address)
{
    __asm__ volatile("invlpg %0" : : "m"(*(const volatile char *)address) : "memory");
}

/* Compiler and processor order: every store before is visible before any load after. */
static inline void memory_barrier(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

#endif
