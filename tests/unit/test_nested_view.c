/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU's view of the guest's physical addresses when its tables run out: the local APIC's page stays
 * watched wherever the guest has moved it, and what the guest reaches for is mapped all the same.
 * APM Vol 2: Secure Virtual Machine > Nested Paging; SDM Vol 3: APIC > Local APIC > Relocating the Local
 * APIC Registers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/nested_view.c"

#define HARDWARE    UINT64_C(0xfee00000)
#define MEMORY      UINT64_C(0x80000000)        /* RAM ends here */
#define ABOVE       (UINT64_C(1) << 40)
#define LEAF_BITS   7u
#define WRITABLE    UINT64_C(2)

struct machine machine;
struct hidden_region hidden_region;
static struct cpu *cpu;
static void *allocated[64];
static unsigned allocations;

uint64_t hidden_start(void)
{
    return hidden_region.start;
}

uint64_t hidden_length(void)
{
    return hidden_region.length;
}

void *hidden_allocate(size_t size, size_t alignment)
{
    void *memory = aligned_alloc(alignment, size);

    assert_non_null(memory);
    assert_true(allocations < sizeof allocated / sizeof allocated[0]);
    allocated[allocations++] = memory;
    return memset(memory, 0, size);
}

static void end(void)
{
    while (allocations)
        free(allocated[--allocations]);
}

/* Above 512 GiB the types change every 64 KiB, as they may beside a device. */
static bool types(uint64_t physical, uint64_t size, uint64_t *bits)
{
    *bits = 0;
    return physical < ABOVE || size <= 0x10000;
}

static struct nested_format plain = { .table = LEAF_BITS, .page = { 0, 5, LEAF_BITS } };
static struct nested_format typed = { .table = LEAF_BITS, .page = { 0, 5, LEAF_BITS },
                                      .memory_type = types };

/* The entry that maps an address, by the tables alone; 0: none. */
static uint64_t leaf(uint64_t address)
{
    uint64_t *table = page_of_view(cpu, 0);

    for (unsigned level = 4;; level--) {
        uint64_t entry = table[address >> (9 * level + 3) & 511];

        if (!(entry & PTE_PRESENT) || level == 1 || entry & PTE_LARGE)
            return entry & PTE_PRESENT ? entry : 0;
        table = table_at(entry & PTE_ADDRESS);
    }
}

static bool is_mapped(uint64_t address)
{
    uint64_t entry = leaf(address), size;

    if (!(entry & WRITABLE))
        return false;
    for (size = SIZE_4K; size <= SIZE_1G; size <<= 9) {
        if ((entry & PTE_ADDRESS & ~(size - 1)) == (address & ~(size - 1)))
            return true;
    }
    return false;
}

static void start(struct nested_format *vendor, bool pages_1g)
{
    machine = (struct machine){ .physical_address_bits = 46, .apic_base = HARDWARE,
                                .physical_end = UINT64_C(1) << 32 };
    hidden_region = (struct hidden_region){ .start = MEMORY - SIZE_2M, .length = SIZE_2M };
    memset(directories, 0, sizeof directories);
    vendor->pages_1g = pages_1g;
    nested_view_prepare(vendor);
    cpu = hidden_allocate(CPU_BLOCK_SIZE, CPU_BLOCK_SIZE);
    cpu->apic.hardware_base = HARDWARE;
    cpu->apic.base = HARDWARE;
    nested_view_initialise(cpu);
    nested_view_map(cpu, HARDWARE, HARDWARE, PAGE_NONE);
}

static void move_page(uint64_t address)
{
    if (cpu->apic.base != HARDWARE)
        nested_view_restore(cpu, cpu->apic.base);
    cpu->apic.base = address;
    nested_view_map(cpu, address, address, PAGE_NONE);
}

static void check_watched(void)
{
    assert_int_equal(leaf(HARDWARE), 0);
    assert_int_equal(leaf(cpu->apic.base), 0);
    assert_int_equal(nested_view_entry(cpu, cpu->apic.base), 0);
    assert_int_equal(nested_view_entry(cpu, 0x100000), leaf(0x100000));
    assert_false(is_mapped(hidden_region.start));
    assert_true(is_mapped(0x100000));
}

