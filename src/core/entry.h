/* SPDX-License-Identifier: BSD-2-Clause */
/* What both backends ask before every VM entry. */
#ifndef SEXTANT_CORE_ENTRY_H
#define SEXTANT_CORE_ENTRY_H

#include "apic/startup.h"
#include "core/cpu.h"
#include "core/rendezvous.h"

/* False when the guest can be entered as it is: nothing is posted, nobody calls, no event waits.
 * Exit context. */
static inline bool entry_has_work(const struct cpu *cpu)
{
    return cpu->interrupted.valid || cpu->event.valid || cpu->nmi.pending
           || startup_has_post(&cpu->mailbox) || rendezvous_wanted(cpu);
}

#endif
