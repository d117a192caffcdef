/* SPDX-License-Identifier: BSD-2-Clause */
/* apic=apicv (VMX): the processor virtualizes the xAPIC page (SDM Vol 3: APIC Virtualization and
 * Virtual Interrupts > Virtualizing Memory-Mapped APIC Accesses). The guest's page is the APIC-access
 * page; reads come from the virtual-APIC page, TPR and EOI have their effect without an exit, other
 * writes exit once they are done (vmx/virtual_apic.c).
 *
 * What the processor does not virtualize exits before it is done: the current count and PPR, wide
 * and misaligned accesses, registers that are read-only or do not exist. The plain instruction is
 * carried out (apic/emulate.c). Any other is stepped on a shadow page that shows what it would read,
 * and the register that was written first (and only that) is replayed. */
#include "apic/emulate.h"
#include "apic/registers.h"
#include "core/advance.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/hidden.h"
#include "core/step.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"

static void map_between_steps(struct cpu *cpu)
{
    backend->page_map(cpu, cpu->apic.base, vmx_apic_access_page(), PAGE_READ_WRITE);
}

/* The override of the real page comes first and stays, wherever the guest has put its own. */
static void attach(struct cpu *cpu)
{
    backend->page_map(cpu, cpu->apic.hardware_base, cpu->apic.hardware_base, PAGE_NONE);
    map_between_steps(cpu);
    vmx_virtual_apic_start(cpu);
}

/* One instruction on the shadow page. */
static void step(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    struct apic_page_state *apic = &cpu->apic;
    void *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);
    uint32_t offset = guest_physical & (APIC_PAGE_SIZE - 1), owner = STEP_OWNER_APIC;

    if (!(cpu->step.owners & STEP_OWNER_APIC)) {
        owner |= write && guest_pushes_rflags(cpu) ? STEP_OWNER_PUSHF : 0;
        vmx_virtual_apic_snapshot(cpu, shadow, offset);
        apic->faulted_on_write = false;
    }
    if (write && !apic->faulted_on_write) {
        apic->faulted_on_write = true;
        apic->stepped_register = offset;
    }
    backend->page_map(cpu, apic->base, physical_of(shadow),
                      apic->faulted_on_write ? PAGE_READ_WRITE : PAGE_READ);
    step_begin(cpu, owner, !write && guest_loads_rflags(cpu));
}

static const struct apic_emulation registers = {
    .show = vmx_virtual_apic_show,
    .write = vmx_virtual_apic_write,
    .otherwise = step,
};

static bool view_was_built_anew(struct cpu *cpu)
{
    return !(cpu->step.owners & STEP_OWNER_APIC)
        && (vmcs_read(VMCS_EXIT_REASON) & EXIT_REASON_BASIC) == EXIT_REASON_EPT_VIOLATION;
}

/* An access that is not virtualized, or (in the step) a write to the shadow page. */
static void fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    if (view_was_built_anew(cpu))
        map_between_steps(cpu);
    else
        apic_emulate(cpu, guest_physical, write, &registers);
}

/* A write that does not begin at a register is undefined by the manuals and goes nowhere. */
static void step_finished(struct cpu *cpu)
{
    const char *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);
    uint32_t offset = cpu->apic.stepped_register & ~(APIC_REGISTER_STRIDE - 1);

    map_between_steps(cpu);
    if (!cpu->apic.faulted_on_write)
        cpu->counters[COUNTER_APIC_READ]++;
    else if (cpu->apic.stepped_register == offset)
        vmx_virtual_apic_write(cpu, offset, *(const uint32_t *)(shadow + offset));
}

/* The guest's ICR is on the virtual-APIC page. */
static void nothing(struct cpu *cpu)
{
    (void)cpu;
}

const struct apic_operations apicv_operations = {
    .name = "apicv",
    .attach = attach,
    .fault = fault,
    .step_finished = step_finished,
    .step_cancelled = map_between_steps,
    .icr_disturbed = nothing,
    .icr_restored = nothing,
    .reset = vmx_virtual_apic_reset,
    .detach = vmx_virtual_apic_stop,
};
