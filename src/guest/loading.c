/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest loaders share: the choice of places in the guest's memory, descriptors, module
 * strings. Pure, given physical_pointer().
 */
#include "guest/loading.h"

#include <string.h>

#include "core/bytes.h"
#include "core/physical.h"

/*
 * Small structures lie from 64 KiB on upward. The top of low memory is left alone: Linux builds its
 * trampoline there while it still uses our page tables. The lowest pages belong to the BIOS and to
 * kernels that assume so.
 */
#define LOW_START 0x10000ull
#define LOW_FALLBACK 0x1000ull
#define LOW_END 0xa0000ull

/* Flat descriptors, accessed: SDM Vol 3: Protected-Mode Memory Management > Segment Descriptors. */
#define DESCRIPTOR_CODE_32 0x00cf9b000000ffffull
#define DESCRIPTOR_CODE_64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA 0x00cf93000000ffffull
#define GDT_SIZE (GUEST_DATA_SELECTOR + 8)

bool guest_avoid(struct guest_loading *loading, uint64_t start, uint64_t length)
{
    if (loading->taken_count == GUEST_TAKEN) {
        return false;
    }
    loading->taken[loading->taken_count++] = (struct memory_span){ start, length };
    return true;
}

static struct memory_request request_for(const struct guest_loading *loading,
                                         const struct guest_place *place)
{
    return (struct memory_request){
        .size = place->size,
        .alignment = place->alignment,
        .minimum = place->minimum,
        .maximum = place->maximum,
        .direction = place->direction,
        .avoid = loading->taken,
        .avoid_count = loading->taken_count,
    };
}

bool guest_take(struct guest_loading *loading, const struct guest_place *place, uint64_t *start)
{
    struct memory_request request = request_for(loading, place);

    return memory_map_find_free(loading->map, &request, start) &&
           physical_pointer(*start, place->size) && guest_avoid(loading, *start, place->size);
}

uint64_t guest_largest(const struct guest_loading *loading, const struct guest_place *place)
{
    struct memory_request request = request_for(loading, place);

    return memory_map_largest_free(loading->map, &request);
}

bool guest_take_small(struct guest_loading *loading, uint64_t size, const char *name,
                      uint64_t *start)
{
    static const struct { uint64_t minimum, maximum; } where[] = {
        { LOW_START, LOW_END }, { LOW_FALLBACK, LOW_END }, { GUEST_MIB, GUEST_4GIB },
    };
    uint64_t rounded = (size + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);

    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        struct guest_place place = { rounded, GUEST_PAGE_SIZE, where[i].minimum, where[i].maximum,
                                     MEMORY_BOTTOM_UP };

        if (guest_take(loading, &place, start)) {
            return true;
        }
    }
    return GUEST_REFUSE(loading, GUEST_NO_MEMORY,
                        "there are no %lu KiB of free memory below 4 GiB for the guest's %s",
                        (unsigned long)(rounded >> 10), name);
}

bool guest_is_taken(const struct guest_loading *loading, uint64_t start, uint64_t length)
{
    for (size_t i = 0; i < loading->taken_count; i++) {
        if (memory_spans_overlap((struct memory_span){ start, length }, loading->taken[i])) {
            return true;
        }
    }
    return false;
}

bool guest_move(struct guest_loading *loading, uint64_t to, uint64_t from, uint64_t length)
{
    void *target = physical_pointer(to, length);
    const void *source = physical_pointer(from, length);

    if (!target || !source) {
        return GUEST_REFUSE(loading, GUEST_NO_MEMORY,
                            "%lu bytes cannot be moved from 0x%lx to 0x%lx: not all is memory",
                            (unsigned long)length, (unsigned long)from, (unsigned long)to);
    }
    memmove(target, source, length);
    return true;
}

void guest_write_descriptors(struct guest_loading *loading, uint64_t page)
{
    uint8_t *gdt = physical_pointer(page, GUEST_PAGE_SIZE);

    memset(gdt, 0, GUEST_PAGE_SIZE);
    store64(gdt + GUEST_CODE_SELECTOR, loading->out->mode == GUEST_LONG_64 ? DESCRIPTOR_CODE_64
                                                                           : DESCRIPTOR_CODE_32);
    store64(gdt + GUEST_DATA_SELECTOR, DESCRIPTOR_DATA);
    loading->out->gdt_base = page;
    loading->out->gdt_limit = GDT_SIZE - 1;
    loading->out->rsp = page + GUEST_PAGE_SIZE;
}

uint64_t guest_usable_from(const struct memory_map *map, uint64_t start)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];

        if (range->type == MEMORY_USABLE && range->start <= start &&
            start - range->start < range->length) {
            return range->length - (start - range->start);
        }
    }
    return 0;
}

static bool begins_with(const char *word, size_t length, const char *beginning)
{
    size_t size = strlen(beginning);

    return length >= size && memcmp(word, beginning, size) == 0;
}

static bool ends_with(const char *word, size_t length, const char *ending)
{
    size_t size = strlen(ending);

    return length >= size && memcmp(word + length - size, ending, size) == 0;
}

static bool is_file_name(const char *word, size_t length)
{
    if (memchr(word, '=', length)) {
        return false;
    }
    return memchr(word, '/', length) || begins_with(word, length, "vmlinu") ||
           begins_with(word, length, "bzImage") || ends_with(word, length, ".elf") ||
           ends_with(word, length, ".bin") || ends_with(word, length, ".img") ||
           ends_with(word, length, ".efi");
}

const char *guest_arguments(const char *module_string)
{
    const char *word = module_string + strspn(module_string, " \t");
    size_t length = strcspn(word, " \t");

    if (!is_file_name(word, length)) {
        return word;
    }
    word += length;
    return word + strspn(word, " \t");
}
