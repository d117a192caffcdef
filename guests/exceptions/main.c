/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exceptions: tens of thousands of exceptions, while interrupts are off, while timer interrupts come
 * and while another CPU sends NMIs.
 *
 * Matters because a hypervisor is entered between two instructions all the time, for an interrupt, an
 * NMI or a timer of its own, and now and then that is right behind the delivery of an exception of
 * the guest's: at the first instruction of its handler. Each exception has to be delivered once: the
 * handler counts, and behind each the stack and a register are what they were.
 *
 * No `# differs:` lines.
 * Source: SDM Vol 3: Interrupt and Exception Handling > Priority Among Concurrent Events.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "interrupts.h"
#include "tap.h"
#include "x86.h"

#define EXCEPTIONS    30000u
#define VECTOR_TIMER  0x51
#define TIMER_COUNT   7001u
#define UD2_LENGTH    2
#define MARK          0x5bd1e995u

/* Written in handlers. */
static volatile unsigned taken, timer_interrupts, nmis;
static volatile unsigned wrong_address, wrong_stack;
static volatile uint64_t stack;
static bool sending;

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

static void nmi_handler(struct frame *frame)
{
    (void)frame;
    nmis++;
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

static void send_nmis(void *argument)
{
    (void)argument;
    while (__atomic_load_n(&sending, __ATOMIC_SEQ_CST)) {
        apic_send(cpus[0].apic_id, ICR_NMI | ICR_ASSERT);
        delay_microseconds(2000);
    }
}

void guest_main(void)
{
    tap_plan(15);
    interrupts_set_handler(VECTOR_UD, undefined_handler);
    interrupts_set_handler(VECTOR_TIMER, timer_handler);
    interrupts_set_handler(VECTOR_NMI, nmi_handler);

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

    if (cpus_count < 2) {
        tap_skip(5, "needs 2 CPUs", "NMIs from another CPU");
        return;
    }
    if (!cpus_start_all())
        fatal("a CPU did not start");
    __atomic_store_n(&sending, true, __ATOMIC_SEQ_CST);
    cpu_post(&cpus[1], send_nmis, NULL);
    check_all("NMIs");
    bool nmis_came = WAIT_UNTIL(nmis > 1);
    __atomic_store_n(&sending, false, __ATOMIC_SEQ_CST);
    cpu_wait_idle(&cpus[1]);
    tap_check(nmis_came, "NMIs came");
}
