/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start-up state machine of one CPU and its mailbox; the rules are in startup.h.
 * SDM Vol 3: Multiple-Processor Management > Multiple-Processor (MP) Initialization.
 */
#include "apic/startup.h"

#define STARTUP_SIPI    (STARTUP_SIPI_PENDING | STARTUP_VECTOR)

uint32_t startup_transition(uint32_t word, enum startup_event event, uint8_t vector)
{
    switch (event) {
    case STARTUP_EVENT_INIT:
        word &= ~(STARTUP_SIPI | STARTUP_NMI_PENDING | STARTUP_WAIT_FOR_SIPI);
        word |= STARTUP_INIT_PENDING;
        return word & STARTUP_BOOTSTRAP ? word : word | STARTUP_WAIT_FOR_SIPI;
    case STARTUP_EVENT_SIPI:
        if (!(word & STARTUP_WAIT_FOR_SIPI)) {
            return word;
        }
        return (word & ~(STARTUP_WAIT_FOR_SIPI | STARTUP_VECTOR)) | STARTUP_SIPI_PENDING | vector;
    case STARTUP_EVENT_NMI:
        return word | STARTUP_NMI_PENDING;
    }
    return word;
}

/* The part of a word that a take would act on: a held NMI is not. */
static uint32_t actionable(uint32_t word)
{
    uint32_t mask = STARTUP_INIT_PENDING | STARTUP_SIPI_PENDING;

    return word & (word & STARTUP_WAIT_FOR_SIPI ? mask : mask | STARTUP_NMI_PENDING);
}

struct startup_actions startup_decode(uint32_t word, uint32_t *rest)
{
    uint32_t act = actionable(word);
    struct startup_actions actions = {
        .init = (act & STARTUP_INIT_PENDING) != 0,
        .next = STARTUP_CONTINUE,
        .nmi = (act & STARTUP_NMI_PENDING) != 0,
    };

    if (act & STARTUP_SIPI_PENDING) {
        actions.next = STARTUP_SIPI_VECTOR;
        actions.vector = (uint8_t)(word & STARTUP_VECTOR);
    } else if (act & STARTUP_INIT_PENDING) {
        actions.next = word & STARTUP_WAIT_FOR_SIPI ? STARTUP_WAIT : STARTUP_RESET_VECTOR;
    }
    *rest = word & ~(act | STARTUP_VECTOR);
    return actions;
}

void startup_mailbox_init(struct startup_mailbox *mailbox, bool bootstrap, bool waiting)
{
    atomic_init(&mailbox->word, (bootstrap ? STARTUP_BOOTSTRAP : 0) |
                                    (waiting ? STARTUP_WAIT_FOR_SIPI : 0));
}

void startup_mailbox_set_bootstrap(struct startup_mailbox *mailbox, bool bootstrap)
{
    if (bootstrap) {
        atomic_fetch_or(&mailbox->word, STARTUP_BOOTSTRAP);
    } else {
        atomic_fetch_and(&mailbox->word, ~STARTUP_BOOTSTRAP);
    }
}

/* The loop repeats only when another CPU's exchange succeeded in between. */
static bool post(struct startup_mailbox *mailbox, enum startup_event event, uint8_t vector)
{
    uint32_t before = atomic_load(&mailbox->word);
    uint32_t after;

    do {
        after = startup_transition(before, event, vector);
    } while (!atomic_compare_exchange_weak(&mailbox->word, &before, after));
    return after != before && actionable(after) != 0;
}

bool startup_post_init(struct startup_mailbox *mailbox)
{
    return post(mailbox, STARTUP_EVENT_INIT, 0);
}

bool startup_post_sipi(struct startup_mailbox *mailbox, uint8_t vector)
{
    return post(mailbox, STARTUP_EVENT_SIPI, vector);
}

bool startup_post_nmi(struct startup_mailbox *mailbox)
{
    return post(mailbox, STARTUP_EVENT_NMI, 0);
}

struct startup_actions startup_take(struct startup_mailbox *mailbox)
{
    uint32_t before = atomic_load(&mailbox->word);
    uint32_t rest;
    struct startup_actions actions = startup_decode(before, &rest);

    while (rest != before && !atomic_compare_exchange_weak(&mailbox->word, &before, rest)) {
        actions = startup_decode(before, &rest);
    }
    return actions;
}

bool startup_is_pending(const struct startup_mailbox *mailbox)
{
    return actionable(atomic_load(&mailbox->word)) != 0;
}

bool startup_is_waiting(const struct startup_mailbox *mailbox)
{
    return (atomic_load(&mailbox->word) & STARTUP_WAIT_FOR_SIPI) != 0;
}

bool startup_is_quiet(const struct startup_mailbox *mailbox)
{
    return atomic_load(&mailbox->word) == 0;
}
