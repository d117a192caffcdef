/* SPDX-License-Identifier: BSD-2-Clause */
/* Interprocessor interrupts by MSR: every form, between all CPUs (SDM Vol 3: APIC > Extended XAPIC
 * (x2APIC) > ICR Operation in x2APIC Mode; Issuing IPIs > Determining IPI Destination). */
#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "sextant.h"
#include "tap.h"
#include "x2apic_test.h"
#include "x86.h"

#define VECTOR_COUNT  0x61
#define VECTOR_MARKER 0x62
#define EVERYBODY     0xffffffffu
#define FIXED         (ICR_FIXED | ICR_ASSERT | VECTOR_COUNT)
#define LOWEST        (0x100u | ICR_ASSERT | VECTOR_COUNT)
#define SELF_IPI      0x3f0

static unsigned counted[MAX_CPUS], marked[MAX_CPUS], nmis[MAX_CPUS];

static void count(unsigned *counters)
{
    __atomic_add_fetch(&counters[this_cpu()->index], 1, __ATOMIC_SEQ_CST);
}

static void count_handler(struct frame *frame)
{
    (void)frame;
    count(counted);
    apic_end_of_interrupt();
}

static void marker_handler(struct frame *frame)
{
    (void)frame;
    count(marked);
    apic_end_of_interrupt();
}

static void nmi_handler(struct frame *frame)
{
    (void)frame;
    count(nmis);
}

