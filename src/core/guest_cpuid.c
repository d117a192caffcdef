/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_cpuid.h"

#include <string.h>

#include "core/backend.h"
#include "core/cold.h"
#include "core/hidden_features.h"
#include "core/machine.h"
#include "core/statistics.h"
#include "strategies/operations.h"
#include "x86/cpuid.h"
#include "x86/registers.h"

#define LEAF_FEATURES               0x00000001
#define   FEATURES_ECX_OSXSAVE      (1u << 27)
#define   FEATURES_ECX_X2APIC       (1u << 21)
#define   FEATURES_ECX_HYPERVISOR   (1u << 31)
#define   FEATURES_EDX_APIC         (1u << 9)
#define LEAF_EXTENDED_FEATURES      0x00000007
#define   EXTENDED_ECX_OSPKE        (1u << 4)
#define   EXTENDED_EDX_ARCH_CAPABILITIES (1u << 29)
#define LEAF_STATE                  0x0000000d
#define LEAF_AMD_FEATURES           0x80000001
#define LEAF_ADDRESS_SIZES          0x80000008
#define   ADDRESS_SIZES_PHYSICAL    0xffu

#define LEAF_SEXTANT                0x40000000
#define LEAF_INTERFACE              0x40000001
#define LEAF_STATISTICS             0x40000002
#define LEAF_BINDING                0x40000003
#define LEAF_SNAPSHOT               0x40000004
#define LEAF_SNAPSHOT_STATISTICS    0x40000005
#define LEAF_MEMORY_TYPE            0x40000006
#define LEAF_SEXTANT_LAST           LEAF_MEMORY_TYPE
#define LEAF_HYPERVISOR_RANGE_LAST  0x4fffffff  /* no processor has a leaf there */
#define INTERFACE_VERSION           1
#define AXES                        5

static void leaf_statistics(uint32_t selector, uint32_t words[4], bool snapshot)
{
    uint32_t index = selector >> 16, counter = selector & 0xffff;
    uint64_t count;

    if (index >= cpu_count || counter >= COUNTER_COUNT)
        return;
    count = snapshot ? cpus[index]->snapshot[counter] : cpus[index]->counters[counter];
    words[0] = (uint32_t)count;
    words[1] = (uint32_t)(count >> 32);
}

static void leaf_binding(uint32_t axis, uint32_t words[4])
{
    const char *name[AXES] = {
        binding.startup->name, binding.apic->name, binding.x2apic->name, binding.step->name,
        binding.nmi->name,
    };

    if (axis < AXES)
        memcpy(&words[1], name[axis], strnlen(name[axis], 12));
}

/* A snapshot stops every CPU for a moment, so programs of the guest may not ask for one. */
static void leaf_snapshot(struct cpu *cpu, uint32_t words[4])
{
    struct segment_state ss;

    backend->segment_read(cpu, GUEST_SS, &ss);
    if ((ss.attributes >> 5 & 3) == 0)
        words[0] = statistics_snapshot();
}

static void leaf_memory_type(struct cpu *cpu, uint32_t page, uint32_t words[4])
{
    uint8_t type;

    if (!backend->memory_type_shown
        || !backend->memory_type_shown(cpu, (uint64_t)page << 12, &type))
        return;
    words[0] = 1;
    words[1] = type;
}

static void hypervisor_leaf(struct cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t words[4])
{
    memset(words, 0, 4 * sizeof words[0]);
    switch (leaf) {
    case LEAF_SEXTANT:
        words[0] = LEAF_SEXTANT_LAST;
        memcpy(&words[1], "SextantHyper", 12);
        return;
    case LEAF_INTERFACE:
        words[0] = INTERFACE_VERSION;
        words[1] = cpu_count;
        words[2] = COUNTER_COUNT;
        words[3] = AXES;
        return;
    case LEAF_STATISTICS:
    case LEAF_SNAPSHOT_STATISTICS:
        leaf_statistics(subleaf, words, leaf == LEAF_SNAPSHOT_STATISTICS);
        return;
    case LEAF_BINDING:
        leaf_binding(subleaf, words);
        return;
    case LEAF_SNAPSHOT:
        leaf_snapshot(cpu, words);
        return;
    case LEAF_MEMORY_TYPE:
        leaf_memory_type(cpu, subleaf, words);
        return;
    }
}

