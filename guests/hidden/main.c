/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hidden: memory that the hypervisor keeps for itself cannot be reached by the guest.
 *
 * Matters because everything else rests on it. The Multiboot memory map that a guest gets under
 * Sextant has a reserved range of at least 1 MiB next to usable memory: the hypervisor's own. Reads
 * of it give ones, writes are dropped and counted, whatever the width and the instruction; code
 * fetched from it is 0xFF 0xFF, an undefined opcode; a page table in it has only reserved bits.
 *
 * On the bare machine there is no such range: the lines about it hold there because there is
 * nothing to check, and one line demands that a range is found exactly when Sextant is present.
 * `# differs:` lines: whether there is a range. The trace leaves out #UD and #PF, which come of it.
 * Source: docs/hypervisor-leaves.md (counter); Multiboot Specification: Boot information format.
 */
#include "guest.h"

#include "interrupts.h"
#include "multiboot.h"
#include "paging.h"
#include "sextant.h"
#include "string.h"
#include "tap.h"
#include "trace.h"
#include "x86.h"

#define FOUR_GIB      0x100000000ul
#define ONES          0xfffffffffffffffful
#define PATTERN       0x1122334455667788ul
#define SAMPLE_STRIDE 0x10000ul
#define COUNTER_NAME  "hidden memory: writes dropped"

extern char image_start[], image_end[];

static struct memory_range hidden;

static uint64_t end_of(const struct memory_range *range)
{
    return range->base + range->length;
}

static bool exists(void)
{
    return hidden.length != 0;
}

/* Writes and reads back one word in every 64 KiB of usable memory outside this image. */
static uint64_t unusable_words(void)
{
    const struct memory_map *map = multiboot_memory_map();
    uint64_t unusable = 0;
    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];
        if (range->type != MEMORY_USABLE)
            continue;
        for (uint64_t at = range->base; at + 8 <= end_of(range) && at < FOUR_GIB;
             at += SAMPLE_STRIDE) {
            if (at < 0x8000 || (at >= (uint64_t)image_start - 8 && at < (uint64_t)image_end))
                continue;
            volatile uint64_t *word = (volatile uint64_t *)at;
            uint64_t before = *word;
            *word = PATTERN ^ at;
            unusable += *word != (PATTERN ^ at);
            *word = before;
        }
    }
    return unusable;
}

static uint64_t read_sized(uint64_t address, unsigned size)
{
    uint64_t value = ONES;
    if (size == 1)
        __asm__ volatile("movb (%1), %b0" : "+q"(value) : "r"(address) : "memory");
    else if (size == 2)
        __asm__ volatile("movw (%1), %w0" : "+r"(value) : "r"(address) : "memory");
    else if (size == 4)
        __asm__ volatile("movl (%1), %k0\n\torq %2, %0"
                         : "+r"(value)
                         : "r"(address), "r"(ONES << 32)
                         : "memory");
    else
        __asm__ volatile("movq (%1), %0" : "+r"(value) : "r"(address) : "memory");
    return value;
}

static void write_sized(uint64_t address, unsigned size)
{
    uint64_t value = PATTERN;
    if (size == 1)
        __asm__ volatile("movb %b0, (%1)" : : "q"(value), "r"(address) : "memory");
    else if (size == 2)
        __asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(address) : "memory");
    else if (size == 4)
        __asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(address) : "memory");
    else
        __asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

/* Samples that do not read as ones: both ends, and every 64 KiB at an odd distance from a page. */
static uint64_t visible_samples(unsigned size)
{
    uint64_t visible = read_sized(hidden.base, size) != ONES;
    for (uint64_t at = hidden.base + 0x123; at + size <= end_of(&hidden); at += SAMPLE_STRIDE)
        visible += read_sized(at, size) != ONES;
    return visible + (read_sized(end_of(&hidden) - size, size) != ONES);
}

static uint64_t dropped_writes(void)
{
    int number = sextant_counter_number(COUNTER_NAME);
    return number >= 0 && sextant_present() ? sextant_counter((unsigned)number) : 0;
}

static void check_widths(void)
{
    for (unsigned size = 1; size <= 8; size *= 2)
        tap_check(!exists() || visible_samples(size) == 0, "%u-bit reads give ones", 8 * size);
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t before = dropped_writes();
        bool still_ones = true;
        for (unsigned i = 0; exists() && i < 8; i++) {
            uint64_t at = hidden.base + i * (hidden.length / 8) + 8 * i;
            write_sized(at, size);
            still_ones = still_ones && read_sized(at, size) == ONES;
        }
        tap_check(still_ones, "%u-bit writes leave ones", 8 * size);
        tap_count(exists() ? dropped_writes() - before : 8, 8, "counted as dropped");
    }
}