static unsigned load(const unsigned *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

/* A marker to every CPU, by the plainest message: what was sent before has arrived, or never will. */
static void fence(void)
{
    for (unsigned i = 0; i < cpus_count; i++) {
        unsigned before = load(&marked[i]);

        x2apic_send(cpus[i].apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_MARKER);
        if (!WAIT_UNTIL(load(&marked[i]) != before))
            fatal("CPU %u does not take its marker", i);
    }
}

/* True when each CPU has counted what `expected` says, and forgets it. */
static bool exactly(unsigned *counters, bool (*expected)(unsigned cpu, unsigned argument),
                    unsigned argument)
{
    bool right = true;

    for (unsigned i = 0; i < cpus_count; i++)
        if (expected(i, argument) && !WAIT_UNTIL(load(&counters[i]) != 0))
            right = false;
    fence();
    for (unsigned i = 0; i < cpus_count; i++) {
        if (load(&counters[i]) != expected(i, argument))
            right = false;
        __atomic_store_n(&counters[i], 0, __ATOMIC_SEQ_CST);
    }
    return right;
}

static bool only_one(unsigned cpu, unsigned argument)
{
    return cpu == argument;
}

static bool all(unsigned cpu, unsigned argument)
{
    (void)cpu;
    (void)argument;
    return true;
}

static bool all_but(unsigned cpu, unsigned argument)
{
    return cpu != argument;
}

static bool none(unsigned cpu, unsigned argument)
{
    (void)cpu;
    (void)argument;
    return false;
}

static bool same_cluster(unsigned cpu, unsigned argument)
{
    return cpus[cpu].apic_id >> 4 == cpus[argument].apic_id >> 4;
}

static uint32_t logical_id(unsigned cpu)
{
    return cpus[cpu].apic_id >> 4 << 16 | 1u << cpus[cpu].apic_id % 16;
}

static uint32_t whole_cluster(unsigned of)
{
    uint32_t destination = 0;

    for (unsigned i = 0; i < cpus_count; i++)
        if (same_cluster(i, of))
            destination |= logical_id(i);
    return destination;
}

/* ---- fixed ---- */

static void check_one_by_one(unsigned *counters, uint32_t command, const char *what)
{
    unsigned physical = 0, logical = 0;
    /* A message to oneself: only NMIs do not pass through IRR. */
    unsigned first = counters == nmis ? 1 : 0;

    for (unsigned i = first; i < cpus_count; i++) {
        x2apic_send(cpus[i].apic_id, command);
        physical += exactly(counters, only_one, i);
        x2apic_send(logical_id(i), command | ICR_LOGICAL);
        logical += exactly(counters, only_one, i);
    }
    tap_count(physical, cpus_count - first, "%s, physical, to one CPU", what);
    tap_count(logical, cpus_count - first, "%s, logical, to one CPU", what);
}

static void check_groups(void)
{
    x2apic_send(whole_cluster(0), FIXED | ICR_LOGICAL);
    tap_check(exactly(counted, same_cluster, 0), "logical, to the whole cluster");
    x2apic_send(EVERYBODY, FIXED);
    tap_check(exactly(counted, all, 0), "physical broadcast");
    x2apic_send(0, FIXED | ICR_SELF);
    tap_check(exactly(counted, only_one, 0), "shorthand self");
    x2apic_send(0x12345678, FIXED | ICR_ALL);
    tap_check(exactly(counted, all, 0), "shorthand all, whatever the destination");
    x2apic_send(0, FIXED | ICR_OTHERS);
    tap_check(exactly(counted, all_but, 0), "shorthand others");
    x2apic_write(SELF_IPI, VECTOR_COUNT);
    tap_check(exactly(counted, only_one, 0), "SELF IPI register");
    x2apic_send(logical_id(cpus_count - 1), LOWEST | ICR_LOGICAL);
    tap_check(exactly(counted, only_one, cpus_count - 1), "lowest priority, to one CPU");
}

static void check_nobody(void)
{
    x2apic_send(0x00012345, FIXED);
    tap_check(exactly(counted, none, 0), "nobody has the ID 0x12345");
    x2apic_send(0xff, FIXED);
    tap_check(exactly(counted, none, 0), "0xff is no broadcast in x2APIC mode");
    x2apic_send(0x7fff0001, FIXED | ICR_LOGICAL);
    tap_check(exactly(counted, none, 0), "nobody is in the cluster 0x7fff");
    x2apic_send(0x12345, ICR_NMI | ICR_ASSERT);
    x2apic_send(0x12345, ICR_INIT | ICR_ASSERT);
    x2apic_send(0x12345, ICR_STARTUP | ICR_ASSERT | 0x10);
    tap_check(exactly(counted, none, 0), "nor do NMI, INIT and SIPI to it disturb anybody");
    tap_equal((uint32_t)x2apic_read(APIC_ICR_LOW), ICR_FIXED | ICR_ASSERT | VECTOR_MARKER,
              "ICR shows the last command, the marker's");
}

static void send_from_here(void *argument)
{
    x2apic_send(cpus[0].apic_id, FIXED);
    (void)argument;
}

static void send_to_others(void *argument)
{
    x2apic_send(0, FIXED | ICR_OTHERS);
    (void)argument;
}

static void check_other_senders(void)
{
    unsigned to_boot = 0, to_others = 0;

    for (unsigned i = 1; i < cpus_count; i++) {
        cpu_run(&cpus[i], send_from_here, NULL);
        to_boot += exactly(counted, only_one, 0);
        cpu_run(&cpus[i], send_to_others, NULL);
        to_others += exactly(counted, all_but, i);
    }
    tap_count(to_boot, cpus_count - 1, "CPUs that reach the boot CPU");
    tap_count(to_others, cpus_count - 1, "CPUs that reach all others");
}

/* ---- NMI, INIT, SIPI ---- */

static void check_nmis(void)
{
    interrupts_set_handler(VECTOR_NMI, nmi_handler);
    check_one_by_one(nmis, ICR_NMI | ICR_ASSERT, "NMI");
    x2apic_send(0, ICR_NMI | ICR_ASSERT | ICR_OTHERS);
    tap_equal((uint32_t)x2apic_read(APIC_ICR_LOW), ICR_NMI | ICR_ASSERT | ICR_OTHERS,
              "ICR after an NMI shows its command");
    tap_check(exactly(nmis, all_but, 0), "NMI, shorthand others");
}

static unsigned count_states(enum apic_state state, uint32_t expected)
{
    unsigned right = 0;

    for (unsigned i = 1; i < cpus_count; i++)
        right += cpus[i].apic_state[state] == expected;
    return right;
}

static void check_after_init(void)
{
    unsigned in_mode = 0, logical = 0;

    for (unsigned i = 1; i < cpus_count; i++) {
        in_mode += cpus[i].x2apic;
        logical += cpus[i].apic_state[APIC_STATE_LDR] == logical_id(i);
    }
    tap_count(in_mode, cpus_count - 1, "INIT keeps CPUs in x2APIC mode");
    if (logical != cpus_count - 1 && !sextant_present())
        tap_differs("the logical ID does not survive INIT");
    tap_check(logical == cpus_count - 1 || !sextant_present(), "INIT keeps the logical ID");
    tap_count(count_states(APIC_STATE_SVR, 0xff), cpus_count - 1,
              "after INIT: spurious-interrupt vector register 0xff");
    tap_count(count_states(APIC_STATE_TPR, 0), cpus_count - 1, "after INIT: task priority 0");
    tap_count(count_states(APIC_STATE_ICR_LOW, 0), cpus_count - 1, "after INIT: ICR 0");
    tap_count(count_states(APIC_STATE_LVT_ERROR, LVT_MASKED), cpus_count - 1,
              "after INIT: LVT error masked");
}

static void check_restarts(void)
{
    unsigned again = 0, before[MAX_CPUS];
    uint8_t vector;

    for (unsigned i = 1; i < cpus_count; i++)
        again += cpu_restart(&cpus[i], 0);
    tap_count(again, cpus_count - 1, "CPUs restarted by INIT and SIPI, one by one");
    check_after_init();
    for (unsigned i = 1; i < cpus_count; i++)
        before[i] = cpu_starts(&cpus[i]);
    vector = cpus_prepare_start_page(0, false);
    x2apic_send(0, ICR_INIT | ICR_ASSERT | ICR_OTHERS);
    delay_microseconds(10000);
    x2apic_send(0, ICR_STARTUP | ICR_ASSERT | ICR_OTHERS | vector);
    again = 0;
    for (unsigned i = 1; i < cpus_count; i++)
        again += WAIT_UNTIL(cpu_starts(&cpus[i]) == before[i] + 1);
    tap_count(again, cpus_count - 1, "CPUs restarted all together");
}

/* QEMU clears the logical ID at INIT; entering the mode a second time is no transition, so nothing
 * but a reset would bring it back: logical messages come first. */
void check_messages(void)
{
    unsigned in_mode = 0;

    if (cpus_count < 2) {
        tap_skip(MESSAGE_LINES, "needs 2 CPUs", "messages");
        return;
    }
    tap_check(cpus_start_all(), "CPUs are started by INIT and SIPI in ICR's MSR");
    for (unsigned i = 1; i < cpus_count; i++) {
        if (!cpus[i].x2apic)
            cpu_run(&cpus[i], cpu_enter_x2apic, NULL);
        in_mode += cpus[i].x2apic;
    }
    tap_count(in_mode, cpus_count - 1, "CPUs in x2APIC mode");
    interrupts_set_handler(VECTOR_COUNT, count_handler);
    interrupts_set_handler(VECTOR_MARKER, marker_handler);
    interrupts_on();
    check_one_by_one(counted, FIXED, "fixed");
    check_groups();
    check_nobody();
    check_other_senders();
    check_nmis();
    check_restarts();
    interrupts_off();
}
