/* SPDX-License-Identifier: BSD-2-Clause */
/* apic=passthrough: the guest has the xAPIC page itself, and no access to it exits. Only with
 * startup=sipi: nobody sees what the guest writes to ICR. */
#include "apic/local.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "strategies/operations.h"

/* The guest may have moved its page away from the hardware's, where it then finds nothing. */
static void attach(struct cpu *cpu)
{
    uint64_t hardware = cpu->apic.hardware_base;

    backend->page_map(cpu, hardware, hardware,
                      cpu->apic.base == hardware ? PAGE_READ_WRITE : PAGE_NONE);
    if (cpu->apic.base != hardware)
        backend->page_map(cpu, cpu->apic.base, hardware, PAGE_READ_WRITE);
}

/* A view that was built anew may have dropped the page: it is put back. */
static void fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    (void)guest_physical;
    (void)write;
    attach(cpu);
}

/* The guest reads the hardware's ICR, which INIT clears and the list of what software can write does
 * not. */
static void reset(struct cpu *cpu)
{
    (void)cpu;
    local_apic_clear_icr();
}

static void nothing(struct cpu *cpu)
{
    (void)cpu;
}

const struct apic_operations apic_passthrough_operations = {
    .name = "passthrough",
    .opens_page = true,
    .attach = attach,
    .fault = fault,
    .step_finished = nothing,
    .step_cancelled = nothing,
    .icr_disturbed = nothing,
    .icr_restored = nothing,
    .reset = reset,
};
