/* SPDX-License-Identifier: BSD-2-Clause */
/* What x2APIC mode is for: nothing but ICR needs a hypervisor. On the bare machine the counts are 0. */
#include "apic.h"
#include "cpus.h"
#include "sextant.h"
#include "tap.h"
#include "x2apic_test.h"
#include "x86.h"

#define ROUNDS      100u
#define SELF_VECTOR 0x51

static volatile unsigned taken;

static void self_handler(struct frame *frame)
{
    (void)frame;
    taken++;
    x2apic_write(APIC_EOI, 0);
}

/* Exits for MSRs and nested page faults: all that an APIC access could cost. */
static uint64_t exits(void)
{
    uint64_t sum = 0;

    if (!sextant_present())
        return 0;
    sum += sextant_counter((unsigned)sextant_counter_number("exit: RDMSR or WRMSR"));
    sum += sextant_counter((unsigned)sextant_counter_number("exit: nested page fault or EPT violation"));
    return sum;
}

static uint64_t cost(void (*operation)(void))
{
    uint64_t before = exits();

    for (unsigned i = 0; i < ROUNDS; i++)
        operation();
    return exits() - before;
}

static void write_eoi(void)
{
    x2apic_write(APIC_EOI, 0);
}

static void write_tpr(void)
{
    x2apic_write(APIC_TPR, 0x20);
    x2apic_write(APIC_TPR, 0);
}

/* Not the timer's current count, which no processor virtualizes. */
static void read_registers(void)
{
    (void)x2apic_read(APIC_ID);
    (void)x2apic_read(APIC_PPR);
    (void)x2apic_read(APIC_ISR);
    (void)x2apic_read(APIC_TIMER_INITIAL);
}

static void self_ipi(void)
{
    x2apic_write(0x3f0, SELF_VECTOR);
}

static void ipi_by_icr(void)
{
    x2apic_send(this_cpu()->apic_id, ICR_FIXED | ICR_ASSERT | SELF_VECTOR);
}

static void read_icr(void)
{
    (void)x2apic_read(APIC_ICR_LOW);
}

void check_costs(void)
{
    interrupts_set_handler(SELF_VECTOR, self_handler);
    tap_count(cost(write_eoi), 0, "exits for %u EOI writes", ROUNDS);
    tap_count(cost(write_tpr), 0, "exits for %u TPR writes", 2 * ROUNDS);
    tap_count(cost(read_registers), 0, "exits for %u register reads", 4 * ROUNDS);
    interrupts_on();
    tap_count(cost(self_ipi), 0, "exits for %u self-IPIs with their EOIs", ROUNDS);
    uint64_t exits_of_icr = cost(ipi_by_icr);
    tap_check(exits_of_icr <= ROUNDS && (!sextant_present() || exits_of_icr == ROUNDS || is_locked()
                                         || exits_of_icr == 0),
              "at most one exit for each of %u ICR writes", ROUNDS);
    tap_differs("exits for %u ICR writes: %u", ROUNDS, (unsigned)exits_of_icr);
    interrupts_off();
    tap_count(cost(read_icr), 0, "exits for %u ICR reads after that", ROUNDS);
    tap_count(taken, 2 * ROUNDS, "self-IPIs and IPIs to itself taken");
    interrupts_set_handler(SELF_VECTOR, NULL);
}
