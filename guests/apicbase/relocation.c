/* SPDX-License-Identifier: BSD-2-Clause */
/* The APIC's page moves, for one CPU (SDM Vol 3: APIC > Local APIC > Relocating the Local APIC
 * Registers). */
#include "apic.h"
#include "apicbase_test.h"
#include "cpus.h"
#include "delay.h"
#include "multiboot.h"
#include "paging.h"
#include "sextant.h"
#include "tap.h"
#include "x86.h"

#define ADDRESS_BITS  0x000ffffffffff000ul
#define ABOVE_4_GIB   0x180000000ul
#define GIB           0x40000000ul
#define DISTANT       0x200000000ul /* no memory */
#define DISTANT_PAGES 16            /* 1 GiB apart */
#define VECTOR_HERE   0x72
#define PATTERN       0x13572468u

static uint32_t page[1024] __attribute__((aligned(4096)));
static unsigned came;

static void here_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&came, 1, __ATOMIC_SEQ_CST);
}

static uint32_t read_at(volatile void *base, unsigned offset)
{
    uint32_t value;

    __asm__ volatile("movl %1, %0"
                     : "=r"(value)
                     : "m"(*(volatile uint32_t *)((volatile char *)base + offset))
                     : "memory");
    return value;
}

static void write_at(volatile void *base, unsigned offset, uint32_t value)
{
    __asm__ volatile("movl %1, %0"
                     : "=m"(*(volatile uint32_t *)((volatile char *)base + offset))
                     : "r"(value)
                     : "memory");
}

static bool move_to(uint64_t address)
{
    uint64_t wanted = (rdmsr(MSR_APIC_BASE) & ~ADDRESS_BITS) | address;

    return !try_write(wanted).taken && rdmsr(MSR_APIC_BASE) == wanted;
}

/* QEMU's APIC answers at its first address, and nowhere else. */
static bool is_apic(volatile void *base)
{
    return read_at(base, APIC_ID) >> 24 == this_cpu()->apic_id &&
           (read_at(base, APIC_VERSION) & 0xf0) == 0x10;
}

static bool in_service(volatile void *base)
{
    return (read_at(base, APIC_ISR + VECTOR_HERE / 32 * 16) >> VECTOR_HERE % 32 & 1) != 0;
}

static bool message_and_end(volatile void *base)
{
    unsigned before = came;
    bool right;

    interrupts_set_handler(VECTOR_HERE, here_handler);
    interrupts_on();
    write_at(base, APIC_ICR_LOW, ICR_FIXED | ICR_ASSERT | ICR_SELF | VECTOR_HERE);
    right = WAIT_UNTIL(__atomic_load_n(&came, __ATOMIC_SEQ_CST) == before + 1);
    interrupts_off();
    right = right && in_service(base);
    write_at(base, APIC_EOI, 0);
    return right && !in_service(base);
}

/* A hypervisor may map these only now, and must not forget the moved page over it. */
static void touch_distant_addresses(void)
{
    for (unsigned i = 0; i < DISTANT_PAGES; i++)
        read_at(paging_map(2, DISTANT + i * GIB, PAGE_MMIO), 0);
    paging_map(2, 0, 0);
}

/* What another CPU sees: its own APIC where it was, and in the moved page memory. */
static void look(void *argument)
{
    bool *right = argument;

    *right = apic_read(APIC_ID) >> 24 == this_cpu()->apic_id && page[8] == PATTERN + 8;
    page[12] = PATTERN;
    memory_barrier();
}

static void check_onto_memory(bool fixed)
{
    bool right = false;

    for (unsigned i = 0; i < 1024; i++)
        page[i] = PATTERN + i;
    tap_check(move_to((uint64_t)page), "the page moves onto memory of this CPU");
    if (fixed)
        tap_differs("QEMU's APIC stays at its address");
    tap_check(fixed || is_apic(page), "there are its registers");
    tap_check(fixed || !is_apic((volatile void *)APIC_BASE_ADDRESS), "and no longer where they were");
    touch_distant_addresses();
    tap_check(fixed || message_and_end(page), "a message to itself, and its end, work there");
    if (cpus_count < 2) {
        tap_skip(1, "needs 2 CPUs", "other CPUs keep their own page");
    } else {
        /* Written by hand: cpu_run() sends through the page at its first address. */
        __atomic_store_n(&cpus[1].argument, &right, __ATOMIC_SEQ_CST);
        __atomic_store_n(&cpus[1].work, look, __ATOMIC_SEQ_CST);
        volatile void *base = fixed ? (volatile void *)APIC_BASE_ADDRESS : page;
        write_at(base, APIC_ICR_HIGH, cpus[1].apic_id << 24);
        write_at(base, APIC_ICR_LOW, ICR_FIXED | ICR_ASSERT | VECTOR_WAKE);
        cpu_wait_idle(&cpus[1]);
        tap_check(right, "another CPU has its own page, and memory here");
    }
    tap_check(move_to(APIC_BASE_ADDRESS) && is_apic((volatile void *)APIC_BASE_ADDRESS),
              "the page moves back");
    tap_check(page[8] == PATTERN + 8 && page[0x300 / 4] == PATTERN + 0x300 / 4 &&
                  page[12] == (cpus_count < 2 ? PATTERN + 12 : PATTERN),
              "the memory is as it was");
}

static void check_above(bool fixed)
{
    volatile void *window = paging_map(1, ABOVE_4_GIB, PAGE_MMIO);

    if ((cpuid(0x80000008, 0).eax & 0xff) <= 32) {
        tap_skip(2, "no addresses above 4 GiB", "the page above 4 GiB");
        return;
    }
    tap_check(move_to(ABOVE_4_GIB) || fixed, "the page moves above 4 GiB");
    read_at(paging_map(2, ABOVE_4_GIB + 4096, PAGE_MMIO), 0);
    paging_map(2, 0, 0);
    tap_check((fixed || (is_apic(window) && message_and_end(window))) && move_to(APIC_BASE_ADDRESS),
              "its registers work there");
    paging_map(1, 0, 0);
}

/* On the bare machine there is no such memory. */
static void check_onto_hidden(void)
{
    struct memory_range hidden = multiboot_hidden_range();
    uint64_t base = rdmsr(MSR_APIC_BASE), last = hidden.base + hidden.length - 4096;
    bool refused = true;

    if (hidden.length != 0) {
        refused = try_write((base & ~ADDRESS_BITS) | hidden.base).taken &&
                  try_write((base & ~ADDRESS_BITS) | last).taken;
    }
    tap_check(refused && rdmsr(MSR_APIC_BASE) == base, "not onto memory that nobody may have");
    tap_check(is_apic((volatile void *)APIC_BASE_ADDRESS), "the APIC is where it was");
}

void check_relocation(void)
{
    bool fixed = bare_qemu_present();

    check_onto_memory(fixed);
    check_above(fixed);
    check_onto_hidden();
}
