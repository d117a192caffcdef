/* SPDX-License-Identifier: BSD-2-Clause */
/* Extended page tables (SDM Vol 3: VMX Support for Address Translation > The Extended Page Table
 * Mechanism (EPT); Caching Translation Information): the format of core/nested_view.c that VMX
 * reads, and what the processor caches. Memory types are in the entries, since MTRRs do not count
 * for a guest's accesses. Accessed and dirty flags stay off. */
#include "core/hidden.h"
#include "core/nested_view.h"
#include "lib/panic.h"
#include "vmx/vmx.h"

#define EPT_READ            (UINT64_C(1) << 0)
#define EPT_WRITE           (UINT64_C(1) << 1)
#define EPT_EXECUTE         (UINT64_C(1) << 2)

#define POINTER_WRITE_BACK  UINT64_C(6)
#define POINTER_WALK_4      (UINT64_C(3) << 3)

#define SEALED __attribute__((section(".sealed")))

SEALED static struct nested_format ept_format = {
    .table = EPT_READ | EPT_WRITE | EPT_EXECUTE,
    .page = {
        [PAGE_READ] = EPT_READ | EPT_EXECUTE,
        [PAGE_READ_WRITE] = EPT_READ | EPT_WRITE | EPT_EXECUTE,
    },
    .memory_type = vmx_memory_type,
};
SEALED static uint64_t invept_type, invvpid_type;

void vmx_ept_prepare(const struct capabilities *capabilities)
{
    invept_type = capability_has(capabilities, CAPABILITY_VMX_INVEPT_SINGLE)
                ? INVALIDATE_SINGLE_CONTEXT : INVALIDATE_ALL_CONTEXTS;
    invvpid_type = capability_has(capabilities, CAPABILITY_VMX_INVVPID_SINGLE)
                 ? INVALIDATE_SINGLE_CONTEXT : INVALIDATE_ALL_CONTEXTS;
    ept_format.pages_1g = capability_has(capabilities, CAPABILITY_VMX_EPT_1GB);
    nested_view_prepare(&ept_format);
}

void vmx_ept_initialise(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);

    vmx->ept_pointer = nested_view_initialise(cpu) | POINTER_WRITE_BACK | POINTER_WALK_4;
    vmcs_write(VMCS_EPT_POINTER, vmx->ept_pointer);
    vmx_flush_view(cpu);
    vmx_flush_vpid(cpu);
}

void vmx_page_map(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                  enum page_access access)
{
    nested_view_map(cpu, guest_physical, host_physical, access);
    vmx_flush_view(cpu);
}

void vmx_page_restore(struct cpu *cpu, uint64_t guest_physical)
{
    if (nested_view_restore(cpu, guest_physical))
        vmx_flush_view(cpu);
}

/* What was not present is cached nowhere; but the view may have had to be built anew. */
bool vmx_ept_fill(struct cpu *cpu, uint64_t guest_physical)
{
    if (!nested_view_fill(cpu, guest_physical))
        return false;
    vmx_flush_view(cpu);
    return true;
}

void vmx_flush_view(struct cpu *cpu)
{
    struct invalidation view = { vmx_of(cpu)->ept_pointer, 0 };

    if (!ept_invalidate(invept_type, &view))
        panic("INVEPT failed");
}

void vmx_flush_vpid(struct cpu *cpu)
{
    struct invalidation tag = { GUEST_VPID, 0 };

    vmx_of(cpu)->flush_vpid = false;
    if (vmx_control_used(CAPABILITY_VMX_VPID) && !vpid_invalidate(invvpid_type, &tag))
        panic("INVVPID failed");
}
