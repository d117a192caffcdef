/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_access.h"

#include <string.h>

#include "core/backend.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/paging.h"
#include "core/physical.h"
#include "x86/registers.h"

#define CR4_PSE             (UINT64_C(1) << 4)
#define CR4_SMAP            (UINT64_C(1) << 21)
#define FAULT_PRESENT       (1u << 0)
#define FAULT_RESERVED      (1u << 3)
#define PAGE_SIZE           4096u
#define PDPT_INDEX_SHIFT    30

/* Memory that the host may touch for the guest. */
static void *guest_memory_at(uint64_t physical, size_t size)
{
    if (hidden_contains(physical) || apic_message_address(physical))
        return NULL;
    return physical_pointer(physical, size);
}

static bool refuse(struct guest_page_fault *fault, uint32_t linear, uint32_t access, uint32_t why)
{
    *fault = (struct guest_page_fault){ linear, (access & (GUEST_ACCESS_WRITE | GUEST_ACCESS_USER))
                                                | why };
    return false;
}

static uint64_t read_entry(const void *entry, bool wide)
{
    return wide ? *(const volatile uint64_t *)entry : *(const volatile uint32_t *)entry;
}

/* Other CPUs and devices may be changing the entry: only these bits are touched. */
static void set_flags(void *entry, uint64_t now, uint64_t flags)
{
    if ((now & flags) != flags)
        __atomic_fetch_or((uint32_t *)entry, (uint32_t)flags, __ATOMIC_SEQ_CST);
}

/* What the two levels of a translation allow together. */
static bool allowed(struct cpu *cpu, uint64_t rights, uint32_t access)
{
    bool write = access & GUEST_ACCESS_WRITE, user = access & GUEST_ACCESS_USER;

    if (user && !(rights & PTE_USER))
        return false;
    if (!user && rights & PTE_USER && backend->register_read(cpu, GUEST_CR4) & CR4_SMAP)
        return false;
    return !write || rights & PTE_WRITE
        || (!user && !(backend->register_read(cpu, GUEST_CR0) & CR0_WP));
}

/* The page directory: CR3's, or with PAE the one of the pointer table's entry. */
static bool find_directory(struct cpu *cpu, uint32_t linear, bool pae, uint64_t *directory)
{
    uint64_t cr3 = backend->register_read(cpu, GUEST_CR3), entry;
    const void *pointer;

    *directory = cr3 & 0xfffff000;
    if (!pae)
        return true;
    pointer = guest_memory_at((cr3 & 0xffffffe0) + 8 * (linear >> PDPT_INDEX_SHIFT), 8);
    if (!pointer)
        return false;
    entry = read_entry(pointer, true);
    *directory = entry & PTE_ADDRESS;
    return entry & PTE_PRESENT;
}

static bool walk(struct cpu *cpu, uint32_t linear, uint32_t access, uint64_t *physical,
                 struct guest_page_fault *fault)
{
    bool pae = backend->register_read(cpu, GUEST_CR4) & CR4_PAE;
    bool pse = pae || backend->register_read(cpu, GUEST_CR4) & CR4_PSE;
    unsigned size = pae ? 8 : 4, shift = pae ? 21 : 22, mask = pae ? 511 : 1023;
    uint64_t dirty = PTE_ACCESSED | (access & GUEST_ACCESS_WRITE ? PTE_DIRTY : 0);
    uint64_t table, entry, leaf;
    void *pointer, *second;

    if (!find_directory(cpu, linear, pae, &table))
        return refuse(fault, linear, access, 0);
    pointer = guest_memory_at(table + size * (linear >> shift & mask), size);
    entry = pointer ? read_entry(pointer, pae) : 0;
    if (!(entry & PTE_PRESENT))
        return refuse(fault, linear, access, 0);
    if (entry & PTE_LARGE && pse) {
        if (!allowed(cpu, entry, access))
            return refuse(fault, linear, access, FAULT_PRESENT);
        set_flags(pointer, entry, dirty);
        *physical = pae ? entry & PTE_ADDRESS & ~UINT64_C(0x1fffff)
                        : (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
        *physical |= linear & ((1u << shift) - 1);
        return true;
    }
    second = guest_memory_at((entry & PTE_ADDRESS) + size * (linear >> 12 & mask), size);
    leaf = second ? read_entry(second, pae) : 0;
    if (!(leaf & PTE_PRESENT))
        return refuse(fault, linear, access, 0);
    if (!allowed(cpu, entry & leaf, access))
        return refuse(fault, linear, access, FAULT_PRESENT);
    set_flags(pointer, entry, PTE_ACCESSED);
    set_flags(second, leaf, dirty);
    *physical = (leaf & PTE_ADDRESS) | (linear & (PAGE_SIZE - 1));
    return true;
}

bool guest_copy(struct cpu *cpu, uint32_t linear, void *memory, size_t size, uint32_t access,
                struct guest_page_fault *fault)
{
    bool paging = backend->register_read(cpu, GUEST_CR0) & CR0_PG;
    uint8_t *bytes = memory;

    while (size) {
        size_t here = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
        uint64_t physical = linear;
        void *target;

        if (here > size)
            here = size;
        if (paging && !walk(cpu, linear, access, &physical, fault))
            return false;
        target = guest_memory_at(physical, here);
        if (!target)
            return refuse(fault, linear, access, FAULT_PRESENT | FAULT_RESERVED);
        if (bytes && access & GUEST_ACCESS_WRITE)
            memcpy(target, bytes, here);
        else if (bytes)
            memcpy(bytes, target, here);
        bytes = bytes ? bytes + here : NULL;
        linear += (uint32_t)here;
        size -= here;
    }
    return true;
}
