/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the guest x2apic, each with its number of lines. */
#ifndef GUEST_X2APIC_TEST_H
#define GUEST_X2APIC_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "interrupts.h"
#include "msr.h"

#define ENTRY_LINES      15
#define REGISTER_LINES   13
#define COST_LINES       7
#define MESSAGE_LINES    30
#define TRANSITION_LINES 19

/* True when the manual's lock is on: IA32_XAPIC_DISABLE_STATUS says that x2APIC mode cannot be left. */
bool is_locked(void);

/* The boot CPU's way into x2APIC mode, and what stays in its registers. It is in that mode afterwards. */
void check_entry(void);

/* What can be read and written, bit by bit. */
void check_registers(void);

/* Exits that Sextant takes for an operation. */
void check_costs(void);

/* Messages between all CPUs. Afterwards all of them are in x2APIC mode. */
void check_messages(void);

/* Off, on, and every transition that is illegal. The last part: emulators exist whose APIC does not
 * come back. */
void check_transitions(void);

#endif
