/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task priority, processor priority and the order of delivery (SDM Vol 3: APIC > Handling
 * Interrupts).
 */
#include "apic.h"
#include "apic_test.h"
#include "cpus.h"
#include "delay.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_LOW    0x41
#define VECTOR_MIDDLE 0x51
#define VECTOR_HIGH   0x61
#define ORDER_MAX     8

static uint8_t order[ORDER_MAX];
static unsigned taken;
static uint32_t priority_in_service[3];

static void order_handler(struct frame *frame)
{
    if (taken < ORDER_MAX)
        order[taken] = (uint8_t)frame->vector;
    taken++;
    apic_eoi();
}

static void self(uint8_t vector)
{
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | vector);
}

/* A moment with IF set, until so many interrupts have been taken altogether. */
static void window(unsigned expected)
{
    interrupts_on();
    (void)WAIT_UNTIL(__atomic_load_n(&taken, __ATOMIC_SEQ_CST) >= expected);
    interrupts_off();
}

/* In service with vector 0x51: processor priority under three task priorities. */
static void priority_handler(struct frame *frame)
{
    static const uint8_t task_priority[3] = { 0x00, 0x62, 0x5f };
    for (unsigned i = 0; i < 3; i++) {
        apic_write(APIC_TPR, task_priority[i]);
        priority_in_service[i] = apic_read(APIC_PPR);
    }
    apic_write(APIC_TPR, 0);
    order_handler(frame);
}

/*
 * Sends two more vectors while it is in service with IF set: only the higher one may come in
 * between.
 */
static void nesting_handler(struct frame *frame)
{
    self(VECTOR_LOW);
    self(VECTOR_HIGH);
    window(1);
    order_handler(frame);
}

static void check_processor_priority(void)
{
    apic_write(APIC_TPR, 0x35);
    tap_equal(apic_read(APIC_PPR), 0x35,
              "processor priority, task priority 0x35, nothing in service");
    apic_write(APIC_TPR, 0);

    interrupts_set_handler(VECTOR_MIDDLE, priority_handler);
    self(VECTOR_MIDDLE);
    window(1);
    tap_equal(priority_in_service[0], 0x50, "processor priority, task priority 0, 0x51 in service");
    tap_equal(priority_in_service[1], 0x62,
              "processor priority, task priority 0x62, 0x51 in service");
    tap_equal(priority_in_service[2], 0x5f,
              "processor priority, task priority 0x5f, 0x51 in service");

    write_cr8(5);
    tap_equal(apic_read(APIC_TPR), 0x50, "task priority after CR8 = 5");
    apic_write(APIC_TPR, 0x73);
    tap_equal(read_cr8(), 7, "CR8 after task priority = 0x73");
    apic_write(APIC_TPR, 0);
}

static void check_blocking(void)
{
    taken = 0;
    apic_write(APIC_TPR, 0x50);
    self(VECTOR_LOW);
    window(0);
    tap_check(taken == 0 && apic_bit(APIC_IRR, VECTOR_LOW),
              "0x41 stays requested under task priority 0x50: taken %u (expected 0)", taken);
    apic_write(APIC_TPR, 0x30);
    window(1);
    tap_count(taken, 1, "0x41 is taken under task priority 0x30");
    apic_write(APIC_TPR, 0);
}

static void check_order(void)
{
    interrupts_set_handler(VECTOR_MIDDLE, order_handler);
    taken = 0;
    self(VECTOR_LOW);
    self(VECTOR_HIGH);
    self(VECTOR_MIDDLE);
    window(3);
    tap_check(taken == 3 && order[0] == VECTOR_HIGH && order[1] == VECTOR_MIDDLE &&
                  order[2] == VECTOR_LOW,
              "three pending: %u taken, 0x%x 0x%x 0x%x (expected 3, 0x61 0x51 0x41)", taken,
              order[0], order[1], order[2]);

    interrupts_set_handler(VECTOR_MIDDLE, nesting_handler);
    taken = 0;
    self(VECTOR_MIDDLE);
    window(3);
    tap_check(taken == 3 && order[0] == VECTOR_HIGH && order[1] == VECTOR_MIDDLE &&
                  order[2] == VECTOR_LOW,
              "0x51 sends 0x41 and 0x61: EOI order 0x%x 0x%x 0x%x (expected 0x61 0x51 0x41)",
              order[0], order[1], order[2]);
}

static void check_ways_to_self(void)
{
    taken = 0;
    apic_write(APIC_LDR, 0x01000000);
    self(VECTOR_LOW);
    window(1);
    apic_send((uint8_t)this_cpu()->apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_LOW);
    window(2);
    apic_send(0x01, ICR_FIXED | ICR_LOGICAL | ICR_ASSERT | VECTOR_LOW);
    window(3);
    tap_count(taken, 3, "self-IPI by shorthand, physical and logical destination");
    apic_write(APIC_LDR, 0);
    tap_check(apic_bits_empty(APIC_ISR) && apic_bits_empty(APIC_IRR),
              "nothing requested, nothing in service");
}

void check_priorities(void)
{
    interrupts_set_handler(VECTOR_LOW, order_handler);
    interrupts_set_handler(VECTOR_HIGH, order_handler);
    check_processor_priority();
    check_blocking();
    check_order();
    check_ways_to_self();
}
