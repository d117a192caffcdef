/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * movs: every way to write ICR, and ways to write past an interception of it.
 *
 * Matters because a hypervisor that opens the APIC page for one instruction, or looks at the
 * register that faulted only, lets an instruction that touches two registers send INIT to a CPU
 * behind its back; that CPU is then outside of the hypervisor for good. Each form that the manual
 * defines must do exactly what MOV does (forms.c). Messages and changing memory must not harm
 * anybody (attacks.c): CPU 1, at which they are aimed, may or may not stop, but starts again at an
 * ordinary INIT and SIPI and still sees the same hypervisor; no other CPU starts or stops.
 *
 * QEMU 7.2 takes writes in the MiB of the APICs for messages of devices: with INIT for CPU 1 they
 * are an INIT there. At offset 0 they reach the boot CPU, so that case is left out on bare QEMU.
 * Needs 2 CPUs, the cases with changing memory 3. No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Issuing Interprocessor Interrupts > Interrupt Command Register.
 */
#include "guest.h"

#include "cpus.h"
#include "movs_test.h"
#include "tap.h"

void guest_main(void)
{
    tap_plan(1 + FORM_LINES + ATTACK_LINES);
    if (cpus_count < 2) {
        tap_skip(1 + FORM_LINES + ATTACK_LINES, "needs 2 CPUs",
                 "writes of ICR that are aimed at CPU 1");
        return;
    }
    tap_check(cpus_start_all(), "%u CPUs take part", cpus_count);
    check_forms();
    check_attacks();
}
