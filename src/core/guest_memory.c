/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_memory.h"

#include <string.h>

#include "core/backend.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define PAGE_SIZE           4096u
#define PAGE_MASK           UINT64_C(0xfff)
#define KEYS_ALL_DENIED     UINT32_MAX

void *guest_memory_page(const struct cpu *cpu, uint64_t physical)
{
    const struct cpu_view *view = &cpu->view;

    if (physical == cpu->apic.base || apic_message_address(physical))
        return NULL;
    for (unsigned i = 0; i < view->override_count; i++) {
        const struct view_override *override = &view->override[i];
        const struct view_mapping *mapping = &override->mapping[override->now];

        if (override->guest_physical == physical)
            return mapping->access == PAGE_NONE ? NULL
                                                : (void *)(DIRECT_MAP + mapping->host_physical);
    }
    return (void *)hidden_guest_page(physical);
}

static void *page(const void *context, uint64_t physical)
{
    return guest_memory_page(context, physical);
}

/* PKRU is the guest's, but can be read only with CR4.PKE: an access that keys may decide is as good as
 * denied. */
bool guest_memory_walk(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                       unsigned access, struct guest_walk *found)
{
    uint64_t pointers[4];
    struct guest_paging paging = {
        .cr0 = state->cr0, .cr3 = state->cr3, .cr4 = state->cr4, .efer = state->efer,
        .rflags = state->rflags, .pkru = KEYS_ALL_DENIED,
        .physical_bits = machine.physical_address_bits, .pages_1g = machine.pages_1g,
        .page = page, .context = cpu,
    };

    if (!(state->efer & EFER_LMA) && state->cr0 & CR0_PG && state->cr4 & CR4_PAE
        && backend->pdptes_read(cpu, pointers))
        paging.pointers = pointers;
    return guest_paging_find(&paging, linear, state->privilege == 3 ? access | PAGING_USER : access,
                             found);
}

bool guest_read_4(struct cpu *cpu, uint64_t linear, uint32_t *value)
{
    struct execution_state state;
    struct guest_walk found;
    const char *memory;

    backend->execution_read(cpu, &state);
    if ((linear & PAGE_MASK) > PAGE_SIZE - sizeof *value
        || !guest_memory_walk(cpu, &state, linear, 0, &found)
        || found.physical >= machine.physical_end)
        return false;
    memory = guest_memory_page(cpu, found.physical & ~PAGE_MASK);
    if (!memory)
        return false;
    memcpy(value, memory + (found.physical & PAGE_MASK), sizeof *value);
    return true;
}
