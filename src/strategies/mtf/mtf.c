/* SPDX-License-Identifier: BSD-2-Clause */
/* step=mtf (VMX): one instruction by the monitor trap flag (SDM Vol 3: VMX Non-Root Operation >
 * Monitor Trap Flag). The guest's TF, DR6 and DEBUGCTL stay its own: a trap of its own is pending
 * when the step ends, since the exit comes before it.
 *
 * Changed for the step, and put back: IF, since an interrupt would be delivered first; blocking by
 * STI or MOV SS (one instruction ends it); the exception intercepts, because a fault would end the
 * step at its handler. RF is set, because the breakpoints on the instruction itself were reported
 * before the exit that led here. */
#include "core/advance.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"
#include "x86/registers.h"

static void begin(struct cpu *cpu)
{
    struct step_registers registers = backend->step_read(cpu);

    cpu->step.saved_rflags = registers.rflags;
    registers.rflags = (registers.rflags & ~RFLAGS_IF) | RFLAGS_RF;
    vmx_control_set(cpu, CAPABILITY_VMX_MONITOR_TRAP_FLAG, true);
    backend->step_prepare(cpu, registers);
}

static void restore(struct cpu *cpu, struct step_registers registers)
{
    if (!cpu->step.loads_rflags || cpu->step.keeps_if)
        registers.rflags = (registers.rflags & ~RFLAGS_IF)
                         | (cpu->step.saved_rflags & RFLAGS_IF);
    vmx_control_set(cpu, CAPABILITY_VMX_MONITOR_TRAP_FLAG, false);
    backend->step_restore(cpu, registers);
}

/* An intercepted instruction that was carried out for the guest ends here too, without its trap. */
static void finish(struct cpu *cpu)
{
    uint64_t pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
    bool guest_steps = guest_single_steps(cpu, cpu->step.saved_rflags);
    bool traps = guest_steps || pending & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED);
    struct step_registers registers = backend->step_read(cpu);

    if (traps)
        registers.dr6 = (registers.dr6 & ~DR6_B0_B3) | (pending & DR6_B0_B3)
                      | (guest_steps || pending & PENDING_DEBUG_BS ? DR6_BS : 0);
    restore(cpu, registers);
    if (!traps)
        return;
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
    event_raise(cpu, VECTOR_DB, false, 0);
}

static void cancel(struct cpu *cpu)
{
    cpu->step.loads_rflags = false;
    restore(cpu, backend->step_read(cpu));
}

const struct step_operations mtf_operations = {
    .name = "mtf",
    .begin = begin,
    .finish = finish,
    .cancel = cancel,
};
