/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delays and deadlines by the ACPI power-management timer: a free-running counter that reading does
 * not change, so that all CPUs can use it at the same time (ACPI Specification: ACPI Hardware
 * Specification > Power Management Timer).
 */
#include "delay.h"

#include "acpi.h"

#define TIMER_MASK           0xffffffu /* it has at least 24 bits */
#define TICKS_PER_SECOND     3579545ul
#define DEADLINE_SECONDS     30
#define PORT_DIAGNOSTIC      0x80 /* takes about a microsecond on an ISA bus */
#define TICKS_OF_PORT_ACCESS 4

static uint16_t timer_port;

static inline uint32_t read_timer(void)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(timer_port));
    return value & TIMER_MASK;
}

void delay_initialise(void)
{
    timer_port = acpi_timer_port();
}

static struct deadline deadline_in(uint64_t ticks)
{
    return (struct deadline){ .last = timer_port != 0 ? read_timer() : 0, .remaining = ticks };
}

struct deadline deadline_start(void)
{
    return deadline_in(DEADLINE_SECONDS * TICKS_PER_SECOND);
}

bool deadline_passed(struct deadline *deadline)
{
    uint64_t elapsed = TICKS_OF_PORT_ACCESS;
    if (timer_port != 0) {
        uint32_t now = read_timer();
        elapsed = (now - deadline->last) & TIMER_MASK;
        deadline->last = now;
    } else {
        inb(PORT_DIAGNOSTIC);
    }
    deadline->remaining = elapsed < deadline->remaining ? deadline->remaining - elapsed : 0;
    return deadline->remaining == 0;
}

void delay_microseconds(uint32_t microseconds)
{
    struct deadline deadline = deadline_in(microseconds * TICKS_PER_SECOND / 1000000 + 2);
    while (!deadline_passed(&deadline))
        pause();
}
