/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apicbase: the register IA32_APIC_BASE.
 *
 * Matters because it says where the local APIC is and whether there is one: a hypervisor that
 * intercepts the APIC has to follow each CPU's own page, and to show a CPU without an APIC what such
 * a CPU is like, without ever losing its own. Here: what the register shows on each CPU, writes that
 * change nothing, reserved bits and illegal transitions; the page moved onto other memory of one CPU,
 * above 4 GiB, and onto the hypervisor's own; the APIC switched off and on. The guest x2apic has the
 * transitions of x2APIC mode.
 *
 * `# differs:` lines: what bare emulators do in another way. QEMU 7.2 raises no #GP; QEMU's APIC answers
 * at its first address only, and also while it is off; QEMU 7.2 and Bochs never switch an APIC on
 * again; QEMU 10 does without resetting it. And on QEMU 10 a hypervisor cannot intercept a read of CR8, which
 * is a register like others while the APIC is off. The trace leaves #GP out for the same reason. Lines about
 * other CPUs need 2.
 * Source: SDM Vol 3: APIC > Local APIC > Local APIC Status and Location; x2APIC State Transitions.
 */
#include "guest.h"

#include "apic.h"
#include "apicbase_test.h"
#include "cpus.h"
#include "interrupts.h"
#include "sextant.h"
#include "tap.h"
#include "trace.h"
#include "x86.h"

#define CPUID_1_ECX_X2APIC (1u << 21)
#define LEAF_ADDRESS_WIDTH 0x80000008u

struct fault try_write(uint64_t value)
{
    fault_clear();
    __asm__ volatile("1:\twrmsr\n2:\n\t" FIXUP("1b", "2b")
                     :
                     : "c"(MSR_APIC_BASE), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
    return *fault_taken();
}

bool has_x2apic(void)
{
    return (cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC) != 0;
}

/* #GP(0), or on bare QEMU none; in both cases the register keeps its value. */
static void check_refused(uint64_t value, const char *what)
{
    uint64_t before = rdmsr(MSR_APIC_BASE);
    struct fault fault = try_write(value);
    bool refused = fault.taken && fault.vector == VECTOR_GP && fault.error_code == 0;
    bool ignored = bare_qemu_present() && !fault.taken;
    tap_check((refused || ignored) && rdmsr(MSR_APIC_BASE) == before, "%s is refused", what);
    if (ignored)
        tap_differs("QEMU raises no exception");
}

static void read_base(void *argument)
{
    *(uint64_t *)argument = rdmsr(MSR_APIC_BASE);
}

static void rewrite_base(void *argument)
{
    uint64_t value = rdmsr(MSR_APIC_BASE);
    wrmsr(MSR_APIC_BASE, value);
    *(bool *)argument = rdmsr(MSR_APIC_BASE) == value &&
                        apic_read(APIC_ID) >> 24 == this_cpu()->apic_id;
}

static void check_application_cpus(void)
{
    const uint64_t expected = APIC_BASE_ADDRESS | APIC_BASE_ENABLE;
    unsigned right = 0, kept = 0;
    if (cpus_count < 2) {
        tap_skip(2, "needs 2 CPUs", "IA32_APIC_BASE of application CPUs");
        return;
    }
    bool started = cpus_start_all();
    for (unsigned i = 1; i < cpus_count; i++) {
        uint64_t value = 0;
        bool same = false;
        cpu_run(&cpus[i], read_base, &value);
        right += value == expected;
        cpu_run(&cpus[i], rewrite_base, &same);
        kept += same;
    }
    tap_check(started && right == cpus_count - 1,
              "application CPUs show the address, enabled, not the boot CPU: %u (expected %u)",
              right, cpus_count - 1);
    tap_count(kept, cpus_count - 1,
              "application CPUs on which a write of the same value changes nothing");
}

void guest_main(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    unsigned width = cpuid(LEAF_ADDRESS_WIDTH, 0).eax & 0xff;

    tap_plan(10 + RELOCATION_LINES + SWITCH_LINES);
    trace_leave_out(VECTOR_GP);
    tap_equal(base, APIC_BASE_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_BSP,
              "IA32_APIC_BASE of the boot CPU");
    tap_check(!try_write(base).taken && rdmsr(MSR_APIC_BASE) == base,
              "a write of the same value changes nothing");
    tap_equal(apic_read(APIC_ID) >> 24, cpuid(1, 0).ebx >> 24, "the APIC is still there: its ID");

    check_refused(base | 1, "reserved bit 0");
    check_refused(base | 0x80, "reserved bit 7");
    check_refused(base | 0x200, "reserved bit 9");
    check_refused(base | 1ul << width, "an address of more bits than the CPU has");
    if (has_x2apic())
        check_refused((base & ~APIC_BASE_ENABLE) | APIC_BASE_X2APIC, "x2APIC mode without enable");
    else
        check_refused(base | APIC_BASE_X2APIC, "x2APIC mode, which CPUID does not show,");
    check_application_cpus();
    check_relocation();
    check_switch();
}
