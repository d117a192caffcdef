/* SPDX-License-Identifier: BSD-2-Clause */
/* Intel 8259A Programmable Interrupt Controller > Initialization Command Words; 8254 Programmable
 * Interval Timer > Mode 2. */
#include "pic.h"

#include "delay.h"
#include "interrupts.h"
#include "x86.h"

#define VECTOR_TIMER 0x30

static unsigned ticks;

static void timer_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST);
    outb(0x20, 0x20);
}

bool pic_reaches_cpu(void)
{
    static const uint8_t sequence[][2] = {
        { 0x20, 0x11 }, { 0x21, VECTOR_TIMER }, { 0x21, 4 }, { 0x21, 1 },
        { 0xa0, 0x11 }, { 0xa1, VECTOR_TIMER + 8 }, { 0xa1, 2 }, { 0xa1, 1 },
        { 0x21, 0xfe }, { 0xa1, 0xff }, { 0x43, 0x34 }, { 0x40, 0 }, { 0x40, 0x10 },
    };
    bool came;

    ticks = 0;
    interrupts_set_handler(VECTOR_TIMER, timer_handler);
    for (unsigned i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++)
        outb(sequence[i][0], sequence[i][1]);
    interrupts_on();
    came = WAIT_UNTIL(__atomic_load_n(&ticks, __ATOMIC_SEQ_CST) >= 2);
    interrupts_off();
    outb(0x21, 0xff);
    return came;
}
