/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a virtual CPU: its first state, INIT, waiting for SIPI, start. */
#ifndef SEXTANT_CORE_VCPU_H
#define SEXTANT_CORE_VCPU_H

#include "apic/reset.h"

struct cpu;
struct guest_start;

/* Prepares this CPU's virtual CPU after backend->enable(): the APIC watch, NMIs, the mailbox; an
 * application processor waits for its SIPI. On the CPU itself, host context. */
void vcpu_prepare(struct cpu *cpu);

/* Sets every register that INIT sets. */
void vcpu_load_state(struct cpu *cpu, const struct initial_state *state);

/* Acts on INIT, SIPI and NMI from the mailbox; returns when the CPU may enter the guest, however
 * long it has to wait for a SIPI. Exit context. */
void vcpu_take_mailbox(struct cpu *cpu);

/* Runs the guest on this CPU for ever: from the state in which the loaded guest begins (boot CPU), or,
 * with NULL, from the SIPI that another CPU sends. */
_Noreturn void vcpu_run(struct cpu *cpu, const struct guest_start *start);

#endif
