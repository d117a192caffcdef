/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is given back all at once. */
#ifndef SEXTANT_TOOLS_ARENA_H
#define SEXTANT_TOOLS_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *first;
};

/* Cleared memory, aligned for every type.  Ends the program where there is none. */
void *arena_allocate(struct arena *arena, size_t size);

/* A copy of length bytes with a zero byte behind them. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length);

/* Formatted text of any length. */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for one more element behind `count` of `size` bytes at `items`: items itself, or a larger
 * copy of it.  items is NULL when count is 0.
 */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t size);

/* Gives everything back. */
void arena_free(struct arena *arena);

#endif
