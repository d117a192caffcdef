/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eoi: end of interrupt and self-IPIs under timer load, on all CPUs at the same time.
 *
 * Matters because EOI is the APIC write that a kernel makes most often, and it comes with other
 * interrupts waiting: a hypervisor that single-steps it may lose it (the interrupt stays in
 * service for ever and blocks all below), may let its TF or its cleared IF show in the frame of the
 * next interrupt, or may make one up. Each CPU takes thousands of periodic timer interrupts
 * while it sends itself interrupts of a lower and a higher priority, the higher nested in the
 * lower. EOI is written by five different instructions in turn.
 *
 * Every self-IPI waits for the one before, so the counts are exact. No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Handling Interrupts > Signaling Interrupt Servicing Completion.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_LOW   0x41
#define VECTOR_TIMER 0x51
#define VECTOR_HIGH  0x61

#define ALL_TIMER_INTERRUPTS  12000u
#define ALL_SELF_IPIS         2000u
#define MOST_TIMER_INTERRUPTS 10000u
#define MOST_SELF_IPIS        1000u
#define TIMER_COUNT           100000u /* 100 us in QEMU, whose APIC timer runs at 1 GHz */

/* What each CPU has seen; only that CPU writes it. */
struct tally {
    unsigned timer, low, high;
    unsigned with_trap_flag, without_interrupt_flag, not_in_service;
    unsigned eoi_form;
    bool registers_changed, answer_missing;
    bool left_in_service, left_requested;
    uint32_t left_priority;
};

static struct tally tallies[MAX_CPUS];
static unsigned timer_interrupts, self_ipis;

static unsigned now(const unsigned *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

/* The same write in five forms. The value does not matter in xAPIC mode. */
static void end_of_interrupt(struct tally *tally)
{
    volatile uint32_t *eoi = apic_register(APIC_EOI);
    uint32_t word = 0;
    const uint32_t *from = &word;

    switch (tally->eoi_form++ % 5) {
    case 0:
        __asm__ volatile("movl $0, %0" : "=m"(*eoi) : : "memory");
        break;
    case 1:
        __asm__ volatile("movl %1, %0" : "=m"(*eoi) : "r"(0x55aa55aau) : "memory");
        break;
    case 2:
        __asm__ volatile("stosl" : "+D"(eoi) : "a"(0) : "memory");
        break;
    case 3:
        __asm__ volatile("movsl" : "+D"(eoi), "+S"(from) : : "memory");
        break;
    default:
        __asm__ volatile("xchgl %0, %1" : "+r"(word), "+m"(*eoi) : : "memory");
        break;
    }
}

static struct tally *enter(const struct frame *frame)
{
    struct tally *tally = &tallies[this_cpu()->index];
    tally->with_trap_flag += (frame->rflags & RFLAGS_TF) != 0;
    tally->without_interrupt_flag += (frame->rflags & RFLAGS_IF) == 0;
    tally->not_in_service += !apic_bit(APIC_ISR, (uint8_t)frame->vector);
    return tally;
}

static void timer_handler(struct frame *frame)
{
    struct tally *tally = enter(frame);
    /* The last one stops the timer; one more may have been requested by then. */
    if (tally->timer < timer_interrupts && ++tally->timer == timer_interrupts)
        apic_write(APIC_TIMER_INITIAL, 0);
    end_of_interrupt(tally);
}

static void high_handler(struct frame *frame)
{
    struct tally *tally = enter(frame);
    tally->high++;
    end_of_interrupt(tally);
}

static void low_handler(struct frame *frame)
{
    struct tally *tally = enter(frame);
    unsigned expected = tally->high + 1;
    interrupts_on();
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_HIGH);
    tally->answer_missing |= !WAIT_UNTIL(now(&tally->high) == expected);
    interrupts_off();
    tally->low++;
    end_of_interrupt(tally);
}

