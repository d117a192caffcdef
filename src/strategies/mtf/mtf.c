/* SPDX-License-Identifier: BSD-2-Clause */
/* step=mtf (VMX): one instruction by the monitor trap flag (SDM Vol 3: VMX Non-Root Operation >
 * Monitor Trap Flag). The guest's TF, DR6 and DEBUGCTL stay its own: a trap of its own is pending
 * when the step ends, since the exit comes before it.
 *
 * Changed for the step, and put back: IF, since an interrupt would be delivered first; blocking by
 * STI or MOV SS (one instruction ends it); the exception intercepts, because a fault would end the
 * step at its handler. RF is set, because the breakpoints on the instruction itself were reported
 * before the exit that led here. */
#include "core/backend.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"
#include "x86/registers.h"

#define ALL_EXCEPTIONS      (~(1u << VECTOR_NMI))

static void begin(struct cpu *cpu)
{
    struct step_state *step = &cpu->step;
    uint64_t rflags = backend->register_read(cpu, GUEST_RFLAGS);

    step->saved_rflags = rflags;
    backend->interrupt_shadow_write(cpu, 0);
    backend->register_write(cpu, GUEST_RFLAGS, (rflags & ~RFLAGS_IF) | RFLAGS_RF);
    backend->exceptions_intercept(cpu, ALL_EXCEPTIONS);
    vmx_control_set(cpu, CAPABILITY_VMX_MONITOR_TRAP_FLAG, true);
}

static void restore(struct cpu *cpu)
{
    vmx_control_set(cpu, CAPABILITY_VMX_MONITOR_TRAP_FLAG, false);
    backend->exceptions_intercept(cpu, 0);
    if (!cpu->step.loads_rflags)
        backend->register_write(cpu, GUEST_RFLAGS,
                                (backend->register_read(cpu, GUEST_RFLAGS) & ~RFLAGS_IF)
                                | (cpu->step.saved_rflags & RFLAGS_IF));
}

/* An intercepted instruction that was carried out for the guest ends here too, without its trap. */
static void finish(struct cpu *cpu)
{
    uint64_t pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
    uint64_t dr6 = backend->register_read(cpu, GUEST_DR6);

    restore(cpu);
    if (!(pending & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED))
        && !(cpu->step.saved_rflags & RFLAGS_TF))
        return;
    if (cpu->step.saved_rflags & RFLAGS_TF)
        dr6 |= DR6_BS;
    backend->register_write(cpu, GUEST_DR6, (dr6 & ~DR6_B0_B3) | (pending & DR6_B0_B3));
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
    event_raise(cpu, VECTOR_DB, false, 0);
}

static void cancel(struct cpu *cpu)
{
    cpu->step.loads_rflags = false;
    restore(cpu);
}

const struct step_operations mtf_operations = {
    .name = "mtf",
    .begin = begin,
    .finish = finish,
    .cancel = cancel,
};
