/* SPDX-License-Identifier: BSD-2-Clause */
/* startup=sipi (VMX): the hardware delivers INIT and SIPI, and both exit on the CPU that they are
 * for (SDM Vol 3: VM Exits > Other Causes of VM Exits; Virtual Machine Control Structures > Guest
 * Non-Register State, wait-for-SIPI). Nothing of the sender's APIC is watched. A CPU that waits is
 * in non-root operation with NMIs blocked: no kick reaches it, and none is needed. A SIPI that
 * meets a CPU in root operation is lost by the processor, so the INIT exit has to be short: what an
 * INIT resets is reset when the SIPI comes. */
#include <stdatomic.h>

#include "apic/forward.h"
#include "apic/local.h"
#include "apic/reset.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/machine.h"
#include "core/step.h"
#include "core/vcpu.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"

/* With an `apic` strategy that traps: the command goes on to the hardware like any other. */
static bool icr_write(struct cpu *cpu, uint64_t icr, bool x2apic)
{
    return apic_forward(cpu, icr, x2apic);
}

/* The state is that of a CPU after INIT: VM entry checks it although nothing of it is used. */
static void wait(struct cpu *cpu)
{
    struct initial_state state;
    uint64_t cr0 = backend->register_read(cpu, GUEST_CR0);

    initial_state_for_sipi(0, machine.cpuid_signature, cr0, &state);
    vcpu_load_state(cpu, &state);
    vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
    atomic_store(&cpu->waits_in_hardware, 1);
}

/* As little as the next VM entry allows; and as after INIT, the APIC accepts no interrupt while its CPU
 * waits, and no logical destination finds it. (In x2APIC mode LDR cannot be written, and INIT keeps it.) */
static bool init(struct cpu *cpu)
{
    if (step_active(cpu) || !startup_is_quiet(&cpu->mailbox))
        return false;
    if (cpu->apic.registers)
        local_apic_write_of(cpu, APIC_LDR, 0);
    if (!cpu->apic.identity.x2apic)
        cpu->apic.identity.ldr = 0;
    local_apic_write_of(cpu, APIC_SVR, APIC_SVR_VECTOR);
    binding.nmi->reset(cpu);
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
    vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
    vmx_of(cpu)->init_held = true;
    cpu->waiting = true;
    atomic_store(&cpu->waits_in_hardware, 1);
    return true;
}

const struct startup_operations startup_sipi_operations = {
    .name = "sipi",
    .icr_write = icr_write,
    .wait = wait,
    .init = init,
};
