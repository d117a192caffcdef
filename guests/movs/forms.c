/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction forms that write a 32-bit word to ICR-low. Each sends INIT and then SIPI to CPU 1,
 * which has to start exactly once, at the vector that was sent.
 */
#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "harm.h"
#include "movs_test.h"
#include "tap.h"
#include "x86.h"

static uint32_t word;

/* ---- Forms: put `value` into ICR-low ---- */

static void mov_register(uint32_t value)
{
    __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(ICR_ADDRESS) : "memory");
}

static void mov_absolute(uint32_t value)
{
    __asm__ volatile("movabsl %%eax, 0xfee00300" : : "a"(value) : "memory");
}

static void movnti(uint32_t value)
{
    __asm__ volatile("movnti %0, (%1)\n\tsfence" : : "r"(value), "r"(ICR_ADDRESS) : "memory");
}

static void stos(uint32_t value)
{
    uint64_t to = ICR_ADDRESS;
    __asm__ volatile("stosl" : "+D"(to) : "a"(value) : "memory");
}

static void stos_backwards(uint32_t value)
{
    uint64_t to = ICR_ADDRESS;
    __asm__ volatile("std\n\tstosl\n\tcld" : "+D"(to) : "a"(value) : "memory");
}

static void rep_stos(uint32_t value)
{
    uint64_t to = ICR_ADDRESS, count = 1;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

static void movs_between(uint64_t from, uint64_t to)
{
    __asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
}

static void movs_memory(uint32_t value)
{
    word = value;
    movs_between((uint64_t)&word, ICR_ADDRESS);
}

static void rep_movs_memory(uint32_t value)
{
    uint64_t from = (uint64_t)&word, to = ICR_ADDRESS, count = 1;
    word = value;
    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
}

/* The masked timer's initial count is a 32-bit register without effect. */
static void movs_initial_count(uint32_t value)
{
    apic_write(APIC_TIMER_INITIAL, value);
    movs_between(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, ICR_ADDRESS);
    apic_write(APIC_TIMER_INITIAL, 0);
}

static void rep_movs_initial_count(uint32_t value)
{
    uint64_t from = APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, to = ICR_ADDRESS, count = 1;
    apic_write(APIC_TIMER_INITIAL, value);
    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    apic_write(APIC_TIMER_INITIAL, 0);
}

/* ICR-low to itself: the same command once more. */
static void movs_itself(uint32_t value)
{
    mov_register(value);
    movs_between(ICR_ADDRESS, ICR_ADDRESS);
}

static void xchg(uint32_t value)
{
    __asm__ volatile("xchgl %0, (%1)" : "+r"(value) : "r"(ICR_ADDRESS) : "memory");
}

static void xor
    (uint32_t value) {
        uint32_t change = value ^ apic_read(APIC_ICR_LOW);
        __asm__ volatile("xorl %0, (%1)" : : "r"(change), "r"(ICR_ADDRESS) : "memory", "cc");
    }

    static void lock_xor(uint32_t value)
{
    uint32_t change = value ^ apic_read(APIC_ICR_LOW);
    __asm__ volatile("lock xorl %0, (%1)" : : "r"(change), "r"(ICR_ADDRESS) : "memory", "cc");
}

static void add(uint32_t value)
{
    uint32_t change = value - apic_read(APIC_ICR_LOW);
    __asm__ volatile("addl %0, (%1)" : : "r"(change), "r"(ICR_ADDRESS) : "memory", "cc");
}

static void lock_xadd(uint32_t value)
{
    uint32_t change = value - apic_read(APIC_ICR_LOW);
    __asm__ volatile("lock xaddl %0, (%1)" : "+r"(change) : "r"(ICR_ADDRESS) : "memory", "cc");
}

static void cmpxchg(uint32_t value)
{
    uint32_t old = apic_read(APIC_ICR_LOW);
    __asm__ volatile("cmpxchgl %1, (%2)"
                     : "+a"(old)
                     : "r"(value), "r"(ICR_ADDRESS)
                     : "memory", "cc");
}

static void lock_cmpxchg(uint32_t value)
{
    uint32_t old = apic_read(APIC_ICR_LOW);
    __asm__ volatile("lock cmpxchgl %1, (%2)"
                     : "+a"(old)
                     : "r"(value), "r"(ICR_ADDRESS)
                     : "memory", "cc");
}

static const struct {
    const char *name;
    void (*put)(uint32_t value);
} forms[] = {
    { "MOV register", mov_register },
    { "MOV with a 64-bit absolute address", mov_absolute },
    { "MOVNTI", movnti },
    { "STOS", stos },
    { "STOS with DF set", stos_backwards },
    { "REP STOS, count 1", rep_stos },
    { "MOVS from memory", movs_memory },
    { "REP MOVS from memory, count 1", rep_movs_memory },
    { "MOVS from the timer's initial count", movs_initial_count },
    { "REP MOVS from the timer's initial count", rep_movs_initial_count },
    { "MOVS from ICR-low to itself", movs_itself },
    { "XCHG", xchg },
    { "XOR", xor},
    { "LOCK XOR", lock_xor },
    { "ADD", add },
    { "LOCK XADD", lock_xadd },
    { "CMPXCHG", cmpxchg },
    { "LOCK CMPXCHG", lock_cmpxchg },
};
_Static_assert(sizeof(forms) / sizeof(forms[0]) + 1 == FORM_LINES, "FORM_LINES");

static void no_work(void *argument)
{
    (void)argument;
}

static bool starts_by(void (*put)(uint32_t value), unsigned page)
{
    struct cpu *cpu = &cpus[1];
    unsigned before = cpu_starts(cpu);
    uint8_t vector = cpus_prepare_start_page(page, false);

    /* The destination by MOVS from another APIC register as well. */
    apic_write(APIC_TIMER_INITIAL, cpu->apic_id << 24);
    movs_between(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, APIC_BASE_ADDRESS + APIC_ICR_HIGH);
    apic_write(APIC_TIMER_INITIAL, 0);
    put(ICR_INIT | ICR_ASSERT);
    apic_wait_idle();
    delay_microseconds(10000);
    put(ICR_STARTUP | ICR_ASSERT | vector);
    apic_wait_idle();
    bool shown = apic_read(APIC_ICR_LOW) == (ICR_STARTUP | ICR_ASSERT | vector) &&
                 apic_read(APIC_ICR_HIGH) == cpu->apic_id << 24;
    if (!WAIT_UNTIL(cpu_starts(cpu) != before))
        return false;
    /* When it answers it has ignored a second SIPI; else that could meet the next INIT. */
    cpu_run(cpu, no_work, NULL);
    return shown && cpu_starts(cpu) == before + 1 && cpu->start_page == (uint32_t)vector << 12;
}

void check_forms(void)
{
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        bool started = starts_by(forms[i].put, i % 2);
        tap_check(started, "%s to ICR-low: INIT and SIPI start CPU 1 once, ICR shows them",
                  forms[i].name);
    }
    harm_remember_starts();
    tap_check(harm_none(), "nobody is harmed");
}
