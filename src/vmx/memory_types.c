/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/memory_types.h"

#define FIXED_END           UINT64_C(0x100000)
#define RANGE_ADDRESS       (~UINT64_C(0xfff))
#define RANGES_A_REGISTER   8

static const struct {
    uint32_t index;
    uint32_t start, size;       /* of each of the eight ranges of a register */
} fixed[MTRR_FIXED_REGISTERS] = {
    { 0x250, 0x00000, 0x10000 },
    { 0x258, 0x80000, 0x4000 }, { 0x259, 0xa0000, 0x4000 },
    { 0x268, 0xc0000, 0x1000 }, { 0x269, 0xc8000, 0x1000 }, { 0x26a, 0xd0000, 0x1000 },
    { 0x26b, 0xd8000, 0x1000 }, { 0x26c, 0xe0000, 0x1000 }, { 0x26d, 0xe8000, 0x1000 },
    { 0x26e, 0xf0000, 0x1000 }, { 0x26f, 0xf8000, 0x1000 },
};

uint32_t mtrr_fixed_index(unsigned which)
{
    return fixed[which].index;
}

/* Where ranges overlap (MTRR Precedences): UC wins, WT wins over WB; all else the manual leaves
 * undefined. */
static uint8_t stronger(uint8_t a, uint8_t b)
{
    if (a == b)
        return a;
    if ((a == MEMORY_TYPE_WT && b == MEMORY_TYPE_WB)
        || (a == MEMORY_TYPE_WB && b == MEMORY_TYPE_WT))
        return MEMORY_TYPE_WT;
    return MEMORY_TYPE_UC;
}

/* The type of [start, start + size) below 1 MiB by the fixed ranges; false when it has several. */
static bool fixed_type(const struct mtrr_values *values, uint64_t start, uint64_t size,
                       uint8_t *type)
{
    bool first = true;

    for (unsigned i = 0; i < MTRR_FIXED_REGISTERS; i++) {
        for (unsigned j = 0; j < RANGES_A_REGISTER; j++) {
            uint64_t from = fixed[i].start + j * fixed[i].size;
            uint8_t here = (uint8_t)(values->fixed[i] >> 8 * j);

            if (from >= start + size || start >= from + fixed[i].size)
                continue;
            if (!first && here != *type)
                return false;
            *type = here;
            first = false;
        }
    }
    return true;
}

/* The same by the variable ranges. An address is in one when it has the base's value in the bits of the
 * mask, which need not be contiguous: a mask with holes makes a range that comes several times. */
static bool variable_type(const struct mtrr_model *model, const struct mtrr_values *values,
                          uint64_t start, uint64_t size, uint8_t *type)
{
    uint64_t limit = ((UINT64_C(1) << model->address_bits) - 1) & RANGE_ADDRESS;
    bool hit = false;

    *type = values->def_type & MTRR_TYPE;
    for (unsigned i = 0; i < model->variable_count; i++) {
        uint64_t mask = values->variable[i].mask & limit, above = mask & ~(size - 1);
        uint8_t here = values->variable[i].base & MTRR_TYPE;

        if (!(values->variable[i].mask & MTRR_MASK_VALID)
            || ((start ^ values->variable[i].base) & above))
            continue;
        if (mask != above)
            return false;
        *type = hit ? stronger(*type, here) : here;
        hit = true;
    }
    return true;
}

static bool type_of(const struct mtrr_model *model, const struct mtrr_values *values,
                    uint64_t start, uint64_t size, uint8_t *type)
{
    uint8_t above;

    if (!model->present) {
        *type = MEMORY_TYPE_WB;
        return true;
    }
    if (!(values->def_type & MTRR_DEF_TYPE_ENABLE)) {
        *type = MEMORY_TYPE_UC;
        return true;
    }
    if (start >= FIXED_END || !(values->def_type & MTRR_DEF_TYPE_FIXED) || !model->have_fixed)
        return variable_type(model, values, start, size, type);
    if (start + size <= FIXED_END)
        return fixed_type(values, start, size, type);
    return fixed_type(values, start, FIXED_END - start, type)
        && variable_type(model, values, start, size, &above) && above == *type;
}

bool mtrr_memory_type(const struct mtrr_model *model, const struct mtrr_values *values,
                      uint64_t start, uint64_t size, uint8_t *type)
{
    if (type_of(model, values, start, size, type))
        return true;
    *type = MEMORY_TYPE_UC;
    return false;
}
