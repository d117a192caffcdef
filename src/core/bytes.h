/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unaligned little-endian loads and stores: the formats that firmware, boot loaders and guests
 * exchange are described by byte offsets, and nothing promises their alignment. Pure; any CPU, any
 * context.
 */
#ifndef SEXTANT_CORE_BYTES_H
#define SEXTANT_CORE_BYTES_H

#include <stdint.h>

static inline uint16_t load16(const void *from)
{
    uint16_t value;

    __builtin_memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint32_t load32(const void *from)
{
    uint32_t value;

    __builtin_memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint64_t load64(const void *from)
{
    uint64_t value;

    __builtin_memcpy(&value, from, sizeof(value));
    return value;
}

static inline void store16(void *to, uint16_t value)
{
    __builtin_memcpy(to, &value, sizeof(value));
}

static inline void store32(void *to, uint32_t value)
{
    __builtin_memcpy(to, &value, sizeof(value));
}

static inline void store64(void *to, uint64_t value)
{
    __builtin_memcpy(to, &value, sizeof(value));
}

#endif
