/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_memory.h"

#include <string.h>

#include "core/backend.h"
#include "core/hidden.h"
#include "core/paging.h"
#include "core/physical.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define CR4_PSE             (UINT64_C(1) << 4)
#define CR4_LA57            (UINT64_C(1) << 12)
#define ATTRIBUTE_LONG      (1u << 9)
#define ATTRIBUTE_DEFAULT   (1u << 10)
#define PAGE_MASK           UINT64_C(0xfff)

struct paging_mode {
    unsigned levels;        /* 0: no paging */
    unsigned entry_size;    /* bytes */
    unsigned index_bits;
};

static struct paging_mode paging_mode(struct cpu *cpu)
{
    uint64_t cr4 = backend->register_read(cpu, GUEST_CR4);

    if (!(backend->register_read(cpu, GUEST_CR0) & CR0_PG))
        return (struct paging_mode){ 0, 0, 0 };
    if (!(cr4 & CR4_PAE))
        return (struct paging_mode){ 2, 4, 10 };
    if (!(backend->register_read(cpu, GUEST_EFER) & EFER_LMA))
        return (struct paging_mode){ 3, 8, 9 };
    return (struct paging_mode){ cr4 & CR4_LA57 ? 5 : 4, 8, 9 };
}

static bool read_physical(uint64_t physical, void *out, size_t size)
{
    const void *source = physical_pointer(physical, size);

    if (!source || hidden_contains(physical))
        return false;
    memcpy(out, source, size);
    return true;
}

static uint64_t first_table(struct cpu *cpu, const struct paging_mode *mode)
{
    uint64_t cr3 = backend->register_read(cpu, GUEST_CR3);

    if (mode->levels == 3)
        return cr3 & UINT64_C(0xffffffe0);
    return cr3 & (mode->levels == 2 ? UINT64_C(0xfffff000) : PTE_ADDRESS);
}

static bool is_large(struct cpu *cpu, const struct paging_mode *mode, unsigned level, uint64_t entry)
{
    if (level == 1 || level > 3 || !(entry & PTE_LARGE))
        return level == 1;
    if (mode->levels == 2)
        return backend->register_read(cpu, GUEST_CR4) & CR4_PSE;
    return level == 2 || mode->levels >= 4;
}

bool guest_translate(struct cpu *cpu, uint64_t linear, uint64_t *physical)
{
    struct paging_mode mode = paging_mode(cpu);
    uint64_t table;

    if (!mode.levels) {
        *physical = linear;
        return true;
    }
    if (mode.levels <= 3)
        linear &= 0xffffffff;
    table = first_table(cpu, &mode);
    for (unsigned level = mode.levels; level > 0; level--) {
        unsigned shift = 12 + (level - 1) * mode.index_bits;
        uint64_t index = linear >> shift & ((1u << mode.index_bits) - 1);
        uint64_t entry = 0;

        if (!read_physical(table + index * mode.entry_size, &entry, mode.entry_size)
            || !(entry & PTE_PRESENT))
            return false;
        if (is_large(cpu, &mode, level, entry)) {
            uint64_t offset = (UINT64_C(1) << shift) - 1;
            uint64_t page = mode.levels == 2 && level == 2
                          ? (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32
                          : entry & PTE_ADDRESS & ~offset;

            *physical = page | (linear & offset);
            return true;
        }
        table = entry & PTE_ADDRESS;
    }
    return false;
}

unsigned guest_code_width(struct cpu *cpu)
{
    struct segment_state cs;

    backend->segment_read(cpu, GUEST_CS, &cs);
    if ((backend->register_read(cpu, GUEST_EFER) & EFER_LMA) && (cs.attributes & ATTRIBUTE_LONG))
        return 64;
    return cs.attributes & ATTRIBUTE_DEFAULT ? 32 : 16;
}

size_t guest_fetch(struct cpu *cpu, uint8_t *bytes, size_t size)
{
    uint64_t linear = backend->register_read(cpu, GUEST_RIP);
    size_t done = 0;

    if (guest_code_width(cpu) != 64) {
        struct segment_state cs;

        backend->segment_read(cpu, GUEST_CS, &cs);
        linear = (linear + cs.base) & 0xffffffff;
    }
    while (done < size) {
        size_t here = 4096 - ((linear + done) & PAGE_MASK);
        uint64_t physical;

        if (here > size - done)
            here = size - done;
        if (!guest_translate(cpu, linear + done, &physical)
            || !read_physical(physical, bytes + done, here))
            break;
        done += here;
    }
    return done;
}
