/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot Specification 0.6.96: Boot information format. */
#include "multiboot.h"

#include "string.h"
#include "tap.h"

#define INFORMATION_HAS_MEMORY_MAP 0x40
#define LEAST_HIDDEN     0x100000ul
#define FOUR_GIB         0x100000000ul
#define FIRST_START_PAGE           0x8000u
#define START_PAGES_END            0x10000u
#define PAGE_SIZE                  0x1000u

struct information {
    uint32_t flags;
    uint32_t unused[10];
    uint32_t memory_map_length, memory_map_address;
};

/* `size` counts the bytes after itself. */
struct entry {
    uint32_t size;
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

static struct memory_map map;

void multiboot_initialise(uint32_t magic, uint32_t information_address)
{
    const struct information *information = (const void *)(uintptr_t)information_address;
    if (magic != MULTIBOOT_LOADER_MAGIC)
        fatal("not started by a Multiboot 1 loader: EAX = %#x", magic);
    if ((information->flags & INFORMATION_HAS_MEMORY_MAP) == 0)
        fatal("the Multiboot information has no memory map");

    uint32_t at = information->memory_map_address;
    uint32_t end = at + information->memory_map_length;
    while (at < end && map.count < MEMORY_RANGES_MAX) {
        struct entry entry;
        memcpy(&entry, (const void *)(uintptr_t)at, sizeof(entry));
        map.range[map.count++] = (struct memory_range){ entry.base, entry.length, entry.type };
        at += entry.size + (uint32_t)sizeof(entry.size);
    }
}

const struct memory_map *multiboot_memory_map(void)
{
    return &map;
}

bool multiboot_is_usable(uint64_t base, uint64_t length)
{
    uint64_t covered = 0;
    for (unsigned i = 0; i < map.count; i++) {
        const struct memory_range *range = &map.range[i];
        uint64_t start = range->base > base ? range->base : base;
        uint64_t end = range->base + range->length < base + length ? range->base + range->length
                                                                   : base + length;
        if (start >= end)
            continue;
        if (range->type != MEMORY_USABLE)
            return false;
        covered += end - start;
    }
    return covered >= length;
}

uint32_t multiboot_start_page(unsigned n)
{
    for (uint32_t page = FIRST_START_PAGE; page < START_PAGES_END; page += 2 * PAGE_SIZE)
        if (multiboot_is_usable(page, PAGE_SIZE) && n-- == 0)
            return page;
    fatal("no usable memory below 64 KiB for a start page");
}

static bool borders_on_usable(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < map.count; i++)
        if (map.range[i].type == MEMORY_USABLE &&
            (map.range[i].base + map.range[i].length == start || map.range[i].base == end))
            return true;
    return false;
}

struct memory_range multiboot_hidden_range(void)
{
    struct memory_range found = { 0, 0, 0 };

    for (unsigned i = 0; i < map.count; i++) {
        const struct memory_range *range = &map.range[i];
        uint64_t end = range->base + range->length;

        if (range->type != MEMORY_USABLE && range->length >= LEAST_HIDDEN && end <= FOUR_GIB &&
            borders_on_usable(range->base, end))
            found = *range;
    }
    return found;
}
