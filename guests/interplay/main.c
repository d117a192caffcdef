/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interplay: what comes in the middle of an access to the APIC.
 *
 * Matters because a hypervisor that steps an instruction on the APIC's page, or carries it out, is for a
 * moment between two states of the guest: TF is set and interrupts are held back, or the page is
 * another one. An INIT, a NMI, an interrupt or a call of all CPUs by the hypervisor itself that
 * comes just then must find the guest as it would be on the bare machine, and the access must have
 * happened once or not at all. One CPU makes accesses without end, in forms that are decoded and
 * in forms that are stepped (LOCK), and looks at every value; another one disturbs it, at a moment that
 * differs from round to round.
 *
 * docs/interplay.md names the guests that have the other cases. Needs 2 CPUs. On the bare machine there is no
 * hypervisor that could call all CPUs, and that line is ok. No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Local APIC; Debug, Branch Profile, TSC > Debug Exceptions;
 * Processor Management and Initialization > Processor State After Reset (column INIT).
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "sextant.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_TIMER      0x41
#define VECTOR_DISTURB    0xe1 /* above every task priority that an access leaves */
#define LEAF_SNAPSHOT     0x40000004u
#define INIT_ROUNDS       40u
#define DISTURBANCES      200u
#define ALL_TOGETHER      4000u /* rounds of accesses of all CPUs */
#define TIMER_COUNT       50000u

/* What the accessing CPU has seen. */
static unsigned wrong_values, rounds_done;
static unsigned interrupts_taken, nmis_taken, timers_taken, frames_with_trap_flag, frames_without_if;
static bool stop;

static unsigned now(const unsigned *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void count(unsigned *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static void look_at(const struct frame *frame)
{
    if ((frame->rflags & RFLAGS_TF) != 0)
        count(&frames_with_trap_flag);
}

static void disturb_handler(struct frame *frame)
{
    look_at(frame);
    if ((frame->rflags & RFLAGS_IF) == 0)
        count(&frames_without_if);
    apic_eoi();
    count(&interrupts_taken);
}

static void timer_handler(struct frame *frame)
{
    look_at(frame);
    apic_eoi();
    count(&timers_taken);
}

static void nmi_handler(struct frame *frame)
{
    look_at(frame);
    count(&nmis_taken);
}

/*
 * Accesses in many forms, each looked at: MOV, XCHG, MOVS, STOS (decoded), LOCK OR, LOCK XADD
 * (stepped), and reads. The task priority stays below 0x40, so interrupts keep coming. Yields the
 * number of values that are wrong.
 */
static unsigned access(uint32_t seed)
{
    volatile uint32_t *priority = apic_register(APIC_TPR);
    volatile uint32_t *high = apic_register(APIC_ICR_HIGH);
    uint32_t low_priority = 0x10 | (seed & 0x3), word = 0x20, got = seed & 0xff000000u;
    const uint32_t *from = &got;
    volatile uint32_t *to = high;
    unsigned wrong = 0;

    apic_write(APIC_TPR, low_priority);
    __asm__ volatile("lock orl $0x0c, %0" : "+m"(*priority) : : "memory", "cc");
    wrong += apic_read(APIC_TPR) != (low_priority | 0x0c);
    __asm__ volatile("xchgl %0, %1" : "+r"(word), "+m"(*priority) : : "memory");
    wrong += word != (low_priority | 0x0c) || apic_read(APIC_TPR) != 0x20;
    /* The upper half of ICR sends nothing. */
    __asm__ volatile("movsl" : "+D"(to), "+S"(from) : : "memory");
    wrong += apic_read(APIC_ICR_HIGH) != got;
    word = 0x01000000;
    __asm__ volatile("lock xaddl %0, %1" : "+r"(word), "+m"(*high) : : "memory", "cc");
    wrong += word != got || apic_read(APIC_ICR_HIGH) != got + 0x01000000;
    to = priority;
    __asm__ volatile("stosl" : "+D"(to) : "a"(0) : "memory");
    wrong += apic_read(APIC_TPR) != 0;
    return wrong;
}

static void access_for_ever(struct cpu *cpu)
{
    for (uint32_t seed = 0;; seed += 0x01000001) {
        if (access(seed) != 0)
            count(&wrong_values);
        __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
    }
}

static void access_without_interrupts(void *argument)
{
    access_for_ever(argument);
}

static void access_with_timer(void *argument)
{
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, TIMER_COUNT);
    interrupts_on();
    access_for_ever(argument);
}

static void access_until_stopped(void *argument)
{
    uint32_t seed = 0;
    (void)argument;
    interrupts_on();
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        if (access(seed) != 0)
            count(&wrong_values);
        seed += 0x01000001;
        count(&rounds_done);
    }
}

/* ---- INIT ---- */

