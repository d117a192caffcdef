/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of physical memory. ACPI Specification: "System Address Map Interfaces". Pure.
 */
#include "core/memory_map.h"

#include <string.h>

/* No range has this type: it stands for addresses at which the map says nothing. */
#define HOLE 0u

void memory_map_clear(struct memory_map *map)
{
    map->count = 0;
}

static uint64_t minimum_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t maximum_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t range_end(const struct memory_range *range)
{
    return range->start + range->length;
}

/* Numbers that grow with the harm of using the memory as ordinary memory. */
static uint64_t restrictiveness(uint32_t type)
{
    switch (type) {
    case HOLE:
        return 0;
    case MEMORY_USABLE:
        return 1;
    case MEMORY_ACPI:
        return 2;
    case MEMORY_NVS:
        return 3;
    case MEMORY_RESERVED:
        return UINT64_MAX - 1;
    case MEMORY_UNUSABLE:
        return UINT64_MAX;
    default:
        return type;    /* distinct and between the two groups, so that the order is total */
    }
}

static uint32_t more_restrictive(uint32_t a, uint32_t b)
{
    return restrictiveness(a) > restrictiveness(b) ? a : b;
}

/* Appends [start, end) behind all that is in the map. */
static bool append(struct memory_map *map, uint64_t start, uint64_t end, uint32_t type)
{
    struct memory_range *last = map->count ? &map->range[map->count - 1] : NULL;

    if (start >= end || type == HOLE) {
        return true;
    }
    if (last && last->type == type && range_end(last) == start) {
        last->length += end - start;
        return true;
    }
    if (map->count == MEMORY_MAP_CAPACITY) {
        return false;
    }
    map->range[map->count++] = (struct memory_range){ start, end - start, type };
    return true;
}

/*
 * Gives [start, end) a type: over everything there when force is set, else where it is the more
 * restrictive one. The result is built aside, so that a failure leaves the map as it was; aside is
 * not the stack, which is small.
 */
static bool rewrite(struct memory_map *map, uint64_t start, uint64_t end, uint32_t type, bool force)
{
    static struct memory_map result;
    uint64_t done = start;      /* [start, done) is in the result */
    bool fits = true;

    memory_map_clear(&result);
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *old = &map->range[i];
        uint64_t old_end = range_end(old);
        uint64_t from = maximum_of(old->start, start);
        uint64_t to = minimum_of(old_end, end);

        fits = fits && append(&result, old->start, minimum_of(old_end, start), old->type);
        if (from < to) {
            fits = fits && append(&result, done, from, type);
            fits = fits && append(&result, from, to, force ? type : more_restrictive(old->type,
                                                                                    type));
            done = to;
        } else if (old->start >= end) {
            fits = fits && append(&result, done, end, type);
            done = end;
        }
        fits = fits && append(&result, maximum_of(old->start, end), old_end, old->type);
    }
    fits = fits && append(&result, done, end, type);
    if (fits) {
        map->count = result.count;
        memcpy(map->range, result.range, result.count * sizeof(result.range[0]));
    }
    return fits;
}

static bool can_be_a_range(uint64_t start, uint64_t length)
{
    return length != 0 && length <= UINT64_MAX - start;
}

bool memory_map_add(struct memory_map *map, uint64_t start, uint64_t length, uint32_t type)
{
    if (!can_be_a_range(start, length)) {
        return true;
    }
    return rewrite(map, start, start + length, type == HOLE ? MEMORY_RESERVED : type, false);
}

bool memory_map_reserve(struct memory_map *map, uint64_t start, uint64_t length, uint32_t type)
{
    if (!can_be_a_range(start, length)) {
        return true;
    }
    return rewrite(map, start, start + length, type == HOLE ? MEMORY_RESERVED : type, true);
}

bool memory_map_carve(struct memory_map *map, uint64_t start, uint64_t length)
{
    if (!can_be_a_range(start, length)) {
        return true;
    }
    return rewrite(map, start, start + length, HOLE, true);
}

static uint64_t span_end(struct memory_span span)
{
    return span.length > UINT64_MAX - span.start ? UINT64_MAX : span.start + span.length;
}

bool memory_spans_overlap(struct memory_span a, struct memory_span b)
{
    if (a.length == 0 || b.length == 0) {
        return false;
    }
    /* Last bytes rather than ends, so that a span may reach the last address. */
    uint64_t last_a = a.length - 1 > UINT64_MAX - a.start ? UINT64_MAX : a.start + (a.length - 1);
    uint64_t last_b = b.length - 1 > UINT64_MAX - b.start ? UINT64_MAX : b.start + (b.length - 1);
    return a.start <= last_b && b.start <= last_a;
}

