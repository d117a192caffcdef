/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer: a hundred thousand timer interrupts, none lost, none made up, none left in service.
 *
 * Matters because an end of interrupt that gets lost once in many thousand stops the vector and all below
 * it for ever, and a shorter test does not meet it. The timer is one-shot, so the count is exact: each
 * handler sets it once for the next one, in turn before its EOI and so short that the next
 * interrupt is requested while this one is in service, and after its EOI. Two CPUs take their share
 * at the same time, first in xAPIC mode, then, where there is x2APIC, in that mode. In the end
 * nothing may be in service or requested, and the processor priority is 0.
 *
 * The guest eoi has other interrupts beside the timer's and other instructions for EOI. A guest that is
 * handed over in x2APIC mode skips the lines of xAPIC mode. No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Handling Interrupts > Signaling Interrupt Servicing Completion; APIC >
 * Local APIC > APIC Timer.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "tap.h"
#include "x86.h"

#define ALL_INTERRUPTS 100000u
#define MOST_CPUS      2u /* each spins; more than the emulator's machine has would only wait */
#define VECTOR_TIMER   0x51
#define FEATURE_X2APIC (1u << 21)
#define MODE_LINES     7

/* Ticks to the next interrupt: at once, and long enough for the handler to have returned. */
#define COUNT_AT_ONCE 1u
#define COUNT_LATER   2000u

/* What each CPU has seen in one mode; only that CPU writes it. */
struct tally {
    unsigned share, taken;
    unsigned not_in_service;
    bool left_in_service, left_requested;
    uint32_t left_priority;
};

static struct tally tallies[MOST_CPUS];
static unsigned takers;

static unsigned taken_by(unsigned cpu)
{
    return __atomic_load_n(&tallies[cpu].taken, __ATOMIC_SEQ_CST);
}

static void timer_handler(struct frame *frame)
{
    struct tally *tally = &tallies[this_cpu()->index];
    unsigned taken = tally->taken + 1;
    bool before = taken % 2 != 0, more = taken < tally->share;

    (void)frame;
    tally->not_in_service += !apic_bit(APIC_ISR, VECTOR_TIMER);
    if (more && before)
        apic_put(APIC_TIMER_INITIAL, COUNT_AT_ONCE);
    apic_end_of_interrupt();
    if (more && !before)
        apic_put(APIC_TIMER_INITIAL, COUNT_LATER);
    __atomic_store_n(&tally->taken, taken, __ATOMIC_SEQ_CST);
}

static void take_share(void *argument)
{
    struct tally *tally = argument;
    unsigned index = this_cpu()->index, before;

    apic_put(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_put(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_put(APIC_TIMER_INITIAL, COUNT_LATER);
    interrupts_on();
    do
        before = taken_by(index);
    while (before < tally->share && WAIT_UNTIL(taken_by(index) != before));
    /* One that nobody asked for would come now. */
    for (unsigned i = 0; i < 10000; i++)
        pause();
    interrupts_off();
    apic_put(APIC_LVT_TIMER, LVT_MASKED);
    tally->left_in_service = !apic_bits_empty(APIC_ISR);
    tally->left_requested = !apic_bits_empty(APIC_IRR);
    tally->left_priority = apic_get(APIC_PPR);
}

/* Waits as long as the CPU gets on; false when it does not come to its end. */
static bool wait_for(unsigned index)
{
    unsigned before;
    do
        before = taken_by(index);
    while (before < tallies[index].share && WAIT_UNTIL(taken_by(index) != before));
    return cpu_wait_idle(&cpus[index]);
}

static void check_mode(const char *mode)
{
    unsigned unfinished = 0, taken = 0, wrong = 0, not_in_service = 0, in_service = 0, requested = 0,
             priority = 0;

    for (unsigned i = 0; i < takers; i++)
        tallies[i] = (struct tally){ .share = ALL_INTERRUPTS / takers };
    for (unsigned i = 1; i < takers; i++)
        cpu_post(&cpus[i], take_share, &tallies[i]);
    take_share(&tallies[0]);
    for (unsigned i = 1; i < takers; i++)
        unfinished += !wait_for(i);
    for (unsigned i = 0; i < takers; i++) {
        taken += tallies[i].taken;
        wrong += tallies[i].taken != tallies[i].share;
        not_in_service += tallies[i].not_in_service;
        in_service += tallies[i].left_in_service;
        requested += tallies[i].left_requested;
        priority += tallies[i].left_priority != 0;
    }
    tap_count(unfinished, 0, "%s: CPUs that do not finish", mode);
    tap_count(taken, ALL_INTERRUPTS, "%s: timer interrupts", mode);
    tap_count(wrong, 0, "%s: CPUs that took fewer or more than they had set", mode);
    tap_count(not_in_service, 0, "%s: interrupts that were not in service in their handler", mode);
    tap_count(in_service, 0, "%s: CPUs with an interrupt left in service", mode);
    tap_count(requested, 0, "%s: CPUs with an interrupt left requested", mode);
    tap_count(priority, 0, "%s: CPUs with a processor priority left", mode);
}

void guest_main(void)
{
    tap_plan(1 + 2 * MODE_LINES);
    interrupts_set_handler(VECTOR_TIMER, timer_handler);
    takers = cpus_count < MOST_CPUS ? cpus_count : MOST_CPUS;
    tap_check(cpus_start_all(), "%u CPUs take part", takers);
    if (this_cpu()->x2apic)
        tap_skip(MODE_LINES, "handed over in x2APIC mode", "xAPIC mode");
    else
        check_mode("xAPIC mode");
    if ((cpuid(1, 0).ecx & FEATURE_X2APIC) == 0) {
        tap_skip(MODE_LINES, "no x2APIC (CPUID.1:ECX[21])", "x2APIC mode");
        return;
    }
    for (unsigned i = 1; i < takers; i++)
        if (!cpus[i].x2apic)
            cpu_run(&cpus[i], cpu_enter_x2apic, NULL);
    if (!this_cpu()->x2apic)
        cpu_enter_x2apic(NULL);
    check_mode("x2APIC mode");
}