static uint32_t with_bit(uint32_t word, uint32_t bit, bool set)
{
    return set ? word | bit : word & ~bit;
}

/* The bits that mirror CR4 would show the host's. */
static void filter_features(struct cpu *cpu, uint32_t words[4])
{
    uint64_t cr4 = backend->register_read(cpu, GUEST_CR4);

    words[2] = with_bit(words[2] | FEATURES_ECX_HYPERVISOR, FEATURES_ECX_OSXSAVE,
                        cr4 & CR4_OSXSAVE);
    if (!binding.x2apic->offers_x2apic)
        words[2] &= ~FEATURES_ECX_X2APIC;
    if (cpu->apic.mode == APIC_MODE_DISABLED)
        words[3] &= ~FEATURES_EDX_APIC;
}

static void filter(struct cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t words[4])
{
    switch (leaf) {
    case LEAF_FEATURES:
        filter_features(cpu, words);
        break;
    case LEAF_EXTENDED_FEATURES:
        if (subleaf == 0) {
            words[2] = with_bit(words[2], EXTENDED_ECX_OSPKE,
                                backend->register_read(cpu, GUEST_CR4) & CR4_PKE);
            words[3] |= machine.x2apic_only ? EXTENDED_EDX_ARCH_CAPABILITIES : 0;
        }
        break;
    case LEAF_AMD_FEATURES:
        if (cpu->apic.mode == APIC_MODE_DISABLED)
            words[3] &= ~FEATURES_EDX_APIC;
        break;
    case LEAF_ADDRESS_SIZES:
        if ((words[0] & ADDRESS_SIZES_PHYSICAL) > machine.physical_address_bits)
            words[0] = (words[0] & ~ADDRESS_SIZES_PHYSICAL) | machine.physical_address_bits;
        break;
    default:
        return;
    }
}

/* The leaves that something changes, by their low bits as in hidden_features_leaves: those of filter(), and
 * those that the backend has something to take away from. */
static const uint64_t filtered_leaves = HIDDEN_LEAF(LEAF_FEATURES) | HIDDEN_LEAF(LEAF_EXTENDED_FEATURES)
    | HIDDEN_LEAF(LEAF_STATE) | HIDDEN_LEAF(LEAF_AMD_FEATURES) | HIDDEN_LEAF(LEAF_ADDRESS_SIZES);

/* Every leaf with bit 30 counts: those of hypervisors, and some that no processor has. */
static bool may_be_changed(uint32_t leaf)
{
    return ((filtered_leaves | hidden_features_leaves) & HIDDEN_LEAF(leaf)) || leaf & LEAF_SEXTANT;
}

static COLD void answer_changed(struct cpu *cpu)
{
    struct general_registers *registers = cpu->registers;
    uint32_t leaf = (uint32_t)registers->rax, subleaf = (uint32_t)registers->rcx;
    struct cpuid_result result = cpuid(leaf, subleaf);
    uint32_t words[4] = { result.eax, result.ebx, result.ecx, result.edx };

    if (leaf - LEAF_SEXTANT <= LEAF_HYPERVISOR_RANGE_LAST - LEAF_SEXTANT) {
        hypervisor_leaf(cpu, leaf, subleaf, words);
    } else {
        hidden_features_cpuid(leaf, subleaf, words);
        filter(cpu, leaf, subleaf, words);
        if (backend->filter_cpuid)
            backend->filter_cpuid(leaf, subleaf, words);
    }
    registers->rax = words[0];
    registers->rbx = words[1];
    registers->rcx = words[2];
    registers->rdx = words[3];
}

/* The processor's own answer, which clears the upper halves. */
void guest_cpuid(struct cpu *cpu)
{
    struct general_registers *registers = cpu->registers;

    if (may_be_changed((uint32_t)registers->rax))
        answer_changed(cpu);
    else
        cpuid_in_place(&registers->rax, &registers->rbx, &registers->rcx, &registers->rdx);
}
