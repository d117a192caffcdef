/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the smp guest share. */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include <stdbool.h>

struct cpu;

#define STATE_LINES 51 /* result lines of check_state() */
#define STOP_LINES  12 /* of stop_forms(), without those of its check_state() */

/* Remembers how often each CPU has started. */
void note_starts(void);

/*
 * Waits until the CPUs first, first + step, … up to last have started `times` times since
 * note_starts(). Returns their number, or more than 1000 when one of them or any other CPU has
 * started another number of times. All application CPUs must be running and idle in the end.
 */
unsigned started_cpus(unsigned times, unsigned first, unsigned last, unsigned step);

/*
 * Compares the state of all application CPUs at their last start with the manual's: STATE_LINES
 * results.
 */
void check_state(const char *when);

/* INIT to CPUs in all kinds of activity. */
void stop_forms(void);

/* Makes an idle CPU count with IF clear and waits until it does. */
void make_count(struct cpu *cpu);

/* True when a CPU that counts comes to rest. */
bool comes_to_rest(const struct cpu *cpu);

#endif
