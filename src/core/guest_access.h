/* SPDX-License-Identifier: BSD-2-Clause */
/* Accesses to the guest's memory on behalf of the guest, outside of IA-32e mode: through its paging
 * structures with the rights of the access, accessed and dirty flags set as the processor sets them
 * (SDM Vol 3: Paging). Exit context of the CPU named. */
#ifndef SEXTANT_CORE_GUEST_ACCESS_H
#define SEXTANT_CORE_GUEST_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;

#define GUEST_ACCESS_WRITE  (1u << 1)   /* as in the error code of a page fault */
#define GUEST_ACCESS_USER   (1u << 2)

/* Page fault of an access: for CR2, and the error code. */
struct guest_page_fault {
    uint32_t address;
    uint32_t error;
};

/* Copies between the guest's linear memory and the hypervisor's: from it, or to it with
 * GUEST_ACCESS_WRITE; NULL as memory: only tries whether it could. False with *fault when a page is
 * not there, does not allow the access, or is not memory of the guest's. A copy that fails at its
 * second page has done the first. */
bool guest_copy(struct cpu *cpu, uint32_t linear, void *memory, size_t size, uint32_t access,
                struct guest_page_fault *fault);

/* Where the host reaches [physical, physical + size), which lies within a page, for the guest of `cpu`; NULL
 * when that is not memory as this CPU sees it: its local APIC's page, hidden, the APICs' message
 * addresses, beyond the direct map. */
void *guest_memory_at(const struct cpu *cpu, uint64_t physical, size_t size);

#endif
