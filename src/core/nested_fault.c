/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/nested_fault.h"

#include "core/backend.h"
#include "core/hidden.h"
#include "core/hidden_access.h"
#include "strategies/operations.h"

bool guest_nested_fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    if ((guest_physical & ~UINT64_C(0xfff)) == cpu->apic.base) {
        binding.apic->fault(cpu, guest_physical, write);
        return true;
    }
    if (!hidden_contains(guest_physical))
        return false;
    if (write)
        hidden_write(cpu, guest_physical);
    return true;
}
