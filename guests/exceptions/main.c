/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exceptions: tens of thousands of exceptions, while interrupts are off and while timer interrupts come.
 *
 * Matters because a hypervisor is entered between two instructions all the time, for an interrupt or a
 * timer of its own, and now and then that is right behind the delivery of an exception of the guest's:
 * at the first instruction of its handler. Each exception has to be delivered once: the handler counts,
 * and behind each the stack and a register are what they were. One in real mode has another frame.
 *
 * No `# differs:` lines.
 * Source: SDM Vol 3: Interrupt and Exception Handling > Priority Among Concurrent Events.
 */
#include "guest.h"

#include "apic.h"
#include "delay.h"
#include "interrupts.h"
#include "real_mode.h"
#include "tap.h"
#include "x86.h"

#define EXCEPTIONS    30000u
#define VECTOR_TIMER  0x51
#define TIMER_COUNT   7001u
#define UD2_LENGTH    2
#define MARK          0x5bd1e995u

/* Written in handlers. */
static volatile unsigned taken, timer_interrupts;
static volatile unsigned wrong_address, wrong_stack;
static volatile uint64_t stack;

extern const char exceptions_ud2[];

static void undefined_handler(struct frame *frame)
{
    taken++;
    wrong_address += frame->rip != (uint64_t)exceptions_ud2;
    wrong_stack += frame->rsp != stack;
    frame->rip += UD2_LENGTH;
}

static void timer_handler(struct frame *frame)
{
    (void)frame;
    timer_interrupts++;
    apic_eoi();
}

/* Returns how many times the register or the stack pointer was not what it was. */
static unsigned __attribute__((noinline)) raise_all(void)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < EXCEPTIONS; i++) {
        uint64_t mark = MARK + i, before, after;
        __asm__ volatile("movq %%rsp, %1\n\tmovq %%rsp, %3\n"
                         ".ifndef exceptions_ud2\n.globl exceptions_ud2\nexceptions_ud2:\n.endif\n\t"
                         "ud2\n\tmovq %%rsp, %2"
                         : "+r"(mark), "=&r"(before), "=&r"(after), "=m"(stack)
                         :
                         : "memory");
        wrong += mark != MARK + i || before != after;
    }
    return wrong;
}

static void check_all(const char *when)
{
    taken = wrong_address = wrong_stack = 0;
    unsigned wrong = raise_all();
    tap_count(taken, EXCEPTIONS, "%s: exceptions taken", when);
    tap_count(wrong_address, 0, "%s: frames with another address", when);
    tap_count(wrong_stack, 0, "%s: frames with another stack pointer", when);
    tap_count(wrong, 0, "%s: times the stack pointer or a register differed behind one", when);
}

void guest_main(void)
{
    tap_plan(15);
    interrupts_set_handler(VECTOR_UD, undefined_handler);
    interrupts_set_handler(VECTOR_TIMER, timer_handler);

    check_all("interrupts off");

    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, TIMER_COUNT);
    interrupts_on();
    check_all("timer interrupts");
    bool came = WAIT_UNTIL(timer_interrupts > 1);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    (void)WAIT_UNTIL(!apic_bit(APIC_IRR, VECTOR_TIMER));
    interrupts_off();
    tap_check(came, "timer interrupts came");
    tap_check(apic_bits_empty(APIC_ISR), "none is left in service");

    real_mode();
}
