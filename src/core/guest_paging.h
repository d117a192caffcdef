/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk through a guest's paging structures, as its processor would make it for the same access (SDM
 * Vol 3: Paging; APM Vol 2: Page Translation and Protection). Pure: memory is what page() shows. */
#ifndef SEXTANT_CORE_GUEST_PAGING_H
#define SEXTANT_CORE_GUEST_PAGING_H

#include <stdbool.h>
#include <stdint.h>

/* What the access is; a read without any. */
#define PAGING_WRITE    (1u << 0)
#define PAGING_USER     (1u << 1)       /* at CPL 3 */
#define PAGING_FETCH    (1u << 2)

struct guest_paging {
    uint64_t cr0, cr3, cr4, efer, rflags;
    uint32_t pkru;
    uint8_t physical_bits;      /* MAXPHYADDR: the bits above are reserved in the entries */
    bool pages_1g;
    const uint64_t *pointers;   /* PAE: the four PDPTEs where the processor holds them; NULL: in memory */
    /* The 4 KiB of memory at a physical address (a multiple of 4096) that a walk may read and write;
     * NULL: it must not. */
    void *(*page)(const void *context, uint64_t physical);
    const void *context;
};

#define GUEST_WALK_LEVELS   5

/* What a walk came along: the entries with an accessed flag from the top, as they are now. */
struct guest_walk {
    void *slot[GUEST_WALK_LEVELS];
    uint64_t entry[GUEST_WALK_LEVELS];
    unsigned depth;             /* 0: paging is off */
    uint64_t all, any;          /* the bits that all of them, or some of them, have */
    uint64_t physical;
};

/* Translates a linear address. False when the access would fault, when a structure lies where page() has
 * nothing, or when protection keys of supervisor pages decide: then nothing is changed. Accessed and
 * dirty flags are set by locked updates; an entry that another CPU changes meanwhile is read again. */
bool guest_paging_find(const struct guest_paging *paging, uint64_t linear, unsigned access,
                       struct guest_walk *walk);

/* The same when only the address matters. */
bool guest_paging_walk(const struct guest_paging *paging, uint64_t linear, unsigned access,
                       uint64_t *physical);

#endif
