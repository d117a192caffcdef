/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apic: the registers of the local APIC as software may use them.
 *
 * Matters because a hypervisor that intercepts writes to the APIC page carries out each of them in
 * some other way than the CPU would: the value, the registers and the flags have to be what the
 * instruction makes of them, a read has to show what was written, and nothing else may change.
 *
 * Only aligned 32-bit accesses, which are all that the architecture defines; the guest `undefined`
 * has the others. Left out, because QEMU 7.2 differs from the manual there: ESR never
 * becomes clear again, LVT entries are not masked by a software disable, reserved bits are kept,
 * writes at offset 0x000 are taken for an MSI, the APIC ID can be changed.
 *
 * Needs 2 CPUs for four lines. No `# differs:` lines.
 * Source: SDM Vol 3: Advanced Programmable Interrupt Controller (APIC).
 */
#include "guest.h"

#include "apic_test.h"
#include "tap.h"

void guest_main(void)
{
    tap_plan(REGISTER_LINES + FORM_LINES + PRIORITY_LINES + TIMER_LINES);
    check_registers();
    check_forms();
    check_priorities();
    check_timer();
}
