/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory types of host memory, from the MTRRs (SDM Vol 3: Memory Cache Control > Memory Type Range
 * Registers (MTRRs)): EPT entries carry them, since the processor does not apply MTRRs to a
 * guest's accesses. All CPUs have the same; the image reads those of the boot CPU.
 *
 * The guest may write its MTRRs. Kernels turn them off first, and write the same values on each
 * CPU: while they are off nothing follows, and afterwards only what differs from what the tables
 * were built with makes all CPUs stop for the moment in which 2 MiB entries get their new types. */
#include <string.h>

#include "core/machine.h"
#include "core/nested_view.h"
#include "core/rendezvous.h"
#include "vmx/vmx.h"
#include "x86/msr.h"

#define MSR_MTRRCAP             0x0fe
#define   MTRRCAP_COUNT         0xff
#define MSR_MTRR_PHYSBASE0      0x200
#define MSR_MTRR_DEF_TYPE       0x2ff
#define   DEF_TYPE_TYPE         0xff
#define   DEF_TYPE_FIXED        (1u << 10)
#define   DEF_TYPE_ENABLE       (1u << 11)
#define PHYSMASK_VALID          (UINT64_C(1) << 11)
#define RANGE_ADDRESS           (~UINT64_C(0xfff))
#define FIXED_END               UINT64_C(0x100000)
#define FIXED_REGISTERS         11
#define VARIABLE_MAX            32

#define TYPE_UC                 0
#define TYPE_WT                 4
#define TYPE_WB                 6
#define EPT_TYPE_SHIFT          3

static const struct {
    uint32_t index;
    uint32_t start, size;       /* of each of the eight ranges of a register */
} fixed[FIXED_REGISTERS] = {
    { 0x250, 0x00000, 0x10000 },
    { 0x258, 0x80000, 0x4000 }, { 0x259, 0xa0000, 0x4000 },
    { 0x268, 0xc0000, 0x1000 }, { 0x269, 0xc8000, 0x1000 }, { 0x26a, 0xd0000, 0x1000 },
    { 0x26b, 0xd8000, 0x1000 }, { 0x26c, 0xe0000, 0x1000 }, { 0x26d, 0xe8000, 0x1000 },
    { 0x26e, 0xf0000, 0x1000 }, { 0x26f, 0xf8000, 0x1000 },
};

struct mtrrs {
    uint64_t def_type;
    uint64_t fixed[FIXED_REGISTERS];
    struct { uint64_t base, mask; } variable[VARIABLE_MAX];
};

static struct mtrrs now;                /* what the tables were built with */
__attribute__((section(".sealed"))) static unsigned variable_count;
__attribute__((section(".sealed"))) static bool have_mtrrs, have_fixed;

static void read_all(struct mtrrs *out)
{
    memset(out, 0, sizeof *out);
    out->def_type = msr_read(MSR_MTRR_DEF_TYPE);
    for (unsigned i = 0; i < FIXED_REGISTERS && have_fixed; i++)
        out->fixed[i] = msr_read(fixed[i].index);
    for (unsigned i = 0; i < variable_count; i++) {
        out->variable[i].base = msr_read(MSR_MTRR_PHYSBASE0 + 2 * i);
        out->variable[i].mask = msr_read(MSR_MTRR_PHYSBASE0 + 2 * i + 1);
    }
}

void vmx_mtrr_prepare(bool present)
{
    uint64_t capability;

    have_mtrrs = present;
    if (!present)
        return;
    capability = msr_read(MSR_MTRRCAP);
    have_fixed = capability & 1u << 8;
    variable_count = capability & MTRRCAP_COUNT;
    if (variable_count > VARIABLE_MAX)
        variable_count = VARIABLE_MAX;
    read_all(&now);
}

