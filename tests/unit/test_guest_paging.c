/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk through the guest's paging structures: random structures of every mode against a second
 * reading of the manual (SDM Vol 3: Paging, one function for each of its figures), and by hand what
 * chance rarely meets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/guest_paging.h"

#define PAGES       12              /* of memory, from address 0 on; the last is out of bounds */
#define ROUNDS      60000

/* Bits of CR0, CR4, EFER and RFLAGS, as the manual numbers them. */
#define BIT(n)      (UINT64_C(1) << (n))
#define WP          BIT(16)
#define PG          BIT(31)
#define PSE         BIT(4)
#define PAE         BIT(5)
#define LA57        BIT(12)
#define SMEP        BIT(20)
#define SMAP        BIT(21)
#define PKE         BIT(22)
#define PKS         BIT(24)
#define LMA         BIT(10)
#define NXE         BIT(11)
#define AC          BIT(18)

static _Alignas(4096) uint8_t memory[PAGES * 4096], copy[PAGES * 4096];

static void *page(const void *context, uint64_t physical)
{
    (void)context;
    assert_int_equal(physical & 0xfff, 0);
    return physical < (PAGES - 1) * 4096 ? memory + physical : NULL;
}

/* ---- the second reading ---- */

struct found {
    bool ok;
    uint64_t physical;
    bool writable, user, executable;
    unsigned key;
    unsigned count;
    uint64_t at[5];             /* entries with an accessed flag; the last has the dirty flag */
    unsigned size;
};

static bool fetch_entry(uint64_t at, unsigned size, uint64_t *entry)
{
    *entry = 0;
    if (at >= (PAGES - 1) * 4096)
        return false;
    memcpy(entry, copy + at, size);
    return *entry & 1;
}

static void take_rights(struct found *found, uint64_t at, uint64_t entry)
{
    found->at[found->count++] = at;
    found->writable &= entry >> 1 & 1;
    found->user &= entry >> 2 & 1;
    found->executable &= !(entry >> 63);
}

static bool reserved(uint64_t entry, unsigned high, unsigned low)
{
    for (unsigned bit = low; bit <= high; bit++) {
        if (entry >> bit & 1)
            return true;
    }
    return false;
}

/* Figures "Formats of CR3 and Paging-Structure Entries with 32-Bit Paging", and what follows them. */
static struct found read_32(const struct guest_paging *p, uint32_t linear)
{
    struct found found = { .writable = true, .user = true, .executable = true, .size = 4 };
    uint64_t at = (p->cr3 & 0xfffff000) + (linear >> 22) * 4, entry;

    if (!fetch_entry(at, 4, &entry))
        return found;
    take_rights(&found, at, entry);
    if (entry & 0x80 && p->cr4 & PSE) {
        unsigned m = p->physical_bits < 40 ? p->physical_bits : 40;

        if (reserved(entry, 21, m - 19))
            return found;
        found.physical = (entry >> 13 & ((1u << (m - 32)) - 1)) << 32
                       | (entry >> 22) << 22 | (linear & 0x3fffff);
    } else {
        at = (entry & 0xfffff000) + (linear >> 12 & 0x3ff) * 4;
        if (!fetch_entry(at, 4, &entry))
            return found;
        take_rights(&found, at, entry);
        found.physical = (entry & 0xfffff000) | (linear & 0xfff);
    }
    found.ok = true;
    return found;
}

/* Figures "Formats of CR3 and Paging-Structure Entries with PAE Paging". QEMU sets bit 5 of the first. */
static struct found read_pae(const struct guest_paging *p, uint32_t linear)
{
    struct found found = { .writable = true, .user = true, .executable = true, .size = 8 };
    uint64_t at, entry;

