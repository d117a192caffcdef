/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the movs guest share. */
#ifndef GUEST_MOVS_TEST_H
#define GUEST_MOVS_TEST_H

#include <stdbool.h>
#include <stdint.h>

#define ICR_ADDRESS (APIC_BASE_ADDRESS + APIC_ICR_LOW)

/*
 * CPU 1 restarts by ordinary INIT and SIPI, exactly once, no other CPU has started or stopped since
 * note_starts(), all CPUs answer, and all see the hypervisor that the boot CPU sees, if any: a CPU
 * that a real INIT has reached would be outside of it.
 */
bool nobody_harmed(void);

/* Remembers how often each CPU has started. */
void note_starts(void);

/* forms.c: every instruction form that writes a word to ICR. */
#define FORM_LINES 19
void check_forms(void);

/* attacks.c: accesses that the manual leaves undefined, and memory that changes meanwhile. */
#define ATTACK_LINES 23
void check_attacks(void);

#endif
