/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/nested_fault.h"

#include "core/hidden.h"
#include "core/hidden_access.h"
#include "core/machine.h"

/* The messages of the APICs, and the page that is moved away, off or in x2APIC mode, are like hidden memory. */
bool guest_hidden_fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    if (!hidden_contains(guest_physical) && !apic_message_address(guest_physical))
        return false;
    hidden_access(cpu, guest_physical, write);
    return true;
}
