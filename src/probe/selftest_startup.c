/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of startup=sipi: another CPU runs a micro-guest, the boot CPU sends it an INIT and
 * then, while it waits in hardware, a SIPI. Neither CPU waits for ever: the micro-guest ends by
 * itself, and the boot CPU counts. (Bochs 2.7's INIT exit never ends: each entry exits again.)
 *
 * Where that works, the two are sent back to back, as kernels do: the SIPI comes while the INIT is
 * being handled in root operation, or the CPU is fast enough. A host that loses one is not for
 * `auto`, so the first one lost ends it. Sent in the mode in which firmware left the APIC, since there is no
 * way back from x2APIC mode: what is done before the CPU waits is the same in both, but for one register. */
#include "probe/selftest_startup.h"

#include <stdatomic.h>
#include <string.h>

#include "apic/local.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/machine.h"
#include "core/smp.h"
#include "core/vcpu.h"
#include "probe/selftest.h"
#include "strategies/operations.h"
#include "x86/io.h"

#define ICR_INIT_ASSERT     (APIC_ICR_ASSERT | 5u << APIC_ICR_DELIVERY_MODE_SHIFT)
#define ICR_SIPI            (APIC_ICR_ASSERT | 6u << APIC_ICR_DELIVERY_MODE_SHIFT)
#define TEST_VECTOR         0x42
#define PORT_DELAY          0x80        /* one access takes about a microsecond */
#define DELAY_BEFORE_SENDING 200
#define PATIENCE            1000000     /* microseconds, at least */

#define ROUNDS              64          /* of INIT and SIPI back to back */
#define ROUND_PATIENCE      100000      /* microseconds until a SIPI counts as lost */

enum phase { PHASE_BEFORE, PHASE_SPINS, PHASE_WAITS, PHASE_WAITS_AGAIN, PHASE_DONE, PHASE_FAILED };

const char selftest_startup_limited[] =
    "it works, but a SIPI right after an INIT is lost here: for those who ask only";

static _Atomic uint32_t phase;
static _Atomic uint32_t spinning, rounds;   /* of the second part: begun, done */
static _Atomic bool enough;                 /* no further round is to begin */
static _Atomic bool abandoned;              /* the other CPU was given up */
static const char *problem;

static void fail(const char *sentence)
{
    problem = sentence;
    atomic_store(&phase, PHASE_FAILED);
}

static void delay(unsigned microseconds)
{
    while (microseconds--)
        in8(PORT_DELAY);
}

static bool take_init(struct cpu *cpu)
{
    selftest_reset(cpu, selftest_spin);
    atomic_store(&phase, PHASE_SPINS);
    selftest_enter(cpu);
    if (cpu->counters[COUNTER_EXIT_INIT] != 1) {
        fail("an INIT did not cause a VM exit");
        return false;
    }
    selftest_reset(cpu, selftest_nop);
    selftest_enter(cpu);
    if (cpu->counters[COUNTER_EXIT_INIT] != 1) {
        fail("the VM exit of one INIT repeats at every VM entry");
        return false;
    }
    return true;
}

static void take_sipi(struct cpu *cpu)
{
    struct startup_actions actions;

    binding.startup->wait(cpu);
    atomic_store(&phase, PHASE_WAITS);
    selftest_enter(cpu);
    actions = startup_take(&cpu->mailbox);
    if (cpu->counters[COUNTER_EXIT_SIPI] != 1)
        fail("a CPU in the wait-for-SIPI state exited for something else");
    else if (actions.next != STARTUP_SIPI_VECTOR || actions.vector != TEST_VECTOR)
        fail("the VM exit of a SIPI does not tell its vector");
}

/* A CPU that waits drops an INIT (SDM Vol 3: VM Entries > Special Features of VM Entry > Activity State).
 * One that is kept exits when the CPU runs again. */
static void take_init_while_waiting(struct cpu *cpu)
{
    uint64_t inits = cpu->counters[COUNTER_EXIT_INIT];

    binding.startup->wait(cpu);
    atomic_store(&phase, PHASE_WAITS_AGAIN);
    selftest_enter(cpu);
    startup_take(&cpu->mailbox);
    if (cpu->counters[COUNTER_EXIT_SIPI] != 2) {
        fail("an INIT to a CPU in the wait-for-SIPI state caused a VM exit");
        return;
    }
    selftest_reset(cpu, selftest_nop);
    selftest_enter(cpu);
    machine.init_is_kept = cpu->counters[COUNTER_EXIT_INIT] != inits;
    atomic_store(&phase, PHASE_DONE);
}

/* An INIT that is still held takes effect when virtualization is turned off. A CPU that comes back when
 * nobody counts on it any more waits for one outside: the first SIPI after it may have brought it here. */
static void settle(struct cpu *cpu, bool failed)
{
    cpu_forget_exits(cpu);
    if (failed || atomic_load(&abandoned))
        backend->disable(cpu);
    while (atomic_load(&abandoned))
        __asm__ volatile("cli; hlt");
}

/* On the other CPU. */
static void target(struct cpu *cpu)
{
    struct general_registers registers = { 0 };

    cpu->registers = &registers;
    backend->enable(cpu);
    vcpu_prepare(cpu);
    selftest_map(cpu);
    if (take_init(cpu))
        take_sipi(cpu);
    if (atomic_load(&phase) == PHASE_WAITS)
        take_init_while_waiting(cpu);
    settle(cpu, atomic_load(&phase) == PHASE_FAILED);
}

/* What an INIT costs a guest's CPU until it waits is in between, as far as it takes time. Another exit than the
 * SIPI's is none of a CPU that waits. */
static bool take_pair(struct cpu *cpu)
{
    uint64_t inits = cpu->counters[COUNTER_EXIT_INIT], sipis = cpu->counters[COUNTER_EXIT_SIPI];

    selftest_reset(cpu, selftest_spin);
    atomic_fetch_add(&spinning, 1);
    selftest_enter(cpu);
    if (cpu->counters[COUNTER_EXIT_INIT] == inits)
        return false;
    binding.startup->init(cpu);
    selftest_enter(cpu);
    startup_take(&cpu->mailbox);
    cpu->waiting = false;
    if (cpu->counters[COUNTER_EXIT_SIPI] == sipis)
        return false;
    atomic_fetch_add(&rounds, 1);
    return true;
}

static void take_pairs(struct cpu *cpu)
{
    struct general_registers registers = { 0 };
    bool all = true;

    cpu->registers = &registers;
    for (unsigned i = 0; i < ROUNDS && all && !atomic_load(&enough); i++)
        all = take_pair(cpu);
    local_apic_init_state();
    settle(cpu, !all);
}

static bool counted(_Atomic uint32_t *counter, uint32_t wanted, unsigned patience)
{
    for (unsigned i = 0; i < patience; i++) {
        if (atomic_load(counter) >= wanted)
            return true;
        delay(1);
    }
    return false;
}

static bool reached(enum phase wanted)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        uint32_t now = atomic_load(&phase);

        if (now == wanted || now == PHASE_FAILED)
            return now == wanted;
        delay(1);
    }
    return false;
}

