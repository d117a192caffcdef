/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypervisor CPUID leaves 0x40000000 to 0x40000002, and the names of the counters from the
 * hypervisor's own table.
 */
#include "sextant.h"

#include <stddef.h>

#include "string.h"
#include "tap.h"
#include "x86.h"

#define LEAF_SIGNATURE     0x40000000u
#define LEAF_INTERFACE     0x40000001u
#define LEAF_STATISTICS    0x40000002u
#define HYPERVISOR_PRESENT (1u << 31)

static const char *const counter_names[] = {
#define X(id, name) name,
#include "core/exits.def"
#undef X
};

static bool signature_is(const char *expected)
{
    if ((cpuid(1, 0).ecx & HYPERVISOR_PRESENT) == 0)
        return false;
    struct cpuid_result leaf = cpuid(LEAF_SIGNATURE, 0);
    uint32_t signature[3] = { leaf.ebx, leaf.ecx, leaf.edx };
    return memcmp(signature, expected, sizeof(signature)) == 0;
}

bool sextant_present(void)
{
    return signature_is("SextantHyper");
}

bool bare_qemu_present(void)
{
    return signature_is("TCGTCGTCGTCG");
}

int sextant_counter_number(const char *name)
{
    for (unsigned i = 0; i < sizeof(counter_names) / sizeof(counter_names[0]); i++)
        if (strcmp(counter_names[i], name) == 0)
            return (int)i;
    return -1;
}

uint64_t sextant_cpu_counter(unsigned cpu, unsigned number)
{
    struct cpuid_result leaf = cpuid(LEAF_STATISTICS, cpu << 16 | number);
    return (uint64_t)leaf.ebx << 32 | leaf.eax;
}

uint64_t sextant_counter(unsigned number)
{
    unsigned cpu_count = cpuid(LEAF_INTERFACE, 0).ebx;
    uint64_t total = 0;
    for (unsigned cpu = 0; cpu < cpu_count; cpu++)
        total += sextant_cpu_counter(cpu, number);
    return total;
}

void sextant_print_counters(void)
{
    if (!sextant_present())
        return;
    for (unsigned i = 0; i < sizeof(counter_names) / sizeof(counter_names[0]); i++) {
        uint64_t count = sextant_counter(i);
        if (count != 0)
            tap_differs("counted %lu %s", count, counter_names[i]);
    }
}