/* The first avoided span that shares a byte with [start, start + size), or NULL. */
static const struct memory_span *avoided(const struct memory_request *request, uint64_t start,
                                         uint64_t size)
{
    struct memory_span wanted = { start, size };

    for (size_t i = 0; i < request->avoid_count; i++) {
        if (memory_spans_overlap(wanted, request->avoid[i])) {
            return &request->avoid[i];
        }
    }
    return NULL;
}

/* Rounds up; false when that wraps. */
static bool align_up(uint64_t *address, uint64_t alignment)
{
    uint64_t mask = alignment - 1;

    if (*address > UINT64_MAX - mask) {
        return false;
    }
    *address = (*address + mask) & ~mask;
    return true;
}

/* Looks within [low, high), which is usable. Each turn leaves one avoided span behind for good. */
static bool find_upward(const struct memory_request *request, uint64_t alignment, uint64_t low,
                        uint64_t high, uint64_t *start)
{
    uint64_t at = low;

    while (align_up(&at, alignment) && at < high && high - at >= request->size) {
        const struct memory_span *hit = avoided(request, at, request->size);

        if (!hit) {
            *start = at;
            return true;
        }
        at = span_end(*hit);
    }
    return false;
}

static bool find_downward(const struct memory_request *request, uint64_t alignment, uint64_t low,
                          uint64_t high, uint64_t *start)
{
    uint64_t end = high;

    while (end >= request->size) {
        uint64_t at = (end - request->size) & ~(alignment - 1);
        const struct memory_span *hit;

        if (at < low) {
            return false;
        }
        hit = avoided(request, at, request->size);
        if (!hit) {
            *start = at;
            return true;
        }
        end = hit->start;
    }
    return false;
}

/* The request's alignment, 0 when it is not a power of two. */
static uint64_t checked_alignment(const struct memory_request *request)
{
    uint64_t alignment = request->alignment ? request->alignment : 1;

    return (alignment & (alignment - 1)) == 0 ? alignment : 0;
}

bool memory_map_find_free(const struct memory_map *map, const struct memory_request *request,
                          uint64_t *start)
{
    bool top_down = request->direction == MEMORY_TOP_DOWN;
    uint64_t alignment = checked_alignment(request);

    if (request->size == 0 || alignment == 0) {
        return false;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[top_down ? map->count - 1 - i : i];
        uint64_t low = maximum_of(range->start, request->minimum);
        uint64_t high = minimum_of(range_end(range), request->maximum);

        if (range->type != MEMORY_USABLE || low >= high) {
            continue;
        }
        if (top_down ? find_downward(request, alignment, low, high, start)
                     : find_upward(request, alignment, low, high, start)) {
            return true;
        }
    }
    return false;
}

/* The largest aligned block within [low, high), which is usable, outside the avoided spans. */
static uint64_t largest_within(const struct memory_request *request, uint64_t alignment,
                               uint64_t low, uint64_t high)
{
    uint64_t largest = 0;

    while (low < high) {
        const struct memory_span *hit = avoided(request, low, 1);
        uint64_t end = high;
        uint64_t aligned = low;

        if (hit) {
            low = span_end(*hit);
            continue;
        }
        for (size_t i = 0; i < request->avoid_count; i++) {
            if (request->avoid[i].length != 0 && request->avoid[i].start > low) {
                end = minimum_of(end, request->avoid[i].start);
            }
        }
        if (align_up(&aligned, alignment) && aligned < end) {
            largest = maximum_of(largest, end - aligned);
        }
        low = end;
    }
    return largest;
}

uint64_t memory_map_largest_free(const struct memory_map *map, const struct memory_request *request)
{
    uint64_t alignment = checked_alignment(request);
    uint64_t largest = 0;

    for (uint32_t i = 0; alignment != 0 && i < map->count; i++) {
        const struct memory_range *range = &map->range[i];

        if (range->type == MEMORY_USABLE) {
            largest = maximum_of(largest,
                                 largest_within(request, alignment,
                                                maximum_of(range->start, request->minimum),
                                                minimum_of(range_end(range), request->maximum)));
        }
    }
    return largest;
}

bool memory_map_is(const struct memory_map *map, uint64_t start, uint64_t length, uint32_t type)
{
    if (!can_be_a_range(start, length)) {
        return false;
    }
    /* Neighbours of one type are merged, so one range must hold all of it. */
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];

        if (range->type == type && range->start <= start && start + length <= range_end(range)) {
            return true;
        }
    }
    return false;
}

uint64_t memory_map_total(const struct memory_map *map, uint32_t type)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < map->count; i++) {
        if (map->range[i].type == type) {
            total += map->range[i].length;
        }
    }
    return total;
}

uint64_t memory_map_end_of(const struct memory_map *map, uint32_t type)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < map->count; i++) {
        if (map->range[i].type == type) {
            end = range_end(&map->range[i]);
        }
    }
    return end;
}

uint64_t memory_map_end(const struct memory_map *map)
{
    return map->count ? range_end(&map->range[map->count - 1]) : 0;
}
