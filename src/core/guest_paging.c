/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_paging.h"

#include <stddef.h>

#include "core/paging.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define ATTEMPTS            8           /* another CPU may change an entry between look and update */
#define PAE_POINTER_RESERVED UINT64_C(0x1c6)    /* and bit 5, which QEMU sets as an accessed flag */
#define BITS_52_TO_62       UINT64_C(0x7ff0000000000000)

struct mode {
    unsigned levels, index_bits, entry_size;
    uint64_t reserved;          /* in every entry */
};

static struct mode mode_of(const struct guest_paging *paging)
{
    uint64_t high = PTE_ADDRESS & ~((UINT64_C(1) << paging->physical_bits) - 1);

    if (!(paging->cr4 & CR4_PAE))
        return (struct mode){ 2, 10, 4, 0 };
    if (!(paging->efer & EFER_NXE))
        high |= PTE_NO_EXECUTE;
    if (!(paging->efer & EFER_LMA))
        return (struct mode){ 3, 9, 8, high | BITS_52_TO_62 };
    return (struct mode){ paging->cr4 & CR4_LA57 ? 5 : 4, 9, 8, high };
}

static bool is_canonical(uint64_t linear, unsigned levels)
{
    unsigned unused = 64 - (12 + 9 * levels);

    return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/* The slot of the next entry, NULL when its table must not be touched, and what is in it. */
static void *read_entry(const struct guest_paging *paging, const struct mode *mode, uint64_t table,
                        uint64_t index, uint64_t *entry)
{
    char *page = paging->page(paging->context, table & ~UINT64_C(0xfff));
    char *slot;

    if (!page)
        return NULL;
    slot = page + (table & 0xfff) + index * mode->entry_size;
    *entry = mode->entry_size == 8 ? *(volatile uint64_t *)slot : *(volatile uint32_t *)slot;
    return slot;
}

/* True when the entry maps a page; *bad when it has PS where there is no page, or reserved bits in the
 * address of a large one. `shift`: log2 of the page's size. */
static bool maps_page(const struct guest_paging *paging, const struct mode *mode, unsigned level,
                      unsigned shift, uint64_t entry, bool *bad)
{
    if (level == 1)
        return true;
    if (!(entry & PTE_LARGE))
        return false;
    if (mode->levels == 2) {
        if (!(paging->cr4 & CR4_PSE))
            return false;
        *bad = entry & UINT64_C(1) << 21
               || (paging->physical_bits < 40 && (entry >> 13 & 0xff) >> (paging->physical_bits - 32));
        return true;
    }
    *bad = level > 3 || (level == 3 && !paging->pages_1g)
           || entry & ((UINT64_C(1) << shift) - (UINT64_C(1) << 13));
    return true;
}

static uint64_t page_address(const struct mode *mode, unsigned level, unsigned shift, uint64_t entry)
{
    if (mode->levels == 2 && level == 2)
        return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
    return entry & PTE_ADDRESS & ~((UINT64_C(1) << shift) - 1);
}

/* PAE's first level has neither rights nor an accessed flag. */
static bool pae_pointer(const struct guest_paging *paging, const struct mode *mode, uint64_t linear,
                        uint64_t *table)
{
    uint64_t entry, index = linear >> 30 & 3;

    if (paging->pointers)
        entry = paging->pointers[index];
    else if (!read_entry(paging, mode, paging->cr3 & UINT64_C(0xffffffe0), index, &entry))
        return false;
    *table = entry & PTE_ADDRESS;
    return entry & PTE_PRESENT
           && !(entry & (mode->reserved | PTE_NO_EXECUTE | PAE_POINTER_RESERVED));
}

static bool walk_once(const struct guest_paging *paging, const struct mode *mode, uint64_t linear,
                      struct guest_walk *walk)
{
    uint64_t table = paging->cr3 & (mode->levels == 2 ? UINT64_C(0xfffff000) : PTE_ADDRESS);
    unsigned level = mode->levels;

    if (level == 3) {
        if (!pae_pointer(paging, mode, linear, &table))
            return false;
        level = 2;
    }
    walk->depth = 0;
    walk->all = ~UINT64_C(0);
    walk->any = 0;
    for (;; level--) {
        unsigned shift = 12 + (level - 1) * mode->index_bits;
        uint64_t entry, index = linear >> shift & ((1u << mode->index_bits) - 1);
        void *slot = read_entry(paging, mode, table, index, &entry);
        bool bad = false;

        if (!slot || !(entry & PTE_PRESENT) || entry & mode->reserved)
            return false;
        walk->slot[walk->depth] = slot;
        walk->entry[walk->depth++] = entry;
        walk->all &= entry;
        walk->any |= entry;
        if (maps_page(paging, mode, level, shift, entry, &bad)) {
            walk->physical = page_address(mode, level, shift, entry)
                           | (linear & ((UINT64_C(1) << shift) - 1));
            return !bad;
        }
        table = entry & PTE_ADDRESS;
    }
}

/* Protection keys judge data accesses to user pages (SDM Vol 3: Paging > Protection Keys). Those of
 * supervisor pages are in an MSR: such an access is not judged here. */
static bool key_allows(const struct guest_paging *paging, const struct guest_walk *walk, unsigned access)
{
    unsigned rights;

    if (!(paging->efer & EFER_LMA))
        return true;
    if (!(walk->all & PTE_USER))
        return !(paging->cr4 & CR4_PKS);
    if (!(paging->cr4 & CR4_PKE))
        return true;
    rights = paging->pkru >> 2 * (walk->entry[walk->depth - 1] >> 59 & 15) & 3;
    return !(rights & 1)
           && !(rights & 2 && access & PAGING_WRITE
                && (access & PAGING_USER || paging->cr0 & CR0_WP));
}

static bool allowed(const struct guest_paging *paging, const struct guest_walk *walk, unsigned access)
{
    bool user_page = walk->all & PTE_USER;

    if (access & PAGING_USER && !user_page)
        return false;
    if (access & PAGING_FETCH)
        return !(walk->any & PTE_NO_EXECUTE)    /* reserved, without NXE */
               && (access & PAGING_USER || !user_page || !(paging->cr4 & CR4_SMEP));
    if (!(access & PAGING_USER) && user_page && paging->cr4 & CR4_SMAP
        && !(paging->rflags & RFLAGS_AC))
        return false;
    if (access & PAGING_WRITE && !(walk->all & PTE_WRITE)
        && (access & PAGING_USER || paging->cr0 & CR0_WP))
        return false;
    return key_allows(paging, walk, access);
}

static bool update(const struct mode *mode, void *slot, uint64_t old, uint64_t new)
{
    uint32_t narrow = (uint32_t)old;

    if (mode->entry_size == 8)
        return __atomic_compare_exchange_n((uint64_t *)slot, &old, new, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    return __atomic_compare_exchange_n((uint32_t *)slot, &narrow, (uint32_t)new, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* False when an entry is no longer what the walk saw. */
static bool set_flags(const struct mode *mode, struct guest_walk *walk, unsigned access)
{
    uint64_t dirty = access & PAGING_WRITE ? PTE_DIRTY : 0;
    unsigned last = walk->depth - 1;

    if (walk->all & PTE_ACCESSED && (walk->entry[last] & dirty) == dirty)
        return true;
    for (unsigned i = 0; i <= last; i++) {
        uint64_t wanted = walk->entry[i] | PTE_ACCESSED | (i == last ? dirty : 0);

        if (wanted != walk->entry[i] && !update(mode, walk->slot[i], walk->entry[i], wanted))
            return false;
        walk->entry[i] = wanted;
    }
    return true;
}

bool guest_paging_find(const struct guest_paging *paging, uint64_t linear, unsigned access,
                       struct guest_walk *walk)
{
    struct mode mode;

    if (!(paging->efer & EFER_LMA))
        linear = (uint32_t)linear;
    if (!(paging->cr0 & CR0_PG)) {
        walk->depth = 0;
        walk->physical = linear;
        return true;
    }
    mode = mode_of(paging);
    if (mode.levels > 3 && !is_canonical(linear, mode.levels))
        return false;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!walk_once(paging, &mode, linear, walk) || !allowed(paging, walk, access))
            return false;
        if (set_flags(&mode, walk, access))
            return true;
    }
    return false;
}

bool guest_paging_walk(const struct guest_paging *paging, uint64_t linear, unsigned access,
                       uint64_t *physical)
{
    struct guest_walk walk;

    if (!guest_paging_find(paging, linear, access, &walk))
        return false;
    *physical = walk.physical;
    return true;
}
