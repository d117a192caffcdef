/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/shadow.h"

#include "apic/policy.h"
#include "apic/registers.h"
#include "core/advance.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/hidden.h"
#include "core/step.h"

static void map_between_steps(struct cpu *cpu)
{
    backend->page_map(cpu, cpu->apic.base, cpu->apic.hardware_base,
                      cpu->apic.reads_closed ? PAGE_NONE : PAGE_READ);
}

/* The override of the real page comes first and stays, wherever the guest has put its own: nothing
 * may ever show the guest the registers themselves for writing. */
void apic_shadow_attach(struct cpu *cpu)
{
    backend->page_map(cpu, cpu->apic.hardware_base, cpu->apic.hardware_base, PAGE_NONE);
    map_between_steps(cpu);
}

/* What the instruction may read of the shadow page must be there. A store needs no more than the
 * register that it may write a part of. */
static void refresh(struct cpu *cpu, void *shadow, uint64_t guest_physical, bool write)
{
    if (write && guest_only_stores(cpu))
        apic_policy_snapshot_register(cpu, shadow, guest_physical & (APIC_PAGE_SIZE - 1));
    else
        apic_policy_snapshot(cpu, shadow);
}

void apic_shadow_fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    struct apic_page_state *apic = &cpu->apic;
    void *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);

    if (!(cpu->step.owners & STEP_OWNER_APIC)) {
        refresh(cpu, shadow, guest_physical, write);
        apic->faulted_on_write = false;
    }
    if (write && !apic->faulted_on_write) {
        apic->faulted_on_write = true;
        apic->stepped_register = guest_physical & (APIC_PAGE_SIZE - 1);
    }
    backend->page_map(cpu, apic->base, physical_of(shadow),
                      apic->faulted_on_write ? PAGE_READ_WRITE : PAGE_READ);
    step_begin(cpu, STEP_OWNER_APIC, !write && guest_loads_rflags(cpu));
}

/* A write that does not begin at a register is undefined by the manuals and goes nowhere. */
void apic_shadow_step_finished(struct cpu *cpu)
{
    const char *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);
    uint32_t offset = cpu->apic.stepped_register & ~(APIC_REGISTER_STRIDE - 1);

    map_between_steps(cpu);
    if (!cpu->apic.faulted_on_write)
        cpu->counters[COUNTER_APIC_READ]++;
    else if (cpu->apic.stepped_register == offset)
        apic_policy_write(cpu, offset, *(const uint32_t *)(shadow + offset));
}

void apic_shadow_step_cancelled(struct cpu *cpu)
{
    map_between_steps(cpu);
}

void apic_shadow_icr_disturbed(struct cpu *cpu)
{
    if (cpu->apic.reads_closed)
        return;
    cpu->apic.reads_closed = true;
    if (!(cpu->step.owners & STEP_OWNER_APIC))
        map_between_steps(cpu);
}

void apic_shadow_icr_restored(struct cpu *cpu)
{
    if (!cpu->apic.reads_closed)
        return;
    cpu->apic.reads_closed = false;
    map_between_steps(cpu);
}
