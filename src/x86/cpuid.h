/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPUID instruction (SDM Vol 2: CPUID - CPU Identification). */
#ifndef SEXTANT_X86_CPUID_H
#define SEXTANT_X86_CPUID_H

#include <stdint.h>

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

/* Executes CPUID with the given leaf and subleaf. Any CPU, host context. Leaves beyond the
 * maximum leaf answer with another leaf's data on some processors: check the maximum first. */
static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

/* The same for general registers in memory, in 64-bit mode. */
static inline void cpuid_in_place(uint64_t *rax, uint64_t *rbx, uint64_t *rcx, uint64_t *rdx)
{
    uint64_t a = *rax, b, c = *rcx, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    *rax = a;
    *rbx = b;
    *rcx = c;
    *rdx = d;
}

#endif
