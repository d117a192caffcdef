/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of physical memory: sorted, non-overlapping ranges with the types of the ACPI
 * specification ("System Address Map Interfaces > Address Range Types"). Pure: no hardware access.
 * One caller at a time: the boot CPU, host context.
 */
#ifndef SEXTANT_CORE_MEMORY_MAP_H
#define SEXTANT_CORE_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_MAP_CAPACITY 256

/*
 * Other numbers are legal types too (7 = persistent memory): they are kept as they are and never
 * handed out.
 */
enum memory_type {
    MEMORY_USABLE = 1,
    MEMORY_RESERVED = 2,
    MEMORY_ACPI = 3,        /* ACPI tables, reclaimable by the operating system */
    MEMORY_NVS = 4,
    MEMORY_UNUSABLE = 5,
};

struct memory_range {
    uint64_t start;
    uint64_t length;        /* never 0 within a map; start + length never wraps */
    uint32_t type;
};

/*
 * Neighbours of one type are merged, so that two maps of the same memory are equal range by range.
 */
struct memory_map {
    uint32_t count;
    struct memory_range range[MEMORY_MAP_CAPACITY];
};

/* Bytes [start, start + length). */
struct memory_span {
    uint64_t start;
    uint64_t length;
};

enum memory_direction {
    MEMORY_BOTTOM_UP,       /* the lowest address that fits */
    MEMORY_TOP_DOWN,        /* the highest */
};

/*
 * What memory_map_find_free() looks for: bytes wholly inside [minimum, maximum) and outside each
 * avoided span.
 */
struct memory_request {
    uint64_t size;          /* bytes, not 0 */
    uint64_t alignment;     /* bytes, a power of two; 0 counts as 1 */
    uint64_t minimum;
    uint64_t maximum;
    enum memory_direction direction;
    const struct memory_span *avoid;
    size_t avoid_count;
};

/* Empties the map. */
void memory_map_clear(struct memory_map *map);

/*
 * Adds one range as firmware reported it. Where it overlaps what is there, the more restrictive
 * type wins, so that the order of the reports does not matter (usable < ACPI < NVS < types unknown
 * here < reserved < unusable). Type 0 counts as reserved. An empty range and one that goes beyond
 * 2^64 - 1 are ignored (true). Returns false, the map unchanged, when the result needs more than
 * MEMORY_MAP_CAPACITY ranges.
 */
bool memory_map_add(struct memory_map *map, uint64_t start, uint64_t length, uint32_t type);

/*
 * Makes [start, start + length) one range of the given type, whatever was there, holes included. An
 * empty range and one that goes beyond 2^64 - 1 are ignored (true). Returns false, the map
 * unchanged, when the result needs too many ranges.
 */
bool memory_map_reserve(struct memory_map *map, uint64_t start, uint64_t length, uint32_t type);

/* Like memory_map_reserve(), but leaves a hole: addresses at which the map says nothing. */
bool memory_map_carve(struct memory_map *map, uint64_t start, uint64_t length);

/*
 * Finds usable memory for the request and writes its first address to *start. Nothing is marked:
 * call memory_map_reserve(), or put the result on the next request's avoid list. Returns false when
 * there is no such place, when the size is 0 or the alignment is no power of two.
 */
bool memory_map_find_free(const struct memory_map *map, const struct memory_request *request,
                          uint64_t *start);

/*
 * The size in bytes of the largest free block that a request of this alignment, bounds and avoid
 * list could have got (request->size and request->direction are not looked at). 0: none. For
 * messages.
 */
uint64_t memory_map_largest_free(const struct memory_map *map,
                                 const struct memory_request *request);

/*
 * True when each byte of [start, start + length) is in the map with this type. An empty or wrapping
 * range: false.
 */
bool memory_map_is(const struct memory_map *map, uint64_t start, uint64_t length, uint32_t type);

/* The number of bytes of one type. */
uint64_t memory_map_total(const struct memory_map *map, uint32_t type);

/* The first address after the last range of one type; 0 when there is none. */
uint64_t memory_map_end_of(const struct memory_map *map, uint32_t type);

/* The first address after the last range of any type; 0 for an empty map. */
uint64_t memory_map_end(const struct memory_map *map);

/*
 * True when the two spans share a byte. Empty spans share none; a span that wraps is taken to end
 * at 2^64.
 */
bool memory_spans_overlap(struct memory_span a, struct memory_span b);

#endif
