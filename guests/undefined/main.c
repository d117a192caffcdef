/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * undefined: accesses to the APIC page whose effect the manual leaves undefined.
 *
 * Matters because a guest can make them, and a hypervisor that opens the page for one instruction,
 * or looks at the register that faulted only, must not let them through to a register that it
 * watches, must not lose its way, and must not stop. So a line never asks what such an access does,
 * only that it does no harm: afterwards the APIC works and no other register has changed; where
 * INIT is aimed at CPU 1, that CPU may or may not stop, but starts again at an ordinary INIT and
 * SIPI and still sees the same hypervisor, and no other CPU starts or stops.
 *
 * Bochs 2.7 panics at every access of this kind. What comes of code fetched from the page is
 * printed, for the comparison. The lines with ICR need 2 CPUs. No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Local APIC > The Local APIC Register Map.
 */
#include "guest.h"

#include "cpus.h"
#include "tap.h"
#include "undefined.h"

void guest_main(void)
{
    tap_plan(WIDTH_LINES + END_LINES + FETCH_LINES + FRAME_LINES + 1 + ICR_LINES);
    check_widths();
    check_end_of_page();
    check_fetch();
    check_frame();
    if (cpus_count < 2) {
        tap_skip(1 + ICR_LINES, "needs 2 CPUs", "stores that aim INIT at CPU 1");
        return;
    }
    tap_check(cpus_start_all(), "%u CPUs take part", cpus_count);
    check_icr();
}
