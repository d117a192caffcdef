/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/vectors.h"

#include <stddef.h>

#include "apic/registers.h"

static uint32_t bit_of(uint8_t vector)
{
    return UINT32_C(1) << (vector & 31);
}

void vector_set_add(struct vector_set *set, uint8_t vector)
{
    set->word[vector >> 5] |= bit_of(vector);
}

void vector_set_remove(struct vector_set *set, uint8_t vector)
{
    set->word[vector >> 5] &= ~bit_of(vector);
}

bool vector_set_has(const struct vector_set *set, uint8_t vector)
{
    return (set->word[vector >> 5] & bit_of(vector)) != 0;
}

int vector_set_highest(const struct vector_set *set)
{
    for (int i = VECTOR_WORDS - 1; i >= 0; i--) {
        if (set->word[i])
            return i * 32 + 31 - __builtin_clz(set->word[i]);
    }
    return -1;
}

int vector_set_lowest(const struct vector_set *set)
{
    for (int i = 0; i < VECTOR_WORDS; i++) {
        if (set->word[i])
            return i * 32 + __builtin_ctz(set->word[i]);
    }
    return -1;
}

static size_t place(uint32_t offset, unsigned word)
{
    return (offset + word * APIC_REGISTER_STRIDE) / sizeof(uint32_t);
}

void vector_register_add(void *page, uint32_t offset, uint8_t vector)
{
    ((uint32_t *)page)[place(offset, vector >> 5)] |= bit_of(vector);
}

void vector_register_remove(void *page, uint32_t offset, uint8_t vector)
{
    ((uint32_t *)page)[place(offset, vector >> 5)] &= ~bit_of(vector);
}

bool vector_register_has(const void *page, uint32_t offset, uint8_t vector)
{
    return (((const uint32_t *)page)[place(offset, vector >> 5)] & bit_of(vector)) != 0;
}

int vector_register_highest(const void *page, uint32_t offset)
{
    struct vector_set set;

    for (unsigned i = 0; i < VECTOR_WORDS; i++)
        set.word[i] = ((const uint32_t *)page)[place(offset, i)];
    return vector_set_highest(&set);
}

uint32_t vector_processor_priority(uint8_t task_priority, int in_service)
{
    uint32_t served = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;

    return (task_priority & 0xf0u) >= served ? task_priority : served;
}

uint32_t vector_arbitration_priority(uint8_t task_priority, int in_service, int requested)
{
    uint32_t served = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;
    uint32_t wanted = requested < 0 ? 0 : (uint32_t)requested & 0xf0;
    uint32_t task = task_priority & 0xf0u;

    if (task >= wanted && task > served)
        return task_priority;
    if (task > served)
        served = task;
    return wanted > served ? wanted : served;
}
