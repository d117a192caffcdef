/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INIT, SIPI and NMI that the hypervisor emulates: the start-up state of one CPU and the mailbox
 * through which the others reach it.
 *
 * SDM Vol 3: Multiple-Processor Management > Multiple-Processor (MP) Initialization > MP
 * Initialization Protocol Algorithm for MP Systems; Advanced Programmable Interrupt Controller
 * (APIC) > Local APIC > Local APIC Status and Location > Local APIC State After It Receives an INIT
 * Reset ("Wait-for-SIPI" State); VM Entries > Special Features of VM Entry > Activity State (what
 * wait-for-SIPI blocks); VMX Non-Root Operation > Other Causes of VM Exits > INIT Signals (that
 * INIT clears pending events outside VMX operation).
 * APM Vol 2: Processor Initialization and Long Mode Activation > Processor Initialization >
 * Multiple Processor Initialization.
 *
 * The rules
 *   INIT to any CPU         resets it to its INIT state and discards what was pending: an NMI, a
 *                           SIPI not yet acted on. An application processor then waits for a SIPI;
 *                           the bootstrap processor (IA32_APIC_BASE.BSP) restarts at the reset
 *                           vector. INIT to a waiting CPU leaves it waiting.
 *   SIPI to a waiting CPU   starts it at vector << 12
 *   SIPI to a running CPU   is dropped, so the second of two SIPIs has no effect
 *   NMI to a running CPU    becomes pending; several before the CPU looks are one (the NMI latch)
 *   NMI to a waiting CPU    is blocked: one is held and taken once a SIPI has started the CPU
 *
 * The whole state is one atomic word, changed only by compare-and-exchange through a pure
 * transition function. The word holds the state that the CPU has once it has acted on everything
 * posted, so a SIPI is judged against the events posted before it, whether or not the target has
 * looked yet; each post and each take is linearizable at its exchange. Only the last INIT and the
 * first SIPI after it survive in the word: a start that an INIT overtook before the CPU looked
 * never ran an instruction, so nobody can tell.
 */
#ifndef SEXTANT_APIC_STARTUP_H
#define SEXTANT_APIC_STARTUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Layout of the word. */
#define STARTUP_VECTOR              0x000000FFu     /* of the pending SIPI; 0 without one */
#define STARTUP_SIPI_PENDING        0x00000100u
#define STARTUP_INIT_PENDING        0x00000200u
#define STARTUP_NMI_PENDING         0x00000400u
#define STARTUP_WAIT_FOR_SIPI       0x00000800u     /* state after all pending events */
#define STARTUP_BOOTSTRAP           0x00001000u     /* INIT restarts instead of waiting */

/* One per CPU. Written by every CPU; only through the functions below. */
struct startup_mailbox {
    _Atomic uint32_t word;
};

enum startup_event {
    STARTUP_EVENT_INIT,
    STARTUP_EVENT_SIPI,
    STARTUP_EVENT_NMI,
};

/* Where the CPU goes on after a take. */
enum startup_next {
    STARTUP_CONTINUE,           /* go on as it was, running or waiting */
    STARTUP_WAIT,               /* reset to the INIT state, then wait for a SIPI */
    STARTUP_RESET_VECTOR,       /* reset to the INIT state, run at F000:FFF0, base FFFF0000h */
    STARTUP_SIPI_VECTOR,        /* run at vector << 12; reset to the INIT state first if `init` */
};

/* What the target has to do, in this order: init, next, nmi. */
struct startup_actions {
    bool init;                  /* reset the vCPU and its local APIC (apic/reset.h) */
    enum startup_next next;
    uint8_t vector;             /* with STARTUP_SIPI_VECTOR */
    bool nmi;                   /* make one NMI pending on the CPU, after the above */
};

/*
 * Empty mailbox. `bootstrap`: IA32_APIC_BASE.BSP as the guest sees it. `waiting`: the CPU starts
 * in the wait-for-SIPI state (application processors as firmware leaves them). Before any other
 * CPU can post.
 */
void startup_mailbox_init(struct startup_mailbox *mailbox, bool bootstrap, bool waiting);

/*
 * The guest wrote IA32_APIC_BASE.BSP of this CPU. Affects INITs posted from now on.
 * Called by the target, host context.
 */
void startup_mailbox_set_bootstrap(struct startup_mailbox *mailbox, bool bootstrap);

/*
 * Post to the CPU that owns `mailbox`; any CPU (the target itself included), host context, also
 * inside an NMI handler: lock-free. Everything that the sender wrote before is visible to the
 * target after its take. Return true if the post gave the target something new to do, so that it
 * must be kicked; false if the event was dropped, is held, or was already pending (its first
 * sender kicks).
 */
bool startup_post_init(struct startup_mailbox *mailbox);
bool startup_post_sipi(struct startup_mailbox *mailbox, uint8_t vector);
bool startup_post_nmi(struct startup_mailbox *mailbox);

/*
 * Takes everything that is pending, at once. Only the CPU that owns the mailbox, host context,
 * before every return to the guest and in its wait loop. Costs one load when nothing is pending.
 */
struct startup_actions startup_take(struct startup_mailbox *mailbox);

/* Whether a take would give anything. One load; any CPU. */
bool startup_is_pending(const struct startup_mailbox *mailbox);

/* Whether anything is posted, be it held. One load; any CPU. */
static inline bool startup_has_post(const struct startup_mailbox *mailbox)
{
    return (atomic_load_explicit(&mailbox->word, memory_order_acquire)
            & (STARTUP_INIT_PENDING | STARTUP_SIPI_PENDING | STARTUP_NMI_PENDING)) != 0;
}

/* Whether the CPU is an application processor that runs and has nothing to act on. One load. */
bool startup_is_quiet(const struct startup_mailbox *mailbox);

/* Whether the CPU waits for a SIPI once it has acted on everything posted. One load; any CPU. */
bool startup_is_waiting(const struct startup_mailbox *mailbox);

/*
 * The pure core of post: the word after `event` (`vector` counts for STARTUP_EVENT_SIPI only).
 */
uint32_t startup_transition(uint32_t word, enum startup_event event, uint8_t vector);

/* The pure core of take: what `word` asks for, and in *rest the word that stays. */
struct startup_actions startup_decode(uint32_t word, uint32_t *rest);

#endif
