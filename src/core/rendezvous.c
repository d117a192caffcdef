/* SPDX-License-Identifier: BSD-2-Clause */
/* A rendezvous has a number. A CPU attends by storing the number of the one it has seen; the caller
 * waits for all, acts, and publishes the number as released. */
#include "core/rendezvous.h"

#include <stdatomic.h>

#include "core/backend.h"
#include "core/cpu.h"
#include "core/entry.h"
#include "core/kick.h"
#include "core/step.h"
#include "lib/console.h"
#include "lib/spinlock.h"
#include "x86/registers.h"

#define PATIENCE            200000000u  /* PAUSEs before a CPU counts as lost */
#define SPINS_BEFORE_SLEEP  10000u

static struct spinlock lock = SPINLOCK_INIT;
static _Atomic uint32_t released;
_Atomic uint32_t rendezvous_called;
static struct cpu *stopper;         /* holds the lock and everybody else */
static _Atomic bool machine_may_end;    /* everybody leaves virtualization while they are stopped */

/* Before this CPU says that it attends. */
static void leave_virtualization(struct cpu *cpu)
{
    if (atomic_load(&machine_may_end) && cpu->enabled && backend->suspend)
        backend->suspend(cpu);
}

static void enter_virtualization(struct cpu *cpu)
{
    if (cpu->enabled && backend->resume)
        backend->resume(cpu);
}

static bool go_on(struct cpu *cpu)
{
    return atomic_load(&released) == atomic_load(&cpu->rendezvous_seen) || rendezvous_wanted(cpu);
}

void rendezvous_attend(struct cpu *cpu)
{
    unsigned spins = 0;

    cpu->counters[COUNTER_RENDEZVOUS]++;
    cpu->counters[COUNTER_STEP_DISTURBED] += step_active(cpu);
    leave_virtualization(cpu);
    atomic_store(&cpu->rendezvous_seen, atomic_load(&rendezvous_called));
    while (atomic_load(&released) != atomic_load(&cpu->rendezvous_seen)) {
        /* A released rendezvous may be followed by the next before this CPU looks. */
        if (rendezvous_wanted(cpu)) {
            leave_virtualization(cpu);
            atomic_store(&cpu->rendezvous_seen, atomic_load(&rendezvous_called));
        }
        if (++spins > SPINS_BEFORE_SLEEP)
            kick_wait(cpu, go_on);
        pause();
    }
    enter_virtualization(cpu);
}

static bool attended(struct cpu *cpu, uint32_t number)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (atomic_load(&cpu->rendezvous_seen) == number
            || atomic_load(&cpu->waits_in_hardware))
            return true;
        pause();
    }
    return false;
}

/* Takes the lock; a CPU that waits for it answers the holder's rendezvous meanwhile. */
static void take_turn(struct cpu *self)
{
    while (!spinlock_try(&lock)) {
        if (rendezvous_wanted(self))
            rendezvous_attend(self);
        pause();
    }
}

/* A CPU that waits for a SIPI in hardware runs no guest, and comes here before it does. */
static bool expected(struct cpu *self, struct cpu *cpu)
{
    return cpu != self && cpu->enabled && !atomic_load(&cpu->waits_in_hardware);
}

static bool gather(struct cpu *self, bool name_lost)
{
    uint32_t number = atomic_fetch_add(&rendezvous_called, 1) + 1;
    bool all = true;

    atomic_store(&self->rendezvous_seen, number);
    for (uint32_t i = 0; i < cpu_count; i++) {
        entry_post(cpus[i]);
        if (expected(self, cpus[i]))
            kick(cpus[i]);
    }
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (!expected(self, cpus[i]) || attended(cpus[i], number))
            continue;
        all = false;
        if (name_lost)
            console_print("Sextant: CPU %u did not come to the rendezvous\n", (unsigned)i);
    }
    return all;
}

void rendezvous_stop_others(void)
{
    struct cpu *self = this_cpu();

    if (stopper == self)
        return;
    take_turn(self);
    stopper = self;
    atomic_store(&machine_may_end, true);
    gather(self, true);
    leave_virtualization(self);
}

static void let_go(struct cpu *self)
{
    atomic_store(&released, atomic_load(&rendezvous_called));
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpus[i] != self && cpus[i]->enabled && atomic_load(&cpus[i]->asleep))
            kick(cpus[i]);
    }
    spinlock_release(&lock);
}

void rendezvous_release(void)
{
    stopper = NULL;
    enter_virtualization(this_cpu());
    atomic_store(&machine_may_end, false);
    let_go(this_cpu());
}

bool rendezvous_run(void (*action)(void *context), void *context)
{
    struct cpu *self = this_cpu();
    bool all;

    take_turn(self);
    all = gather(self, false);
    action(context);
    let_go(self);
    return all;
}