/* The registers in which a step that INIT has cut short would show, as the CPU found them. */
static bool state_is_that_of_init(const struct cpu *cpu)
{
    static const unsigned zero[] = { APIC_STATE_TPR, APIC_STATE_ICR_HIGH, APIC_STATE_TIMER_INITIAL,
                                     APIC_STATE_IN_SERVICE, APIC_STATE_REQUESTED };
    bool right = cpu->state[STATE_EFLAGS] == RFLAGS_FIXED && cpu->state[STATE_DR6] == DR6_INIT &&
                 cpu->state[STATE_DR7] == DR7_INIT && cpu->apic_state[APIC_STATE_LVT_TIMER] == LVT_MASKED;
    for (unsigned i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
        right = right && cpu->apic_state[zero[i]] == 0;
    return right;
}

static void check_init(void (*work)(void *), const char *what)
{
    struct cpu *cpu = &cpus[1];
    unsigned restarted = 0, as_after_init = 0;

    __atomic_store_n(&wrong_values, 0, __ATOMIC_SEQ_CST);
    /* A CPU that does not restart is not asked again: each time takes a deadline. */
    for (unsigned round = 0; round < INIT_ROUNDS && restarted == round; round++) {
        uint64_t before = __atomic_load_n(&cpu->counter, __ATOMIC_SEQ_CST);
        cpu_post(cpu, work, cpu);
        (void)WAIT_UNTIL(__atomic_load_n(&cpu->counter, __ATOMIC_SEQ_CST) > before + round % 5);
        /* Not always at the same point of its loop. */
        for (unsigned i = 0; i < 37 * (round % 13); i++)
            __asm__ volatile("" : : : "memory");
        restarted += cpu_restart(cpu, round % 2);
        as_after_init += state_is_that_of_init(cpu);
    }
    tap_count(restarted, INIT_ROUNDS, "INIT and SIPI to a CPU that %s: started once each time", what);
    tap_count(as_after_init, INIT_ROUNDS, "its flags, debug registers and APIC are as after INIT");
    tap_count(now(&wrong_values), 0, "wrong values until then");
}

/* ---- interrupts, NMIs, calls of all CPUs ---- */

static unsigned answered;

static void send_interrupt(void)
{
    unsigned before = now(&interrupts_taken);
    apic_send((uint8_t)cpus[1].apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_DISTURB);
    (void)WAIT_UNTIL(now(&interrupts_taken) != before);
}

static void send_nmi(void)
{
    unsigned before = now(&nmis_taken);
    apic_send((uint8_t)cpus[1].apic_id, ICR_NMI | ICR_ASSERT);
    (void)WAIT_UNTIL(now(&nmis_taken) != before);
}

static void call_all_cpus(void)
{
    answered += !sextant_present() || cpuid(LEAF_SNAPSHOT, 0).eax == 1;
}

/* CPU 1 accesses its APIC while this one does something many times. */
static void disturb(void (*action)(void))
{
    struct cpu *cpu = &cpus[1];

    wrong_values = rounds_done = interrupts_taken = nmis_taken = 0;
    __atomic_store_n(&stop, false, __ATOMIC_SEQ_CST);
    cpu_post(cpu, access_until_stopped, NULL);
    (void)WAIT_UNTIL(now(&rounds_done) != 0);
    for (unsigned i = 0; i < DISTURBANCES; i++) {
        unsigned before = now(&rounds_done);
        action();
        /* It gets on, and so the moment is another one. */
        (void)WAIT_UNTIL(now(&rounds_done) != before);
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    tap_check(cpu_wait_idle(cpu) && now(&wrong_values) == 0,
              "the accesses go on, and their values are right");
}

static void check_disturbances(void)
{
    disturb(send_interrupt);
    tap_count(interrupts_taken, DISTURBANCES, "interrupts sent to a CPU that accesses its APIC");
    disturb(send_nmi);
    tap_count(nmis_taken, DISTURBANCES, "NMIs sent to it");
    answered = 0;
    disturb(call_all_cpus);
    tap_count(answered, DISTURBANCES, "calls of all CPUs by a hypervisor, answered in time");
}

/* ---- all at once ---- */

static void access_many_times(void *argument)
{
    uint32_t seed = this_cpu()->index << 24;
    (void)argument;
    interrupts_on();
    for (unsigned i = 0; i < ALL_TOGETHER / cpus_count; i++) {
        if (access(seed) != 0)
            count(&wrong_values);
        seed += 0x01000001;
    }
    interrupts_off();
}

static void check_together(void)
{
    unsigned silent = 0;
    wrong_values = 0;
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_post(&cpus[i], access_many_times, NULL);
    access_many_times(NULL);
    for (unsigned i = 1; i < cpus_count; i++)
        silent += !cpu_wait_idle(&cpus[i]);
    tap_count(silent, 0, "all CPUs access their APICs at the same time: CPUs that do not finish");
    tap_count(wrong_values, 0, "wrong values");
}

#define LINES (1 + 6 + 6 + 2 + 2)

void guest_main(void)
{
    tap_plan(LINES);
    if (cpus_count < 2) {
        tap_skip(LINES, "needs 2 CPUs", "disturbances of an access");
        return;
    }
    interrupts_set_handler(VECTOR_NMI, nmi_handler);
    interrupts_set_handler(VECTOR_DISTURB, disturb_handler);
    interrupts_set_handler(VECTOR_TIMER, timer_handler);
    tap_check(cpus_start_all(), "%u CPUs take part", cpus_count);
    check_disturbances();
    check_together();
    tap_count(now(&frames_without_if), 0, "interrupts taken with IF clear");
    check_init(access_without_interrupts, "accesses its APIC with IF clear");
    check_init(access_with_timer, "accesses its APIC while its timer interrupts it");
    tap_count(now(&frames_with_trap_flag), 0, "frames with TF set");
}
