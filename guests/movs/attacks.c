/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that aim INIT past an interception: other widths, unaligned, across registers, repeated,
 * and memory or mappings that another CPU changes between the check and the use.
 */
#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "movs_test.h"
#include "paging.h"
#include "sextant.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_COUNT  0x50
#define ROUNDS        300u
#define SLOT_CHANGING 1

#define INIT_COMMAND (ICR_INIT | ICR_ASSERT)

static uint64_t received;
static bool stop;
static volatile uint32_t flipped_word __attribute__((aligned(64)));
static uint32_t ordinary_page[1024] __attribute__((aligned(4096)));

static void count_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&received, 1, __ATOMIC_SEQ_CST);
    apic_eoi();
}

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

static void check_widths(void)
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
        note_starts();
        aim_at_cpu_1();
        write_at(displacement, accesses[i].size);
        tap_check(nobody_harmed(), "write of %u bytes at ICR-low %c %d harms nobody",
                  accesses[i].size, displacement < 0 ? '-' : '+',
                  displacement < 0 ? -displacement : displacement);
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

/* A message for CPU 1 as a device would write it: outside of the APIC page, inside its MiB. */
static void message_to_cpu_1(void)
{
    volatile uint32_t *message = (volatile uint32_t *)(APIC_BASE_ADDRESS + (cpus[1].apic_id << 12));
    __asm__ volatile("movl %1, %0" : "=m"(*message) : "r"(INIT_COMMAND) : "memory");
}

static void message_at_offset_0(void)
{
    if (!bare_qemu_present())
        __asm__ volatile("movl %1, %0" : "=m"(*apic_register(0)) : "r"(INIT_COMMAND) : "memory");
}

static void check_others(void)
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
        { "a message with INIT for CPU 1 in the MiB of the APICs", message_to_cpu_1 },
        { "a message with INIT at offset 0 of the APIC page", message_at_offset_0 },
    };
    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        note_starts();
        aim_at_cpu_1();
        attacks[i].attack();
        tap_check(nobody_harmed(), "%s harms nobody", attacks[i].name);
    }
}

static bool stopped(void)
{
    return __atomic_load_n(&stop, __ATOMIC_SEQ_CST);
}

static void flip_word(void *argument)
{
    (void)argument;
    while (!stopped()) {
        flipped_word = INIT_COMMAND;
        flipped_word = ICR_FIXED | ICR_ASSERT | VECTOR_COUNT;
    }
}

/* Moves the mapping of the window's page between the APIC and ordinary memory. */
static void flip_mapping(void *argument)
{
    (void)argument;
    while (!stopped()) {
        paging_map(SLOT_CHANGING, (uint64_t)ordinary_page, PAGE_PRESENT | PAGE_WRITABLE);
        paging_map(SLOT_CHANGING, APIC_BASE_ADDRESS, PAGE_MMIO);
    }
}

static void write_flipped_word(void)
{
    uint64_t from = (uint64_t)&flipped_word, to = ICR_ADDRESS;
    __asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
    apic_wait_idle();
}

static void check_changes(void)
{
    const char *text[] = { "MOVS to ICR-low of a word that CPU 2 changes harms nobody",
                           "writes of ICR-low through a mapping that CPU 2 changes harm nobody" };
    if (cpus_count < 3) {
        tap_skip(1, "needs 3 CPUs", text[0]);
        tap_skip(1, "needs 3 CPUs", text[1]);
        return;
    }
    flipped_word = ICR_FIXED | ICR_ASSERT | VECTOR_COUNT;
    stop = false;
    cpu_post(&cpus[2], flip_word, NULL);
    note_starts();
    aim_at_cpu_1();
    for (unsigned i = 0; i < ROUNDS; i++)
        write_flipped_word();
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    bool back = cpu_wait_idle(&cpus[2]);
    tap_check(nobody_harmed() && back, "%s", text[0]);

    received = 0;
    stop = false;
    volatile uint32_t *window = paging_map(SLOT_CHANGING, APIC_BASE_ADDRESS, PAGE_MMIO);
    cpu_post(&cpus[2], flip_mapping, NULL);
    note_starts();
    aim_at_cpu_1();
    for (unsigned i = 0; i < ROUNDS; i++) {
        invlpg(window);
        __asm__ volatile("movl %1, %0"
                         : "=m"(window[APIC_ICR_LOW / 4])
                         : "r"(ICR_FIXED | ICR_ASSERT | VECTOR_COUNT)
                         : "memory");
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    back = cpu_wait_idle(&cpus[2]);
    tap_check(nobody_harmed() && back && received <= ROUNDS, "%s", text[1]);
}

void check_attacks(void)
{
    interrupts_set_handler(VECTOR_COUNT, count_handler);
    check_widths();
    check_others();
    check_changes();
}
