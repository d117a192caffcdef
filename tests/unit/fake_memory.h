/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory for unit tests: a buffer behind physical_pointer(), and deterministic random
 * numbers. Under AddressSanitizer, code under test runs between fake_seal() and fake_open(), during
 * which only those bytes are accessible that physical_pointer() was asked for: one byte beyond a
 * request ends the test. Included by exactly one source file of each test program.
 */
#ifndef SEXTANT_TESTS_FAKE_MEMORY_H
#define SEXTANT_TESTS_FAKE_MEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "core/physical.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

static uint8_t *fake_memory;
static uint64_t fake_size;

/* Starts over with size zero bytes of physical memory from address 0 on. */
static inline void fake_create(uint64_t size)
{
    free(fake_memory);
    fake_memory = calloc(1, size);
    assert_non_null(fake_memory);
    fake_size = size;
}

static inline void fake_destroy(void)
{
    free(fake_memory);
    fake_memory = NULL;
    fake_size = 0;
}

static inline void fake_seal(void)
{
    ASAN_POISON_MEMORY_REGION(fake_memory, fake_size);
}

static inline void fake_open(void)
{
    ASAN_UNPOISON_MEMORY_REGION(fake_memory, fake_size);
}

void *physical_pointer(uint64_t physical, uint64_t length)
{
    if (physical > fake_size || length > fake_size - physical) {
        return NULL;
    }
    ASAN_UNPOISON_MEMORY_REGION(fake_memory + physical, length);
    return fake_memory + physical;
}

static inline void fake_string(uint64_t physical, const char *string)
{
    assert_true(physical + strlen(string) + 1 <= fake_size);
    strcpy((char *)fake_memory + physical, string);
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t fake_random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t fake_random(void)
{
    fake_random_state ^= fake_random_state >> 12;
    fake_random_state ^= fake_random_state << 25;
    fake_random_state ^= fake_random_state >> 27;
    return fake_random_state * 0x2545f4914f6cdd1du;
}

/* Uniform enough in [0, limit). */
static inline uint64_t fake_random_below(uint64_t limit)
{
    return (fake_random() >> 16) % limit;
}

/* Changes a few of bytes[0 .. length), preferring values at which bounds break. */
static inline void fake_mutate(uint8_t *bytes, size_t length)
{
    static const uint32_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fffffff,
                                      0x80000000, 0xfffffff0, 0xffffffff };
    unsigned changes = 1 + (unsigned)fake_random_below(4);

    while (changes-- != 0) {
        size_t at = fake_random_below(length);

        switch (fake_random_below(3)) {
        case 0:
            bytes[at] = (uint8_t)fake_random();
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1u << fake_random_below(8));
            break;
        default:
            at &= ~(size_t)3;
            if (length - at >= 4) {
                store32(bytes + at, edges[fake_random_below(sizeof(edges) / sizeof(edges[0]))]);
            }
        }
    }
}

#endif