/* What a guest may touch: beside the page, in its 2 MiB, its GiB, its 512 GiB, and in others. */
static void touch_all(void)
{
    static const uint64_t far[] = { ABOVE, ABOVE + SIZE_1G, ABOVE + 600 * SIZE_1G, ABOVE * 2, ABOVE * 3,
                                    5 * SIZE_1G, 300 * SIZE_1G };
    uint64_t base = cpu->apic.base;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 64; i++) {
            uint64_t near = i < 40 ? base ^ SIZE_4K << i % 20 : far[i % 7] + i * UINT64_C(0x3000);

            if (near >> machine.physical_address_bits || near < MEMORY || near >> 20 == HARDWARE >> 20
                || (near & ~(SIZE_4K - 1)) == base)
                continue;
            if (!is_mapped(near))
                assert_true(nested_view_fill(cpu, near));
            assert_true(is_mapped(near));
            check_watched();
        }
    }
}

static void watched_everywhere(struct nested_format *vendor, bool pages_1g)
{
    static const uint64_t places[] = { MEMORY / 2, MEMORY - SIZE_4K, UINT64_C(0xd0000000),
                                       5 * SIZE_1G + 0x5000, 300 * SIZE_1G, ABOVE, ABOVE + SIZE_4K,
                                       ABOVE + SIZE_2M - SIZE_4K, ABOVE * 2 + 7 * SIZE_2M,
                                       (UINT64_C(1) << 46) - SIZE_4K };

    start(vendor, pages_1g);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        move_page(places[i]);
        check_watched();
        touch_all();
    }
    move_page(HARDWARE);
    touch_all();
    end();
}

static void with_large_pages(void **state)
{
    (void)state;
    watched_everywhere(&plain, true);
}

static void without_large_pages(void **state)
{
    (void)state;
    watched_everywhere(&plain, false);
}

static void with_memory_types(void **state)
{
    (void)state;
    watched_everywhere(&typed, true);
    watched_everywhere(&typed, false);
}

/* The pages of a step come and go above 512 GiB: the moved page is closed again after each. */
static void steps_where_tables_are_few(void **state)
{
    uint64_t shadow = UINT64_C(0x7000);

    (void)state;
    start(&plain, false);
    move_page(ABOVE * 2 + 0x123000);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t hidden = hidden_region.start + i % 3 * SIZE_4K;

        nested_view_map(cpu, cpu->apic.base, shadow, PAGE_READ_WRITE);
        assert_int_equal(leaf(cpu->apic.base) & PTE_ADDRESS, shadow);
        nested_view_map(cpu, hidden, shadow, PAGE_READ_WRITE);
        assert_int_equal(leaf(hidden) & PTE_ADDRESS, shadow);
        assert_true(nested_view_fill(cpu, ABOVE * (3 + i % 5) + i * SIZE_2M));
        nested_view_restore(cpu, hidden);
        nested_view_map(cpu, cpu->apic.base, cpu->apic.base, PAGE_NONE);
        check_watched();
    }
    end();
}

static void an_address_with_a_key_is_impossible(void **state)
{
    (void)state;
    start(&plain, true);
    assert_false(nested_view_fill(cpu, UINT64_C(1) << 46));
    assert_false(nested_view_fill(cpu, UINT64_C(1) << 47 | hidden_region.start));
    machine.physical_address_bits = 36;
    nested_view_retype();
    nested_view_follow(cpu);
    assert_int_equal(leaf(UINT64_C(1) << 36 | hidden_region.start), 0);
    assert_int_equal(leaf(UINT64_C(1) << 37), 0);
    check_watched();
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_large_pages),
        cmocka_unit_test(without_large_pages),
        cmocka_unit_test(with_memory_types),
        cmocka_unit_test(steps_where_tables_are_few),
        cmocka_unit_test(an_address_with_a_key_is_impossible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
