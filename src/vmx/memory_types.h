/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory type of a physical address by the MTRRs (SDM Vol 3: Memory Cache Control > Memory Type
 * Range Registers (MTRRs)). Pure: the registers' values are handed in. */
#ifndef SEXTANT_VMX_MEMORY_TYPES_H
#define SEXTANT_VMX_MEMORY_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#define MTRR_FIXED_REGISTERS    11
#define MTRR_VARIABLE_MAX       32
#define MTRR_TYPE               0xffu
#define MTRR_DEF_TYPE_FIXED     (1u << 10)
#define MTRR_DEF_TYPE_ENABLE    (1u << 11)
#define MTRR_MASK_VALID         (UINT64_C(1) << 11)

enum memory_type_number {
    MEMORY_TYPE_UC = 0, MEMORY_TYPE_WC = 1, MEMORY_TYPE_WT = 4, MEMORY_TYPE_WP = 5,
    MEMORY_TYPE_WB = 6,
};

/* What the processor has: constant. */
struct mtrr_model {
    bool present, have_fixed;
    uint8_t variable_count;         /* at most MTRR_VARIABLE_MAX */
    uint8_t address_bits;
};

/* What is in the registers; those that the processor does not have are 0. */
struct mtrr_values {
    uint64_t def_type;
    uint64_t fixed[MTRR_FIXED_REGISTERS];
    struct { uint64_t base, mask; } variable[MTRR_VARIABLE_MAX];
};

/* The MSR of a fixed-range register, by its index in mtrr_values.fixed. */
uint32_t mtrr_fixed_index(unsigned which);

/* The type of [start, start + size): a power of two, at least 4 KiB, aligned to its size. False when
 * registers give parts of it different types; *type is then UC, which is safe for all of it. Parts
 * whose types are the same only by chance may be reported as different. */
bool mtrr_memory_type(const struct mtrr_model *model, const struct mtrr_values *values,
                      uint64_t start, uint64_t size, uint8_t *type);

#endif
