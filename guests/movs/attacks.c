/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INIT past an interception: messages as devices send them, and memory or mappings that another CPU
 * changes between the check and the use.
 */
#include "apic.h"
#include "cpus.h"
#include "harm.h"
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

static void check_messages(void)
{
    static const struct {
        const char *name;
        void (*attack)(void);
    } attacks[] = {
        { "a message with INIT for CPU 1 in the MiB of the APICs", message_to_cpu_1 },
        { "a message with INIT at offset 0 of the APIC page", message_at_offset_0 },
    };
    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        harm_remember_starts();
        aim_at_cpu_1();
        attacks[i].attack();
        tap_check(harm_none(), "%s harms nobody", attacks[i].name);
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
    harm_remember_starts();
    aim_at_cpu_1();
    for (unsigned i = 0; i < ROUNDS; i++)
        write_flipped_word();
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    bool back = cpu_wait_idle(&cpus[2]);
    tap_check(harm_none() && back, "%s", text[0]);

    received = 0;
    stop = false;
    volatile uint32_t *window = paging_map(SLOT_CHANGING, APIC_BASE_ADDRESS, PAGE_MMIO);
    cpu_post(&cpus[2], flip_mapping, NULL);
    harm_remember_starts();
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
    tap_check(harm_none() && back && received <= ROUNDS, "%s", text[1]);
}

void check_attacks(void)
{
    interrupts_set_handler(VECTOR_COUNT, count_handler);
    check_messages();
    check_changes();
}