    if (p->pointers) {
        entry = p->pointers[linear >> 30];
        if (!(entry & 1))
            return found;
    } else if (!fetch_entry((p->cr3 & 0xffffffe0) + (linear >> 30) * 8, 8, &entry)) {
        return found;
    }
    if (reserved(entry, 2, 1) || reserved(entry, 8, 6) || reserved(entry, 63, p->physical_bits))
        return found;
    for (unsigned shift = 21; ; shift -= 9) {
        at = (entry & 0x000ffffffffff000) + (linear >> shift & 511) * 8;
        if (!fetch_entry(at, 8, &entry) || reserved(entry, 62, p->physical_bits)
            || (!(p->efer & NXE) && entry >> 63))
            return found;
        take_rights(&found, at, entry);
        if (shift == 12 || entry & 0x80)
            break;
    }
    if (entry & 0x80 && found.count == 1) {
        if (reserved(entry, 20, 13))
            return found;
        found.physical = (entry & 0x000fffffffe00000) | (linear & 0x1fffff);
    } else {
        found.physical = (entry & 0x000ffffffffff000) | (linear & 0xfff);
    }
    found.ok = true;
    return found;
}

/* Figures "Formats of CR3 and Paging-Structure Entries with 4-Level Paging and 5-Level Paging". */
static struct found read_long(const struct guest_paging *p, uint64_t linear)
{
    struct found found = { .writable = true, .user = true, .executable = true, .size = 8 };
    unsigned top = p->cr4 & LA57 ? 48 : 39, size;
    uint64_t table = p->cr3 & 0x000ffffffffff000, entry, signs = linear >> (top + 8);

    if (signs != 0 && signs != UINT64_MAX >> (top + 8))
        return found;
    for (unsigned shift = top; ; shift -= 9) {
        uint64_t at = table + (linear >> shift & 511) * 8;

        if (!fetch_entry(at, 8, &entry)
            || (p->physical_bits < 52 && reserved(entry, 51, p->physical_bits))
            || (!(p->efer & NXE) && entry >> 63))
            return found;
        take_rights(&found, at, entry);
        size = shift;
        table = entry & 0x000ffffffffff000;
        if (shift == 12)
            break;
        if (!(entry & 0x80))
            continue;
        if (shift >= 39 || (shift == 30 && !p->pages_1g) || reserved(entry, shift - 1, 13))
            return found;
        break;
    }
    found.key = entry >> 59 & 15;
    found.physical = (table >> size << size) | (linear & (BIT(size) - 1));
    found.ok = true;
    return found;
}

/* Section "Determination of Access Rights". */
static bool rights_allow(const struct guest_paging *p, const struct found *found, unsigned access)
{
    bool user = access & PAGING_USER, write = access & PAGING_WRITE;

    if (access & PAGING_FETCH) {
        if (user)
            return found->user && found->executable;
        return found->executable && !(found->user && p->cr4 & SMEP);
    }
    if (user && (!found->user || (write && !found->writable)))
        return false;
    if (!user && found->user && p->cr4 & SMAP && !(p->rflags & AC))
        return false;
    if (!user && write && p->cr0 & WP && !found->writable)
        return false;
    if (!(p->efer & LMA))
        return true;
    if (!found->user)
        return !(p->cr4 & PKS);     /* not judged */
    if (p->cr4 & PKE) {
        unsigned disable = p->pkru >> 2 * found->key & 3;

        if (disable & 1)
            return false;
        if (disable & 2 && write && (user || p->cr0 & WP))
            return false;
    }
    return true;
}

static struct found second_reading(const struct guest_paging *p, uint64_t linear, unsigned access)
{
    struct found found;

    memcpy(copy, memory, sizeof copy);
    if (!(p->cr0 & PG))
        return (struct found){ .ok = true, .physical = p->efer & LMA ? linear : (uint32_t)linear };
    if (!(p->cr4 & PAE))
        found = read_32(p, (uint32_t)linear);
    else if (!(p->efer & LMA))
        found = read_pae(p, (uint32_t)linear);
    else
        found = read_long(p, linear);
    found.ok = found.ok && rights_allow(p, &found, access);
    for (unsigned i = 0; found.ok && i < found.count; i++)
        copy[found.at[i]] |= 0x20 | (i + 1 == found.count && access & PAGING_WRITE ? 0x40 : 0);
    return found;
}

/* ---- random structures ---- */

