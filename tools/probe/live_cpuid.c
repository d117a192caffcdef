/* SPDX-License-Identifier: BSD-2-Clause */
/* By itself, so that a test can answer for another machine. */
#include "live.h"
#include "x86/cpuid.h"

void live_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t word[4])
{
    struct cpuid_result result = cpuid(leaf, subleaf);

    word[RAW_EAX] = result.eax;
    word[RAW_EBX] = result.ebx;
    word[RAW_ECX] = result.ecx;
    word[RAW_EDX] = result.edx;
}