static void copy(volatile void *to, const volatile void *from, uint64_t count)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void check_strings(void)
{
    static volatile uint64_t words[64];
    bool ones = true;
    words[0] = PATTERN;
    if (exists())
        __asm__ volatile("movsq" : : "S"(hidden.base + 0x800), "D"(words) : "memory");
    tap_check(!exists() || words[0] == ONES, "MOVS out of it reads ones");
    if (exists())
        copy(words, (const volatile void *)(hidden.base + 0xff0), sizeof(words));
    for (unsigned i = 0; i < 64; i++)
        ones = ones && words[i] == ONES;
    tap_check(!exists() || ones, "REP MOVS out of it, across a page border, reads ones");

    words[0] = PATTERN;
    if (exists())
        __asm__ volatile("movsq" : : "S"(words), "D"(hidden.base + 0x800) : "memory");
    tap_check(!exists() || read_sized(hidden.base + 0x800, 8) == ONES, "MOVS into it is dropped");
    if (exists()) {
        uint64_t to = hidden.base + 0xf80, count = 32;
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(PATTERN) : "memory");
        tap_check(visible_samples(8) == 0 && read_sized(hidden.base + 0xf80, 8) == ONES &&
                      count == 0 && to == hidden.base + 0x1080,
                  "REP STOS into it, across a page border, is dropped");
    } else {
        tap_check(true, "REP STOS into it, across a page border, is dropped");
    }
    if (exists())
        __asm__ volatile("movsq" : : "S"(hidden.base), "D"(hidden.base + 0x1000) : "memory");
    tap_check(!exists() || read_sized(hidden.base + 0x1000, 8) == ONES,
              "MOVS inside it is dropped");
}

static void check_read_modify_write(void)
{
    uint64_t at = hidden.base + 0x2000;
    uint64_t value = PATTERN, accumulator = PATTERN;
    if (exists())
        __asm__ volatile("xchgq %0, (%1)" : "+r"(value) : "r"(at) : "memory");
    tap_check(!exists() || (value == ONES && read_sized(at, 8) == ONES),
              "XCHG reads ones, writes nothing");
    uint8_t zero = 1;
    if (exists())
        __asm__ volatile("lock incq (%1)\n\tsetz %0" : "=q"(zero) : "r"(at) : "memory", "cc");
    tap_check(!exists() || (zero == 1 && read_sized(at, 8) == ONES),
              "LOCK INC reads ones, writes nothing");
    if (exists())
        __asm__ volatile("lock cmpxchgq %2, (%1)"
                         : "+a"(accumulator)
                         : "r"(at), "r"(0ul)
                         : "memory", "cc");
    tap_check(!exists() || (accumulator == ONES && read_sized(at, 8) == ONES),
              "LOCK CMPXCHG, not equal, reads ones, writes nothing");
    if (exists())
        __asm__ volatile("lock cmpxchgq %2, (%1)\n\tsetz %3"
                         : "+a"(accumulator)
                         : "r"(at), "r"(0ul), "q"(zero)
                         : "memory", "cc");
    tap_check(!exists() || (accumulator == ONES && read_sized(at, 8) == ONES),
              "LOCK CMPXCHG, equal, writes nothing");
    if (exists())
        __asm__ volatile("pushq %1\n\tpopq (%0)" : : "r"(at), "r"(PATTERN) : "memory");
    tap_check(!exists() || read_sized(at, 8) == ONES, "POP into it is dropped");
    if (exists())
        __asm__ volatile("pushq (%1)\n\tpopq %0" : "=r"(value) : "r"(at) : "memory");
    tap_check(!exists() || value == ONES, "PUSH from it reads ones");
}

static struct fault walk_through(uint64_t table)
{
    const char *window = paging_set_table(table);
    struct fault fault = *TRY("movb (%1), %%al", "r"(window));
    paging_set_table(0);
    return fault;
}

static void check_fetch_and_walk(void)
{
    static uint8_t table_of_ones[4096] __attribute__((aligned(4096)));
    struct fault fault = { 0 };
    if (exists())
        fault = *fault_jump(hidden.base + 0x3000);
    tap_check(!exists() || (fault.vector == VECTOR_UD && fault.rip == hidden.base + 0x3000),
              "code in it is an undefined opcode");

    memset(table_of_ones, 0xff, sizeof(table_of_ones));
    struct fault expected = walk_through((uint64_t)table_of_ones);
    if (exists())
        fault = walk_through((hidden.base + 0xfff) & ~0xffful);
    else
        fault = expected;
    tap_check(fault.taken && fault.vector == VECTOR_PF &&
                  (fault.error_code & FAULT_RESERVED) != 0 && fault.cr2 == expected.cr2,
              "a page table in it is one of ones: #PF for reserved bits, error code %#lx",
              fault.error_code);
    tap_equal(fault.error_code, expected.error_code, "the error code of a page table of ones");
}

void guest_main(void)
{
    tap_plan(30);
    trace_leave_out(VECTOR_UD);
    trace_leave_out(VECTOR_PF);
    hidden = multiboot_hidden_range();
    if (exists())
        tap_differs("hidden range %#lx to %#lx", hidden.base, end_of(&hidden) - 1);
    else
        tap_differs("no hidden range");
    tap_check(exists() == sextant_present(),
              "a hidden range is found exactly when Sextant is present");
    tap_check(sextant_counter_number(COUNTER_NAME) >= 0, "the counter \"%s\" exists", COUNTER_NAME);
    tap_count(unusable_words(), 0, "words of usable memory that do not keep what is written");
    check_widths();
    check_strings();
    check_read_modify_write();
    check_fetch_and_walk();
    tap_check(!exists() || visible_samples(8) == 0, "in the end it still reads as ones");
}
