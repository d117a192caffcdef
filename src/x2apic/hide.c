/* SPDX-License-Identifier: BSD-2-Clause */
/* x2apic=hide: the guest sees a processor without x2APIC (SDM Vol 3: APIC > Extended XAPIC (x2APIC) >
 * Detecting and Enabling x2APIC Mode): the CPUID bit is clear, its MSRs and IA32_APIC_BASE.EXTD raise
 * #GP. Also where the processor really has none. */
#include "apic/registers.h"
#include "core/backend.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "strategies/operations.h"
#include "x86/msr.h"

#define LEAF_FEATURES           1
#define   FEATURES_ECX_X2APIC   (1u << 21)

static void filter_cpuid(struct cpu *cpu, uint32_t leaf, uint32_t words[4])
{
    (void)cpu;
    if (leaf == LEAF_FEATURES)
        words[2] &= ~FEATURES_ECX_X2APIC;
}

static bool read(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    if (index != MSR_IA32_APIC_BASE)
        return false;
    *value = cpu->apic.base | (msr_read(MSR_IA32_APIC_BASE) & (APIC_BASE_BSP | APIC_BASE_EN));
    return true;
}

/* The guest's page moves (not onto hidden memory), the hardware's stays: where it was the guest then
 * finds nothing. QEMU's APIC does not move, whatever the MSR says, and the host needs its own. The
 * enable bit is refused: QEMU 7.2 and Bochs 2.7 never enable an APIC again. BSP is what it is. */
static bool write_apic_base(struct cpu *cpu, uint64_t value)
{
    uint64_t address = value & UINT64_C(0x000ffffffffff000);
    uint64_t legal = APIC_BASE_BSP | APIC_BASE_EN
                   | (((UINT64_C(1) << machine.physical_address_bits) - 1) & ~UINT64_C(0xfff));

    if (value & ~legal || !(value & APIC_BASE_EN) || hidden_contains(address))
        return false;
    if (address == cpu->apic.base)
        return true;
    if (cpu->apic.base != cpu->apic.hardware_base)
        backend->page_restore(cpu, cpu->apic.base);
    cpu->apic.base = address;
    binding.apic->attach(cpu);
    return true;
}

static bool write(struct cpu *cpu, uint32_t index, uint64_t value)
{
    return index == MSR_IA32_APIC_BASE && write_apic_base(cpu, value);
}

const struct x2apic_operations x2apic_hide_operations = {
    .name = "hide",
    .cpuid = filter_cpuid,
    .msr_read = read,
    .msr_write = write,
};
