/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x2apic: the local APIC in x2APIC mode.
 *
 * Matters because a hypervisor that intercepts ICR has to follow each CPU's mode, decode another
 * destination format, and give the architecture's answer to everything that is illegal; and because
 * in this mode nothing but ICR should cost anything.
 *
 * Every CPU but the boot CPU gets and sends messages; those lines need 2 CPUs, and are the better
 * the more there are. Without x2APIC everything is skipped. A guest that is handed over in x2APIC mode
 * and cannot leave it (IA32_XAPIC_DISABLE_STATUS) skips the transitions.
 *
 * `# differs:` lines: what the bare emulators do in another way than the manual. QEMU 10: registers
 * stay in the page in x2APIC mode and while the APIC is off, reserved bits of ICR are no #GP,
 * re-enabling does not reset the registers, INIT clears the logical ID. Bochs: reserved bits of ICR are
 * no #GP, and an APIC that was switched off never comes back. Sextant with apic=apicv and x2apic=msr: what
 * was in service before. The trace leaves out #GP.
 * Source: SDM Vol 3: APIC > Extended XAPIC (x2APIC).
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "tap.h"
#include "trace.h"
#include "x2apic_test.h"
#include "x86.h"

#define CPUID_1_ECX_X2APIC       (1u << 21)
#define CPUID_7_EDX_CAPABILITIES (1u << 29)
#define MSR_XAPIC_DISABLE_STATUS 0x0bdu
#define MSR_ARCH_CAPABILITIES    0x10au
    #define XAPIC_DISABLE            (1u << 21)

bool is_locked(void)
{
    if (cpuid(0, 0).eax < 7 || (cpuid(7, 0).edx & CPUID_7_EDX_CAPABILITIES) == 0)
        return false;
    return (rdmsr(MSR_ARCH_CAPABILITIES) & XAPIC_DISABLE) != 0 &&
           (rdmsr(MSR_XAPIC_DISABLE_STATUS) & 1) != 0;
}

void guest_main(void)
{
    tap_plan(ENTRY_LINES + REGISTER_LINES + COST_LINES + MESSAGE_LINES + TRANSITION_LINES);
    trace_leave_out(VECTOR_GP);
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC) == 0) {
        tap_skip(ENTRY_LINES + REGISTER_LINES + COST_LINES + MESSAGE_LINES + TRANSITION_LINES,
                 "no x2APIC (CPUID.1:ECX[21])", "x2APIC mode");
        return;
    }
    check_entry();
    check_registers();
    check_costs();
    check_messages();
    check_transitions();
}
