/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/nested_fault.h"

#include "core/backend.h"
#include "core/hidden.h"
#include "core/hidden_access.h"
#include "core/machine.h"
#include "strategies/operations.h"
#include "x2apic/base.h"

bool guest_nested_fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    if (cpu->apic.mode == APIC_MODE_XAPIC
        && (guest_physical & ~UINT64_C(0xfff)) == cpu->apic.base) {
        guest_apic_page(cpu)->fault(cpu, guest_physical, write);
        return true;
    }
    /* So do the messages of the APICs, and the page that is moved away, off or in x2APIC mode. */
    if (!hidden_contains(guest_physical) && !apic_message_address(guest_physical))
        return false;
    hidden_access(cpu, guest_physical, write);
    return true;
}
