/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's timer (SDM Vol 3: APIC > Local APIC Timer). */
#include "apic.h"
#include "apic_test.h"
#include "cpus.h"
#include "delay.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_TIMER 0x71
#define SHORT_COUNT  20000u
#define LONG_COUNT   0xfffffff0u

static unsigned ticks;
static unsigned ticks_of_others;

static void timer_handler(struct frame *frame)
{
    (void)frame;
    if (this_cpu()->index == 0)
        ticks++;
    else
        __atomic_add_fetch(&ticks_of_others, 1, __ATOMIC_SEQ_CST);
    apic_eoi();
}

static unsigned ticks_so_far(void)
{
    return __atomic_load_n(&ticks, __ATOMIC_SEQ_CST);
}

static void one_shots(void)
{
    static const struct {
        uint8_t configuration, divisor;
    } divisions[] = { { 0xb, 1 },  { 0x0, 2 },  { 0x1, 4 },  { 0x2, 8 },
                      { 0x3, 16 }, { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 } };
    for (unsigned i = 0; i < sizeof(divisions) / sizeof(divisions[0]); i++) {
        ticks = 0;
        /* Stopped first: QEMU lets a one-shot that has run out run on when the divisor grows. */
        apic_write(APIC_TIMER_INITIAL, 0);
        apic_write(APIC_TIMER_DIVIDE, divisions[i].configuration);
        apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
        apic_write(APIC_TIMER_INITIAL, SHORT_COUNT);
        interrupts_on();
        (void)WAIT_UNTIL(ticks_so_far() != 0);
        interrupts_off();
        tap_count(ticks_so_far(), 1, "one-shot, divided by %u: interrupts", divisions[i].divisor);
    }
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    tap_equal(apic_read(APIC_TIMER_CURRENT), 0, "current count after a one-shot");
    interrupts_on();
    delay_microseconds(1000);
    interrupts_off();
    tap_count(ticks_so_far(), 1, "no second interrupt comes");
}

static void counting(void)
{
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, LONG_COUNT);
    uint32_t first = apic_read(APIC_TIMER_CURRENT);
    bool falls = WAIT_UNTIL(apic_read(APIC_TIMER_CURRENT) < first);
    tap_check(falls && first <= LONG_COUNT, "the current count falls from the initial count on");

    apic_write(APIC_TIMER_INITIAL, SHORT_COUNT);
    bool expired = WAIT_UNTIL(apic_read(APIC_TIMER_CURRENT) == 0);
    tap_check(expired && !apic_bit(APIC_IRR, VECTOR_TIMER),
              "a masked one-shot requests no interrupt");
}

static void periodic(void)
{
    ticks = 0;
    apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, SHORT_COUNT);
    interrupts_on();
    tap_check(WAIT_UNTIL(ticks_so_far() >= 20), "periodic: 20 interrupts come");
    apic_write(APIC_TIMER_INITIAL, 0);
    /* One that was requested before is still taken. */
    (void)WAIT_UNTIL(!apic_bit(APIC_IRR, VECTOR_TIMER));
    unsigned stopped = ticks_so_far();
    delay_microseconds(1000);
    interrupts_off();
    tap_check(ticks_so_far() == stopped, "initial count 0 stops it");

    ticks = 0;
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, LONG_COUNT);
    apic_write(APIC_TIMER_INITIAL, SHORT_COUNT);
    interrupts_on();
    (void)WAIT_UNTIL(ticks_so_far() != 0);
    interrupts_off();
    tap_count(ticks_so_far(), 1, "a new initial count starts the timer anew: interrupts");
}

static void own_one_shot(void *argument)
{
    (void)argument;
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, SHORT_COUNT);
}

void check_timer(void)
{
    interrupts_set_handler(VECTOR_TIMER, timer_handler);
    one_shots();
    counting();
    periodic();
    if (cpus_count < 2) {
        tap_skip(1, "needs 2 CPUs", "one-shot on every other CPU");
        return;
    }
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], own_one_shot, NULL);
    (void)WAIT_UNTIL(__atomic_load_n(&ticks_of_others, __ATOMIC_SEQ_CST) == cpus_count - 1);
    tap_count(ticks_of_others, cpus_count - 1, "one-shot on every other CPU: interrupts");
}
