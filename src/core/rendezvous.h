/* SPDX-License-Identifier: BSD-2-Clause */
/* Rendezvous: one CPU stops all others, by NMI, wherever they are. */
#ifndef SEXTANT_CORE_RENDEZVOUS_H
#define SEXTANT_CORE_RENDEZVOUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"

extern _Atomic uint32_t rendezvous_called;      /* the number of the last one */

/* Stops the other CPUs until rendezvous_release(); a second call of the same CPU does nothing. A CPU that does not come within a bounded time (its processor
 * holds NMIs back) is left behind; the others are named on the console. Exit or host context. */
void rendezvous_stop_others(void);

/* Lets them go on: the machine did not end after all. The CPU that stopped them. */
void rendezvous_release(void);

/* Stops the other CPUs, calls action(context) once, lets them go on. Two callers take turns.
 * Returns false when some CPU did not come in time; the action was called all the same. */
bool rendezvous_run(void (*action)(void *context), void *context);

/* True when some CPU has called a rendezvous that `cpu` has not attended. */
static inline bool rendezvous_wanted(const struct cpu *cpu)
{
    return atomic_load(&rendezvous_called) != atomic_load(&cpu->rendezvous_seen);
}

/* Attends: returns when the caller lets go, or never. On `cpu`, exit or wait context. */
void rendezvous_attend(struct cpu *cpu);

#endif
