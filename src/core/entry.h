/* SPDX-License-Identifier: BSD-2-Clause */
/* What both backends' run.S ask before every VM entry: one word per CPU, which is 0 as long as the guest can be
 * entered as it is. It only says that somebody has to look; what there is to do stands where it always
 * does (the mailbox, the rendezvous, the events), and is written before the word. */
#ifndef SEXTANT_CORE_ENTRY_H
#define SEXTANT_CORE_ENTRY_H

#define ENTRY_POSTED    1       /* since the CPU last looked */
#define ENTRY_WAITING   2       /* what could not be done yet: to be looked at before every entry */

#ifndef __ASSEMBLER__

#include <stdatomic.h>

#include "core/cpu.h"

/* After something was left for `cpu` to do before its next entry. Any CPU, host context, NMI handlers
 * included. */
static inline void entry_post(struct cpu *cpu)
{
    atomic_fetch_or_explicit(&cpu->entry_work, ENTRY_POSTED, memory_order_release);
}

/* The CPU looks now, at everything; what comes later is posted anew. On `cpu`, exit context. */
static inline void entry_look(struct cpu *cpu)
{
    atomic_exchange(&cpu->entry_work, 0);
}

/* It has to look again before the next entry, too. On `cpu`, exit context. */
static inline void entry_look_again(struct cpu *cpu)
{
    atomic_fetch_or(&cpu->entry_work, ENTRY_WAITING);
}

#endif
#endif
