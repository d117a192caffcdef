/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/kick.h"

#include "apic/local.h"
#include "apic/policy.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/entry.h"
#include "strategies/operations.h"

enum { KICK_NONE, KICK_CLAIMED, KICK_SENT };

#define ICR_NMI_ASSERT (APIC_ICR_ASSERT | 4u << APIC_ICR_DELIVERY_MODE_SHIFT)

void idle_wait(const _Atomic uint32_t *wakeup);

static bool enabled;

void kick_enable(void)
{
    enabled = true;
}

static void send(struct cpu *self, struct cpu *target)
{
    uint32_t state = KICK_NONE;

    if (!atomic_compare_exchange_strong(&target->kicked, &state, KICK_CLAIMED))
        return;
    /* The NMI may have arrived before the second exchange, which then must not happen. */
    state = KICK_CLAIMED;
    if (local_apic_send(target->apic_id, ICR_NMI_ASSERT))
        atomic_compare_exchange_strong(&target->kicked, &state, KICK_SENT);
    else
        atomic_store(&target->kicked, KICK_NONE);
    if (binding.apic)
        apic_policy_icr_disturbed(self);
}

void kick(struct cpu *target)
{
    struct cpu *self = this_cpu();

    entry_post(target);
    if (target != self)
        send(self, target);
}

void kick_self(struct cpu *self)
{
    /* Another CPU may have claimed the kick and not sent it yet: it is about to, in host context. */
    do
        send(self, self);
    while (atomic_load(&self->kicked) == KICK_CLAIMED);
}

/* A kick sets `kicked` before it sends its NMI, so the number of NMIs that find it clear is the
 * number that the guest's own sources sent. */
void kick_nmi_arrived(void)
{
    struct cpu *cpu;

    if (!enabled)
        return;
    cpu = this_cpu();
    if (atomic_exchange(&cpu->kicked, KICK_NONE) != KICK_NONE)
        cpu->counters[COUNTER_NMI_HOST]++;
    else
        cpu->nmi.pending = true;
    entry_post(cpu);
    atomic_store(&cpu->wakeup, 1);
}

void kick_init_arrived(void)
{
    struct cpu *cpu = this_cpu();

    startup_post_init(&cpu->mailbox);
    entry_post(cpu);
    atomic_store(&cpu->wakeup, 1);
}

void kick_wait(struct cpu *cpu, bool (*ready)(struct cpu *cpu))
{
    for (;;) {
        atomic_store(&cpu->wakeup, 0);
        atomic_store(&cpu->asleep, 1);
        if (ready(cpu)) {
            atomic_store(&cpu->asleep, 0);
            return;
        }
        if (cpu->enabled)
            backend->host_nmi_allow();
        idle_wait(&cpu->wakeup);
        if (cpu->enabled)
            backend->host_nmi_hold();
    }
}
