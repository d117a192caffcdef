/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's physical address space as nested paging shows it, for both vendors (APM Vol 2: Secure
 * Virtual Machine > Nested Paging; SDM Vol 3: VMX Support for Address Translation > The Extended
 * Page Table Mechanism). The two formats share the shape of the tables, the place of the address,
 * the large-page bit, and bit 0, which every entry here that is not empty has set. */
#ifndef SEXTANT_CORE_NESTED_VIEW_H
#define SEXTANT_CORE_NESTED_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/cpu.h"

struct nested_format {
    uint64_t table;             /* bits of an entry that points to a table */
    uint64_t page[3];           /* bits of an entry that maps a page, by enum page_access */
    bool pages_1g;
    /* Bits for the memory type of host memory. False when the range has more than one; *bits are
     * then those of the one that is safe for all of it. NULL: entries carry no type. */
    bool (*memory_type)(uint64_t physical, uint64_t size, uint64_t *bits);
};

/* Builds what all CPUs share. Boot CPU, once. */
void nested_view_prepare(const struct nested_format *format);

/* Gives a CPU a view without overrides; returns the physical address of its top-level table. */
uint64_t nested_view_initialise(struct cpu *cpu);

/* Overrides one page of this CPU's view, and removes an override (false: there was none). The
 * caller flushes what the processor caches of the view. Exit context. */
void nested_view_map_anew(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                          enum page_access access);
bool nested_view_restore(struct cpu *cpu, uint64_t guest_physical);

/* The same as the first for what a step of the APIC's page goes back and forth between. */
static inline void nested_view_map(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                                   enum page_access access)
{
    struct view_override *override = &cpu->view.override[0];
    uint32_t then = override->now ^ 1;
    const struct view_mapping *other = &override->mapping[then];

    if (!cpu->view.override_count || guest_physical - override->guest_physical >= 4096
        || !override->place || other->host_physical != host_physical || other->access != access) {
        nested_view_map_anew(cpu, guest_physical, host_physical, access);
    } else {
        override->now = then;
        *override->place = other->entry;
    }
}

/* Maps what lies at an address that no table covers yet; false when the address is impossible. Exit
 * context; the caller flushes. */
bool nested_view_fill(struct cpu *cpu, uint64_t guest_physical);

/* The entry that maps a guest-physical address in this CPU's view; 0: none does. */
uint64_t nested_view_entry(struct cpu *cpu, uint64_t guest_physical);

/* The memory types have changed: writes those of the shared tables anew. All other CPUs are stopped
 * by a rendezvous; they and the caller look whether their view is old before they enter the guest again. */
void nested_view_retype(void);

/* Whether nested_view_retype() did something that this CPU's view does not show yet. One load. */
extern _Atomic uint32_t nested_view_generation;

static inline bool nested_view_is_old(const struct cpu *cpu)
{
    return cpu->view.generation != atomic_load(&nested_view_generation);
}

/* Takes it over: the caller has to flush. Exit context. */
void nested_view_follow(struct cpu *cpu);

#endif
