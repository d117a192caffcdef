/* SPDX-License-Identifier: BSD-2-Clause */
/* Stores that aim INIT at ICR-low with another width, unaligned, across registers or repeated. */
#include "apic.h"
#include "cpus.h"
#include "harm.h"
#include "tap.h"
#include "undefined.h"

#define INIT_COMMAND    (ICR_INIT | ICR_ASSERT)
#define VECTOR_RESERVED 0x47
#define ICR_ADDRESS     (APIC_BASE_ADDRESS + APIC_ICR_LOW)

static void aim_at_cpu_1(void)
{
    apic_write(APIC_ICR_HIGH, cpus[1].apic_id << 24);
}

/*
 * INIT, shifted so that its bytes fall on ICR-low; in the word after it, which some take for the
 * same, all.
 */
static void write_at(int displacement, unsigned size)
{
    uint64_t address = ICR_ADDRESS + (uint64_t)(int64_t)displacement;
    uint64_t value = displacement >= 4   ? (uint64_t)INIT_COMMAND
                     : displacement >= 0 ? (uint64_t)INIT_COMMAND >> 8 * displacement
                                         : (uint64_t)INIT_COMMAND << 8 * -displacement;
    if (size == 1)
        __asm__ volatile("movb %b0, (%1)" : : "q"(value), "r"(address) : "memory");
    else if (size == 2)
        __asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(address) : "memory");
    else if (size == 4)
        __asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(address) : "memory");
    else
        __asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static void check_icr_widths(void)
{
    static const struct {
        int displacement;
        unsigned size;
    } accesses[] = {
        { 0, 1 }, { 1, 1 }, { 0, 2 }, { 1, 2 },  { -1, 2 }, { -1, 4 }, { -2, 4 },
        { 1, 4 }, { 4, 4 }, { 0, 8 }, { -4, 8 }, { -1, 8 }, { 4, 8 },
    };
    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        int displacement = accesses[i].displacement;
        harm_remember_starts();
        aim_at_cpu_1();
        write_at(displacement, accesses[i].size);
        tap_check(harm_none(), "write of %u bytes at ICR-low %c %d harms nobody", accesses[i].size,
                  displacement < 0 ? '-' : '+', displacement < 0 ? -displacement : displacement);
    }
}

static void push_to_icr(void)
{
    uint64_t stack = ICR_ADDRESS + 8;
    __asm__ volatile("xchgq %%rsp, %0\n\tpushq %1\n\txchgq %%rsp, %0"
                     : "+r"(stack)
                     : "r"((uint64_t)INIT_COMMAND)
                     : "memory");
}

static void pop_to_icr(void)
{
    __asm__ volatile("pushq %0\n\tpopq (%1)"
                     :
                     : "r"((uint64_t)INIT_COMMAND), "r"(ICR_ADDRESS)
                     : "memory");
}

static void rep_stos_over_icr(void)
{
    uint64_t to = ICR_ADDRESS - 16, count = 8;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(INIT_COMMAND) : "memory");
}

static void rep_movs_over_icr(void)
{
    uint64_t from = APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, to = ICR_ADDRESS, count = 4;
    apic_write(APIC_TIMER_INITIAL, INIT_COMMAND);
    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    apic_write(APIC_TIMER_INITIAL, 0);
}

static void rep_movs_bytes_over_icr(void)
{
    uint32_t words[2] = { INIT_COMMAND, INIT_COMMAND };
    uint64_t from = (uint64_t)words, to = ICR_ADDRESS, count = 8;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
}

static void cmpxchg8b_on_icr(void)
{
    uint32_t low = apic_read(APIC_ICR_LOW), high = 0;
    __asm__ volatile("lock cmpxchg8b (%2)"
                     : "+a"(low), "+d"(high)
                     : "r"(ICR_ADDRESS), "b"(INIT_COMMAND), "c"(0)
                     : "memory", "cc");
}

static void sixteen_bytes_over_icr(void)
{
    write_sixteen(ICR_ADDRESS, INIT_COMMAND);
}

static void sixteen_bytes_before_icr(void)
{
    write_sixteen(ICR_ADDRESS - 8, (uint64_t)INIT_COMMAND << 32 | INIT_COMMAND);
}

/*
 * Delivery modes 3 and 7 mean nothing in ICR; some take 7 for a fixed interrupt.
 */
static void reserved_mode(uint32_t mode)
{
    apic_write(APIC_ICR_LOW, mode << 8 | ICR_ASSERT | VECTOR_RESERVED);
}

static void reserved_mode_3(void)
{
    reserved_mode(3);
}

static void reserved_mode_7(void)
{
    reserved_mode(7);
}

static void reserved_handler(struct frame *frame)
{
    (void)frame;
    apic_eoi();
}

void check_icr(void)
{
    static const struct {
        const char *name;
        void (*attack)(void);
    } attacks[] = {
        { "PUSH onto ICR-low", push_to_icr },
        { "POP to ICR-low", pop_to_icr },
        { "REP STOS over eight words around ICR-low", rep_stos_over_icr },
        { "REP MOVS of four words from the initial count to ICR-low", rep_movs_over_icr },
        { "REP MOVS of bytes to ICR-low", rep_movs_bytes_over_icr },
        { "LOCK CMPXCHG8B on ICR-low", cmpxchg8b_on_icr },
        { "store of 16 bytes at ICR-low", sixteen_bytes_over_icr },
        { "store of 16 bytes from before ICR-low", sixteen_bytes_before_icr },
        { "the reserved delivery mode 3", reserved_mode_3 },
        { "the reserved delivery mode 7", reserved_mode_7 },
    };
    interrupts_set_handler(VECTOR_RESERVED, reserved_handler);
    check_icr_widths();
    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        harm_remember_starts();
        aim_at_cpu_1();
        attacks[i].attack();
        tap_check(harm_none(), "%s harms nobody", attacks[i].name);
    }
}