static uint64_t random_64(void)
{
    return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

static bool one_in(unsigned n)
{
    return (unsigned)rand() % n == 0;
}

/* Mostly good: present, in memory, all rights. */
static uint64_t random_entry(void)
{
    uint64_t entry = (uint64_t)(rand() % PAGES) << 12 | 0x27;

    if (one_in(3))
        entry &= ~BIT(rand() % 8);
    if (one_in(3))
        entry |= BIT(6);
    if (one_in(5))
        entry = (entry | 0x80) & (one_in(2) ? ~UINT64_C(0) : ~UINT64_C(0x3fe000));
    if (one_in(8))
        entry |= BIT(rand() % 64);
    if (one_in(4))
        entry |= (uint64_t)(rand() % 32) << 59;
    return entry;
}

static void fill_memory(bool narrow)
{
    for (unsigned i = 0; i < PAGES * 4096 / 8; i++) {
        uint64_t entry = narrow ? (uint32_t)random_entry() | random_entry() << 32 : random_entry();

        memcpy(memory + 8 * i, &entry, 8);
    }
}

static void random_machine(struct guest_paging *p)
{
    static uint64_t pointers[4];
    static const uint64_t cr4_bits[] = { PSE, SMEP, SMAP, PKE, PKS };
    static const uint8_t widths[] = { 36, 39, 40, 46, 52 };

    *p = (struct guest_paging){ .cr0 = one_in(20) ? 0 : PG, .page = page };
    if (one_in(2))
        p->cr0 |= WP;
    for (unsigned i = 0; i < 5; i++) {
        if (one_in(i == 4 ? 8 : 2))
            p->cr4 |= cr4_bits[i];
    }
    p->efer = one_in(2) ? NXE : 0;
    if (!one_in(4))
        p->cr4 |= PAE;
    if (p->cr4 & PAE && p->cr0 & PG && !one_in(3))
        p->efer |= LMA;
    if (one_in(2))
        p->cr4 |= LA57;
    p->rflags = one_in(2) ? AC : 0;
    p->pkru = (uint32_t)random_64() & (uint32_t)random_64();
    p->physical_bits = widths[rand() % 5];
    p->pages_1g = one_in(2);
    p->cr3 = (uint64_t)(rand() % PAGES) << 12 | (rand() & 0xfff);
    if (one_in(3)) {
        for (unsigned i = 0; i < 4; i++)
            pointers[i] = random_entry() & ~UINT64_C(0x1e6);
        p->pointers = pointers;
    }
}

static uint64_t random_linear(const struct guest_paging *p)
{
    unsigned used = p->cr4 & LA57 ? 57 : 48;
    uint64_t linear = random_64();

    if (!(p->efer & LMA) || one_in(10))
        return linear;
    return (uint64_t)((int64_t)(linear << (64 - used)) >> (64 - used));
}

static void test_random(void **state)
{
    unsigned good[4] = { 0 }, levels;

    (void)state;
    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct guest_paging p;
        struct found expected;
        uint64_t linear, physical = 0;
        unsigned access = (unsigned)rand() & (PAGING_WRITE | PAGING_USER);

        if (one_in(3))
            access = (access & PAGING_USER) | PAGING_FETCH;
        if (round % 200 == 0)
            fill_memory(round % 800 == 0);
        random_machine(&p);
        linear = random_linear(&p);
        expected = second_reading(&p, linear, access);
        if (guest_paging_walk(&p, linear, access, &physical) != expected.ok)
            fail_msg("round %u: the walk to %#lx ends %s", round, (unsigned long)linear,
                     expected.ok ? "too early" : "where it must not");
        if (expected.ok)
            assert_int_equal(physical, expected.physical);
        assert_memory_equal(memory, copy, sizeof memory);
        levels = !(p.cr0 & PG) ? 0 : !(p.cr4 & PAE) ? 1 : !(p.efer & LMA) ? 2 : 3;
        good[levels] += expected.ok;
    }
    for (levels = 0; levels < 4; levels++)
        assert_true(good[levels] > 200);
}

/* ---- by hand ---- */

static uint64_t *entry_at(uint64_t physical)
{
    return (uint64_t *)(memory + physical);
}

