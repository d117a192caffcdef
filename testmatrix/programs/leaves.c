/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program for the Linux guest: prints what the hypervisor's CPUID leaves say (docs/hypervisor-leaves.md), one line a fact:
 *   signature NAME highest LEAF
 *   interface VERSION cpus N counters N axes N
 *   axis N NAME
 *   counter CPU NUMBER COUNT          only counts that are not 0
 *   beyond COUNT                      what is read one CPU and one counter too far: 0
 */
#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LEAF_SIGNATURE  0x40000000u
#define LEAF_INTERFACE  0x40000001u
#define LEAF_STATISTICS 0x40000002u
#define LEAF_BINDING    0x40000003u

struct leaf {
    uint32_t eax, ebx, ecx, edx;
};

static struct leaf leaf(uint32_t number, uint32_t subleaf)
{
    struct leaf words;

    __cpuid_count(number, subleaf, words.eax, words.ebx, words.ecx, words.edx);
    return words;
}

/* The twelve bytes of EBX, ECX, EDX as a string. */
static const char *name(const struct leaf *words)
{
    static char text[13];

    memcpy(text, &words->ebx, 4);
    memcpy(text + 4, &words->ecx, 4);
    memcpy(text + 8, &words->edx, 4);
    return text;
}

static uint64_t count(uint32_t cpu, uint32_t counter)
{
    struct leaf words = leaf(LEAF_STATISTICS, cpu << 16 | counter);

    return (uint64_t)words.ebx << 32 | words.eax;
}

int main(void)
{
    struct leaf signature = leaf(LEAF_SIGNATURE, 0), interface = leaf(LEAF_INTERFACE, 0);

    printf("signature %s highest %#x\n", name(&signature), signature.eax);
    printf("interface %u cpus %u counters %u axes %u\n", interface.eax, interface.ebx, interface.ecx, interface.edx);
    for (uint32_t axis = 0; axis < interface.edx; axis++) {
        struct leaf words = leaf(LEAF_BINDING, axis);

        printf("axis %u %s\n", axis, name(&words));
    }
    for (uint32_t cpu = 0; cpu < interface.ebx; cpu++) {
        for (uint32_t counter = 0; counter < interface.ecx; counter++) {
            uint64_t value = count(cpu, counter);

            if (value != 0)
                printf("counter %u %u %llu\n", cpu, counter, (unsigned long long)value);
        }
    }
    printf("beyond %llu\n", (unsigned long long)(count(interface.ebx, 0) + count(0, interface.ecx)));
    return 0;
}
