/* SPDX-License-Identifier: BSD-2-Clause */
/* Reaching another CPU: every kick is one NMI, and every host NMI is accounted for, so that the
 * NMIs that are left over are the guest's. The NMI handler only sets flags. */
#ifndef SEXTANT_CORE_KICK_H
#define SEXTANT_CORE_KICK_H

#include <stdbool.h>

struct cpu;

/* From now on NMIs find their CPU by its stack. Boot CPU, on the stack of its block. */
void kick_enable(void);

/* Makes `target` leave its guest (or its wait) soon and look at its mailbox and at the rendezvous.
 * Nothing is sent while an earlier kick is still on its way. Any CPU, host context. */
void kick(struct cpu *target);

/* The same for the CPU itself: its guest exits right after its next entry, once an event that is
 * injected there has been delivered. */
void kick_self(struct cpu *self);

/* An NMI arrived on this CPU in host context: a kick, or else the guest's. NMI handler only. */
void kick_nmi_arrived(void);

/* An INIT from outside was redirected to the host: the guest's. Exception handler only. */
void kick_init_arrived(void);

/* Sleeps until ready(cpu) holds; looks again after each NMI. On `cpu`, host NMIs held (or, before
 * virtualization is on, as they are). */
void kick_wait(struct cpu *cpu, bool (*ready)(struct cpu *cpu));

#endif
