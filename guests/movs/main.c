/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * movs: every way to write ICR, and ways to write past an interception of it.
 *
 * Matters because a hypervisor that opens the APIC page for one instruction, or looks at the
 * register that faulted only, lets an instruction that touches two of them, or more than one word,
 * send INIT to a CPU behind its back; that CPU is then outside of the hypervisor for good. Forms
 * that the manual defines must do exactly what MOV does (forms.c). All others only must not harm
 * anybody: CPU 1, at which they are aimed, may or may not stop, but starts again at an ordinary
 * INIT and SIPI and still sees the same hypervisor; no other CPU starts or stops (attacks.c).
 *
 * QEMU 7.2 takes writes in the MiB of the APICs for messages of devices: with INIT for CPU 1 they
 * are an INIT there. At offset 0 they reach the boot CPU, so that case is left out on bare QEMU.
 * Needs 2 CPUs, the cases with changing memory 3. No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Local APIC > The Local APIC Register Map; Interrupt Command Register.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "movs_test.h"
#include "sextant.h"
#include "tap.h"

static unsigned starts_before[MAX_CPUS];
static unsigned outside;

void note_starts(void)
{
    for (unsigned i = 0; i < cpus_count; i++)
        starts_before[i] = cpu_starts(&cpus[i]);
}

static void look_for_hypervisor(void *argument)
{
    if (sextant_present() != *(const bool *)argument)
        outside++;
}

bool nobody_harmed(void)
{
    bool here = sextant_present();
    bool restarted = cpu_restart(&cpus[1], 0);
    unsigned wrong = 0, silent = 0;
    outside = 0;
    for (unsigned i = restarted ? 1 : 2; i < cpus_count; i++) {
        cpu_post(&cpus[i], look_for_hypervisor, &here);
        silent += !cpu_wait_idle(&cpus[i]);
    }
    for (unsigned i = 0; i < cpus_count; i++)
        wrong += cpu_starts(&cpus[i]) != starts_before[i] + (i == 1);
    if (!restarted || wrong + silent + outside != 0)
        tap_note(
            "CPU 1 %s; CPUs with a wrong number of starts %u, silent %u, outside of Sextant %u",
            restarted ? "restarted" : "did not restart", wrong, silent, outside);
    return restarted && wrong + silent + outside == 0;
}

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
