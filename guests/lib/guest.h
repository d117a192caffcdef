/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test guest is: one function. The library has set up 64-bit mode with the lower 4 GiB
 * mapped to themselves, the console, descriptor tables and the boot CPU's local APIC (enabled, IF
 * clear); all other CPUs wait where the firmware left them. When the function returns, the run ends
 * with its verdict.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

void guest_main(void);

#endif