/* Where ranges overlap: UC wins, WT wins over WB; all else the manual leaves undefined. */
static uint8_t stronger(uint8_t a, uint8_t b)
{
    if (a == b)
        return a;
    if ((a == TYPE_WT && b == TYPE_WB) || (a == TYPE_WB && b == TYPE_WT))
        return TYPE_WT;
    return TYPE_UC;
}

/* The type of [start, start + size) below 1 MiB by the fixed ranges; false when it has several. */
static bool fixed_type(uint64_t start, uint64_t size, uint8_t *type)
{
    bool first = true;

    for (unsigned i = 0; i < FIXED_REGISTERS; i++) {
        for (unsigned j = 0; j < 8; j++) {
            uint64_t from = fixed[i].start + j * fixed[i].size;
            uint8_t here = (uint8_t)(now.fixed[i] >> 8 * j);

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

/* The same by the variable ranges; each is a power of two in size, aligned to it. */
static bool variable_type(uint64_t start, uint64_t size, uint8_t *type)
{
    uint64_t limit = ((UINT64_C(1) << machine.physical_address_bits) - 1) & RANGE_ADDRESS;
    bool hit = false;

    *type = now.def_type & DEF_TYPE_TYPE;
    for (unsigned i = 0; i < variable_count; i++) {
        uint64_t mask = now.variable[i].mask & limit, base = now.variable[i].base & mask;
        uint64_t length = (~mask & limit) + 0x1000;
        uint8_t here = now.variable[i].base & 0xff;

        if (!(now.variable[i].mask & PHYSMASK_VALID))
            continue;
        if (length > size ? (start & mask) != base : base - start >= size)
            continue;
        if (length < size)
            return false;
        *type = hit ? stronger(*type, here) : here;
        hit = true;
    }
    return true;
}

static bool type_of(uint64_t start, uint64_t size, uint8_t *type)
{
    uint8_t above;

    if (!have_mtrrs) {
        *type = TYPE_WB;
        return true;
    }
    if (!(now.def_type & DEF_TYPE_ENABLE)) {
        *type = TYPE_UC;
        return true;
    }
    if (start >= FIXED_END || !(now.def_type & DEF_TYPE_FIXED) || !have_fixed)
        return variable_type(start, size, type);
    if (start + size <= FIXED_END)
        return fixed_type(start, size, type);
    return fixed_type(start, FIXED_END - start, type)
        && variable_type(start, size, &above) && above == *type;
}

bool vmx_memory_type(uint64_t physical, uint64_t size, uint64_t *bits)
{
    uint8_t type = TYPE_UC;
    bool one = type_of(physical, size, &type);

    *bits = (uint64_t)(one ? type : TYPE_UC) << EPT_TYPE_SHIFT;
    return one;
}

bool vmx_is_mtrr(uint32_t index)
{
    if (!have_mtrrs)
        return false;
    if (index == MSR_MTRR_DEF_TYPE)
        return true;
    if (index - MSR_MTRR_PHYSBASE0 < 2 * variable_count)
        return true;
    for (unsigned i = 0; i < FIXED_REGISTERS && have_fixed; i++) {
        if (fixed[i].index == index)
            return true;
    }
    return false;
}

void vmx_mtrr_each(void (*each)(void *context, uint32_t index), void *context)
{
    for (uint32_t index = MSR_MTRR_PHYSBASE0; index <= MSR_MTRR_DEF_TYPE; index++) {
        if (vmx_is_mtrr(index))
            each(context, index);
    }
}

static void retype(void *context)
{
    const struct mtrrs *written = context;

    now = *written;
    nested_view_retype();
}

void vmx_mtrr_written(struct cpu *cpu, uint32_t index)
{
    struct mtrrs written;

    if (!vmx_is_mtrr(index))
        return;
    read_all(&written);
    if (!(written.def_type & DEF_TYPE_ENABLE) || !memcmp(&written, &now, sizeof now))
        return;
    rendezvous_run(retype, &written);
    entry_post(cpu);
}
