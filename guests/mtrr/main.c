/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mtrr: the guest writes its memory type range registers.
 *
 * Matters because the processor does not apply MTRRs to the memory of a guest: the hypervisor has
 * to put the types into its own tables, again whenever the guest changes one, without disturbing
 * what else they say. As kernels do it: off, write, on. Every register shows what was written, the
 * memory behind it what it held, and the local APIC's page stays watched. No emulator shows what a memory
 * type does, so Sextant is asked what its tables say (docs/hypervisor-leaves.md, leaf 0x40000006); on
 * SVM they have no types, and on the bare machine there is nobody to ask.
 *
 * Without MTRRs all lines are SKIP. `# differs:` lines: how many types were read from tables.
 * Source: SDM Vol 3: Memory Cache Control > Memory Type Range Registers (MTRRs).
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "interrupts.h"
#include "sextant.h"
#include "string.h"
#include "tap.h"
#include "x86.h"

#define MSR_MTRRCAP       0x0fe
#define MSR_MTRR_BASE(n)  (0x200 + 2 * (n))
#define MSR_MTRR_MASK(n)  (0x201 + 2 * (n))
#define MSR_MTRR_FIX4K_C8 0x269
#define MSR_MTRR_DEF_TYPE 0x2ff
    #define MTRR_ENABLE       0x800ul
    #define MTRR_VALID        0x800ul
#define CPUID_1_EDX_MTRR  (1u << 12)

#define TYPE_UC 0ul
#define TYPE_WC 1ul
#define TYPE_WB 6ul

#define LEAF_BINDING     0x40000003u
#define   AXIS_NMI           4u
#define LEAF_MEMORY_TYPE 0x40000006u

#define LINES  (4 * 3 + 6)
#define REGION 0x1800000ul /* 24 MiB: memory that nobody else uses */
#define SMALL  0x1000ul
#define LARGE  0x200000ul
#define WORDS  (4 * LARGE / sizeof(uint64_t))

static uint64_t address_mask;
static bool types_are_shown;
static unsigned types_read;

/* Sextant on VMX: SVM alone has the strategy "iret". */
static bool tables_have_types(void)
{
    return sextant_present() && memcmp(&(uint32_t){ cpuid(LEAF_BINDING, AXIS_NMI).ebx }, "iret", 4) != 0;
}

/* What Sextant's tables say of the page, which the guest has touched; true where nobody can be asked. */
static bool type_is(uint64_t address, uint64_t type)
{
    if (!types_are_shown)
        return true;
    struct cpuid_result leaf = cpuid(LEAF_MEMORY_TYPE, (uint32_t)(address >> 12));
    types_read++;
    return leaf.eax == 1 && leaf.ebx == type;
}

/* The first and the last page, and those on both sides of them, which are write-back. */
static bool types_are(uint64_t base, uint64_t length, uint64_t type)
{
    return type_is(base, type) && type_is(base + length - SMALL, type) &&
           type_is(base - SMALL, TYPE_WB) && type_is(base + length, TYPE_WB);
}

/* With the MTRRs off, as the manual wants it. */
static void set(unsigned variable, uint64_t base, uint64_t length, uint64_t type)
{
    uint64_t before = rdmsr(MSR_MTRR_DEF_TYPE);
    wrmsr(MSR_MTRR_DEF_TYPE, before & ~MTRR_ENABLE);
    wrmsr(MSR_MTRR_BASE(variable), base | type);
    wrmsr(MSR_MTRR_MASK(variable), length != 0 ? (~(length - 1) & address_mask) | MTRR_VALID : 0);
    wrmsr(MSR_MTRR_DEF_TYPE, before);
}

static uint64_t *words(void)
{
    return (uint64_t *)REGION;
}

static void fill(uint64_t seed)
{
    for (uint64_t i = 0; i < WORDS; i += 64)
        words()[i] = seed + i;
}

static bool holds(uint64_t seed)
{
    for (uint64_t i = 0; i < WORDS; i += 64)
        if (words()[i] != seed + i)
            return false;
    return true;
}

static void change(unsigned variable, uint64_t length, uint64_t type, const char *what)
{
    fill(length + type);
    set(variable, REGION, length, type);
    tap_check(rdmsr(MSR_MTRR_BASE(variable)) == (REGION | type) && holds(length + type),
              "%s: the register shows it, memory holds what it held", what);
    tap_check(types_are(REGION, length, type), "%s: so do the tables of a hypervisor", what);
    fill(length + type + 1);
    tap_check(holds(length + type + 1), "%s: memory can be written", what);
}

static void change_fixed_range(void)
{
    const uint64_t other = 0x0606060606060606ul, page = 0xc8000;
    uint64_t fixed = rdmsr(MSR_MTRR_FIX4K_C8);

    (void)*(volatile uint8_t *)page;
    wrmsr(MSR_MTRR_FIX4K_C8, fixed ^ other);
    tap_check(rdmsr(MSR_MTRR_FIX4K_C8) == (fixed ^ other), "a fixed range");
    tap_check(type_is(page, (fixed ^ other) & 0xff), "its type in the tables of a hypervisor");
    wrmsr(MSR_MTRR_FIX4K_C8, fixed);
    tap_check(type_is(page, fixed & 0xff), "its type as it was");
}

void guest_main(void)
{
    tap_plan(LINES);
    unsigned count = rdmsr(MSR_MTRRCAP) & 0xff;
    if ((cpuid(1, 0).edx & CPUID_1_EDX_MTRR) == 0 || count == 0) {
        tap_skip(LINES, "needs MTRRs", "memory types");
        return;
    }
    address_mask = (1ul << (cpuid(0x80000008, 0).eax & 0xff)) - 1;
    unsigned last = count - 1;
    uint64_t type = rdmsr(MSR_MTRR_DEF_TYPE);
    uint64_t base = rdmsr(MSR_MTRR_BASE(last)), mask = rdmsr(MSR_MTRR_MASK(last));

    wrmsr(MSR_MTRR_DEF_TYPE, type | MTRR_ENABLE);
    types_are_shown = tables_have_types();
    words()[0] = words()[-1] = 0;
    change(last, LARGE, TYPE_UC, "2 MiB uncacheable");
    change(last, 4 * LARGE, TYPE_WC, "8 MiB write-combining");
    change(last, SMALL, TYPE_UC, "4 KiB uncacheable");
    change(last, 2 * LARGE, TYPE_WB, "4 MiB write-back");
    set(last, 0, 0, TYPE_UC);
    tap_equal(rdmsr(MSR_MTRR_MASK(last)), 0, "a register that is not valid");

    tap_check(type_is(REGION, TYPE_WB), "memory is write-back again in the tables of a hypervisor");
    change_fixed_range();

    apic_write(APIC_TPR, 0x20);
    tap_equal(apic_read(APIC_TPR), 0x20, "the local APIC's page is where it was");
    apic_write(APIC_TPR, 0);
    wrmsr(MSR_MTRR_BASE(last), base);
    wrmsr(MSR_MTRR_MASK(last), mask);
    wrmsr(MSR_MTRR_DEF_TYPE, type);
    tap_differs("types read from the tables: %u", types_read);
}
