/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of the nested paging structures that mean something. */
#ifndef SEXTANT_CORE_NESTED_FAULT_H
#define SEXTANT_CORE_NESTED_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"
#include "x2apic/base.h"

/* The same for hidden memory alone. */
bool guest_hidden_fault(struct cpu *cpu, uint64_t guest_physical, bool write);

/* The guest's access to a guest-physical address was refused: hands it to the APIC strategy or to
 * hidden memory. False when it is neither, and the backend has to map what lies there. Exit context of the CPU
 * named. */
static inline bool guest_nested_fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    if (cpu->apic.mode != APIC_MODE_XAPIC
        || (guest_physical & ~UINT64_C(0xfff)) != cpu->apic.base)
        return guest_hidden_fault(cpu, guest_physical, write);
    guest_apic_page(cpu)->fault(cpu, guest_physical, write);
    return true;
}

#endif
