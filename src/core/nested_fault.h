/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of the nested paging structures that mean something. */
#ifndef SEXTANT_CORE_NESTED_FAULT_H
#define SEXTANT_CORE_NESTED_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"
#include "x2apic/base.h"

/* True when a guest-physical address that was refused is on the page of this CPU's own local APIC: then
 * guest_apic_page(cpu)->fault() is for it. Exit context of the CPU named, like the next. */
static inline bool guest_is_own_apic(const struct cpu *cpu, uint64_t guest_physical)
{
    return cpu->apic.mode == APIC_MODE_XAPIC
           && (guest_physical & ~UINT64_C(0xfff)) == cpu->apic.base;
}

/* Hands any other access that was refused to hidden memory. False when it is none, and the backend has to map
 * what lies there. */
bool guest_hidden_fault(struct cpu *cpu, uint64_t guest_physical, bool write);

#endif