/* General registers keep their values while interrupts come and go. */
static bool registers_change(void)
{
    uint64_t errors;
    __asm__ volatile(
        "movl $0x8888, %%r8d\n\tmovl $0x9999, %%r9d\n\tmovl $0x1010, %%r10d\n\t"
        "movl $0x1111, %%r11d\n\tmovl $0x1212, %%r12d\n\tmovl $0x1313, %%r13d\n\t"
        "movl $0x1414, %%r14d\n\tmovl $0x1515, %%r15d\n\tmovl $0xbbbb, %%ebx\n\t"
        "movl $200, %%ecx\n"
        "1:\tdecl %%ecx\n\tjnz 1b\n\t"
        "xorl $0x8888, %%r8d\n\txorl $0x9999, %%r9d\n\txorl $0x1010, %%r10d\n\t"
        "xorl $0x1111, %%r11d\n\txorl $0x1212, %%r12d\n\txorl $0x1313, %%r13d\n\t"
        "xorl $0x1414, %%r14d\n\txorl $0x1515, %%r15d\n\txorl $0xbbbb, %%ebx\n\t"
        "orq %%r8, %%rbx\n\torq %%r9, %%rbx\n\torq %%r10, %%rbx\n\torq %%r11, %%rbx\n\t"
        "orq %%r12, %%rbx\n\torq %%r13, %%rbx\n\torq %%r14, %%rbx\n\torq %%r15, %%rbx"
        : "=b"(errors)
        :
        : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    return errors != 0;
}

static void load(void *argument)
{
    struct tally *tally = argument;
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, TIMER_COUNT);
    interrupts_on();
    for (unsigned sent = 1; sent <= self_ipis && !tally->answer_missing; sent++) {
        apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_LOW);
        tally->answer_missing |= !WAIT_UNTIL(now(&tally->low) == sent);
        tally->registers_changed |= registers_change();
    }
    unsigned before;
    do
        before = now(&tally->timer);
    while (before < timer_interrupts && WAIT_UNTIL(now(&tally->timer) != before));
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    (void)WAIT_UNTIL(!apic_bit(APIC_IRR, VECTOR_TIMER));
    interrupts_off();
    tally->left_in_service = !apic_bits_empty(APIC_ISR);
    tally->left_requested = !apic_bits_empty(APIC_IRR);
    tally->left_priority = apic_read(APIC_PPR);
}

static unsigned total_of(size_t field)
{
    unsigned total = 0;
    for (unsigned i = 0; i < cpus_count; i++)
        total += *(const unsigned *)((const char *)&tallies[i] + field);
    return total;
}

#define TOTAL(field) total_of(offsetof(struct tally, field))

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void guest_main(void)
{
    tap_plan(12);
    timer_interrupts = smaller(ALL_TIMER_INTERRUPTS / cpus_count, MOST_TIMER_INTERRUPTS);
    self_ipis = smaller(ALL_SELF_IPIS / cpus_count, MOST_SELF_IPIS);
    interrupts_set_handler(VECTOR_LOW, low_handler);
    interrupts_set_handler(VECTOR_TIMER, timer_handler);
    interrupts_set_handler(VECTOR_HIGH, high_handler);

    tap_check(cpus_start_all(), "%u CPUs take part", cpus_count);
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_post(&cpus[i], load, &tallies[i]);
    load(&tallies[0]);
    unsigned unfinished = 0;
    for (unsigned i = 1; i < cpus_count; i++)
        unfinished += !cpu_wait_idle(&cpus[i]);
    tap_count(unfinished, 0, "CPUs that do not finish");

    tap_count(TOTAL(timer), cpus_count * timer_interrupts, "timer interrupts");
    tap_count(TOTAL(low), cpus_count * self_ipis, "self-IPIs of low priority");
    tap_count(TOTAL(high), cpus_count * self_ipis, "self-IPIs of high priority, nested in these");
    tap_count(TOTAL(with_trap_flag), 0, "frames with TF set");
    tap_count(TOTAL(without_interrupt_flag), 0, "frames with IF clear");
    tap_count(TOTAL(not_in_service), 0, "interrupts whose bit was not in service in their handler");

    unsigned changed = 0, in_service = 0, requested = 0, priority = 0;
    for (unsigned i = 0; i < cpus_count; i++) {
        changed += tallies[i].registers_changed;
        in_service += tallies[i].left_in_service;
        requested += tallies[i].left_requested;
        priority += tallies[i].left_priority != 0;
    }
    tap_count(changed, 0, "CPUs whose registers changed while interrupts came");
    tap_count(in_service, 0, "CPUs with an interrupt left in service");
    tap_count(requested, 0, "CPUs with an interrupt left requested");
    tap_count(priority, 0, "CPUs with a processor priority left");
}
