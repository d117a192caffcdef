/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_access.h"

#include <string.h>

#include "core/backend.h"
#include "core/guest_paging.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/physical.h"
#include "x86/registers.h"

#define FAULT_PRESENT       (1u << 0)
#define FAULT_RESERVED      (1u << 3)
#define PAGE_SIZE           4096u

void *guest_memory_at(const struct cpu *cpu, uint64_t physical, size_t size)
{
    bool apic = cpu->apic.mode == APIC_MODE_XAPIC && (physical & ~UINT64_C(0xfff)) == cpu->apic.base;

    if (apic || hidden_contains(physical) || apic_message_address(physical))
        return NULL;
    return physical_pointer(physical, size);
}

static void *page(const void *context, uint64_t physical)
{
    return guest_memory_at(context, physical, PAGE_SIZE);
}

/* These are implicit accesses, for which RFLAGS.AC does not open the user's pages: the flags stay 0. */
static bool walk(struct cpu *cpu, uint32_t linear, uint32_t access, uint64_t *physical,
                 struct guest_page_fault *fault)
{
    const struct guest_paging paging = {
        .cr0 = backend->register_read(cpu, GUEST_CR0),
        .cr3 = backend->register_read(cpu, GUEST_CR3),
        .cr4 = backend->register_read(cpu, GUEST_CR4),
        .efer = backend->register_read(cpu, GUEST_EFER),
        .physical_bits = machine.physical_address_bits,
        .pages_1g = machine.pages_1g,
        .page = page,
        .context = cpu,
    };
    unsigned kind = (access & GUEST_ACCESS_WRITE ? PAGING_WRITE : 0)
                  | (access & GUEST_ACCESS_USER ? PAGING_USER : 0);
    uint64_t unused;

    if (guest_paging_walk(&paging, linear, kind, physical))
        return true;
    *fault = (struct guest_page_fault){
        linear, access | (kind && guest_paging_walk(&paging, linear, 0, &unused) ? FAULT_PRESENT : 0)
    };
    return false;
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
        target = guest_memory_at(cpu, physical, here);
        if (!target) {
            *fault = (struct guest_page_fault){ linear, access | FAULT_PRESENT | FAULT_RESERVED };
            return false;
        }
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