/* A 4-level table that maps linear address 0 to page 5 by tables in pages 1 to 4. */
static struct guest_paging four_levels(void)
{
    memset(memory, 0, sizeof memory);
    for (unsigned i = 1; i < 5; i++)
        *entry_at(i * 4096) = (i + 1) << 12 | 7;
    return (struct guest_paging){ .cr0 = PG | WP, .cr3 = 0x1000, .cr4 = PAE, .efer = LMA | NXE,
                                  .physical_bits = 40, .page = page };
}

static void test_flags(void **state)
{
    struct guest_paging p = four_levels();
    uint64_t physical;

    (void)state;
    assert_true(guest_paging_walk(&p, 0x123, PAGING_FETCH, &physical));
    assert_int_equal(physical, 0x5123);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(*entry_at(i * 4096) & 0x60, 0x20);
    assert_true(guest_paging_walk(&p, 0x123, PAGING_WRITE, &physical));
    assert_int_equal(*entry_at(0x3000) & 0x60, 0x20);
    assert_int_equal(*entry_at(0x4000) & 0x60, 0x60);

    /* An access that is refused leaves no trace. */
    p = four_levels();
    *entry_at(0x4000) &= ~UINT64_C(2);
    assert_false(guest_paging_walk(&p, 0, PAGING_WRITE, &physical));
    assert_int_equal(*entry_at(0x1000) & 0x60, 0);
    p.cr0 &= ~WP;
    assert_true(guest_paging_walk(&p, 0, PAGING_WRITE, &physical));
}

/* A table that lies where the guest must not look: nothing is read there, nothing is set. */
static void test_out_of_bounds(void **state)
{
    struct guest_paging p = four_levels();
    uint64_t physical;

    (void)state;
    *entry_at(0x3000) = (PAGES - 1) << 12 | 7;
    memset(memory + (PAGES - 1) * 4096, 0xff, 4096);
    assert_false(guest_paging_walk(&p, 0, 0, &physical));
    p = four_levels();
    p.cr3 = BIT(39);
    assert_false(guest_paging_walk(&p, 0, 0, &physical));
    /* The page itself may lie anywhere. */
    p = four_levels();
    *entry_at(0x4000) = 0xfee00007;
    assert_true(guest_paging_walk(&p, 0xb0, PAGING_WRITE, &physical));
    assert_int_equal(physical, 0xfee000b0);
}

static void test_canonical(void **state)
{
    struct guest_paging p = four_levels();
    uint64_t physical;

    (void)state;
    assert_true(guest_paging_walk(&p, 0, 0, &physical));
    assert_false(guest_paging_walk(&p, BIT(48), 0, &physical));
    assert_false(guest_paging_walk(&p, BIT(63), 0, &physical));
    /* With five levels bit 48 is part of the address. */
    p = four_levels();
    *entry_at(6 * 4096 + 8) = 0x1000 | 7;
    p.cr3 = 0x6000;
    p.cr4 |= LA57;
    assert_true(guest_paging_walk(&p, BIT(48), 0, &physical));
    assert_int_equal(physical, 0x5000);
    assert_false(guest_paging_walk(&p, BIT(57), 0, &physical));
}

/* Another CPU changes the first entry each time that the walk has come to the last table. */
static unsigned changes;

static void *restless_page(const void *context, uint64_t physical)
{
    if (physical == 0x4000 && changes) {
        changes--;
        *entry_at(0x1000) ^= BIT(9);
    }
    return page(context, physical);
}

static void test_changing_entry(void **state)
{
    struct guest_paging p = four_levels();
    uint64_t physical;

    (void)state;
    p.page = restless_page;
    changes = 3;
    assert_true(guest_paging_walk(&p, 0, PAGING_WRITE, &physical));
    assert_int_equal(changes, 0);
    assert_int_equal(*entry_at(0x1000), 0x2227);

    /* It does not go on for ever, and writes nothing over what is new. */
    p = four_levels();
    p.page = restless_page;
    changes = 1000;
    assert_false(guest_paging_walk(&p, 0, PAGING_WRITE, &physical));
    assert_true(changes > 900);
    assert_int_equal(*entry_at(0x1000) & 0x20, 0);
    changes = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_out_of_bounds),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_changing_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
