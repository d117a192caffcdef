/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where the probe touches the processor: CPUID and guarded RDMSR behind raw_fill.
 * SDM Vol 2: CPUID-CPU Identification, RDMSR.
 */
#include "probe/raw.h"

#include "x86/cpuid.h"
#include "x86/msr.h"

static void read_cpuid(void *context, uint32_t leaf, uint32_t subleaf, uint32_t word[4])
{
    struct cpuid_result result = cpuid(leaf, subleaf);

    (void)context;
    word[RAW_EAX] = result.eax;
    word[RAW_EBX] = result.ebx;
    word[RAW_ECX] = result.ecx;
    word[RAW_EDX] = result.edx;
}

static bool read_msr(void *context, uint32_t index, uint64_t *value)
{
    (void)context;
    return msr_read_safe(index, value);
}

static const struct raw_reader processor = {
    .name  = "processor",
    .cpuid = read_cpuid,
    .msr   = read_msr,
};

void raw_collect(struct raw *raw)
{
    raw_fill(raw, &processor);
}
