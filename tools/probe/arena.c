/* SPDX-License-Identifier: BSD-2-Clause */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW_FROM  8

struct arena_block {
    struct arena_block *next;
    max_align_t memory[];
};

void *arena_allocate(struct arena *arena, size_t size)
{
    struct arena_block *block = calloc(1, sizeof(*block) + size);

    if (block == NULL) {
        fprintf(stderr, "sextant-probe: there is not enough memory.\n");
        abort();
    }
    block->next = arena->first;
    arena->first = block;
    return block->memory;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
    char *copy = arena_allocate(arena, length + 1);

    memcpy(copy, bytes, length);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    char *text;
    int length;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, arguments);
    text = arena_allocate(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

/* It is full whenever the count is a power of two from GROW_FROM on. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t size)
{
    void *larger;

    if (count != 0 && (count < GROW_FROM || (count & (count - 1)) != 0)) {
        return items;
    }
    larger = arena_allocate(arena, (count < GROW_FROM ? GROW_FROM : 2 * count) * size);
    if (count != 0) {
        memcpy(larger, items, count * size);
    }
    return larger;
}

void arena_free(struct arena *arena)
{
    while (arena->first != NULL) {
        struct arena_block *block = arena->first;

        arena->first = block->next;
        free(block);
    }
}