static void send(struct cpu *to, uint32_t command)
{
    delay(DELAY_BEFORE_SENDING);
    local_apic_send(to->apic_id, command);
}

/* After a failure the CPU is started anew, whatever state it is in; one that does not come is lost. The first
 * attempt may only bring it out of the micro-guest. */
static const char *give_up(struct cpu *other)
{
    enum phase last = atomic_load(&phase);
    const char *sentence = last == PHASE_FAILED ? problem
        : last == PHASE_WAITS || last == PHASE_WAITS_AGAIN ? "a SIPI did not cause a VM exit"
        : last == PHASE_DONE ? "a CPU did not come back from an INIT with a SIPI behind it"
        : "the other CPU did not answer";

    atomic_store(&abandoned, true);
    if (!smp_restart(other) && !smp_restart(other))
        smp_forget(other);
    return sentence;
}

/* One SIPI each; a second one only to get the CPU back. */
static const char *pairs_arrive(struct cpu *other)
{
    smp_do(other, take_pairs);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (!counted(&spinning, i, PATIENCE))
            return give_up(other);
        delay(DELAY_BEFORE_SENDING);
        local_apic_send(other->apic_id, ICR_INIT_ASSERT);
        local_apic_send(other->apic_id, ICR_SIPI | TEST_VECTOR);
        if (counted(&rounds, i, ROUND_PATIENCE))
            continue;
        atomic_store(&enough, true);
        local_apic_send(other->apic_id, ICR_SIPI | TEST_VECTOR);
        return counted(&rounds, i, PATIENCE) ? selftest_startup_limited : give_up(other);
    }
    return NULL;
}

const char *selftest_startup(struct cpu *cpu)
{
    struct cpu *other = cpus[1];

    (void)cpu;
    atomic_store(&phase, PHASE_BEFORE);
    smp_do(other, target);
    if (!reached(PHASE_SPINS))
        return give_up(other);
    send(other, ICR_INIT_ASSERT);
    if (!reached(PHASE_WAITS))
        return give_up(other);
    send(other, ICR_SIPI | TEST_VECTOR);
    if (!reached(PHASE_WAITS_AGAIN))
        return give_up(other);
    send(other, ICR_INIT_ASSERT);
    send(other, ICR_SIPI | TEST_VECTOR);
    if (!reached(PHASE_DONE))
        return give_up(other);
    return pairs_arrive(other);
}
