/* SPDX-License-Identifier: BSD-2-Clause */
/* What has become of the CPUs after something was aimed at CPU 1. Needs 2 CPUs; boot CPU only. */
#ifndef GUEST_HARM_H
#define GUEST_HARM_H

#include <stdbool.h>

/* Remembers how often each CPU has started. */
void harm_remember_starts(void);

/*
 * True when CPU 1 restarts by ordinary INIT and SIPI, exactly once, no other CPU has started or
 * stopped since harm_remember_starts(), all CPUs answer, and all see the hypervisor that the boot
 * CPU sees, if any: a CPU that a real INIT has reached would be outside of it.
 */
bool harm_none(void);

#endif
