/* SPDX-License-Identifier: BSD-2-Clause */
/* nmi=poll (VMX): virtual NMIs where nothing says when the guest can take the next one. The
 * processor still tracks the guest's blocking, so an NMI is injected at the first entry at which
 * the interruptibility state allows it (SDM Vol 3: VM Entries > Checks on Guest Non-Register State),
 * and until then the preemption timer, where there is one, sees to it that exits come. What stepped
 * until the guest's IRET would show the guest its flags. */
#include "core/backend.h"
#include "core/cpu.h"
#include "core/step.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"
#include "x86/registers.h"

/* In units of the timer, 2^0 to 2^31 ticks of the TSC each (IA32_VMX_MISC[4:0], 5 on most
 * processors): some ten microseconds, so that a handler which never ends costs little. */
#define PATIENCE            1024u

#define BLOCKED             (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI)

/* A step must not be interrupted, and its end leads here again. */
static void deliver(struct cpu *cpu)
{
    if (step_active(cpu))
        return;
    if (cpu->event.valid || vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKED) {
        vmx_exit_within(cpu, PATIENCE);
        return;
    }
    vmx_exit_within(cpu, VMX_NEVER);
    vmx_of(cpu)->nmi_may_be_blocked = false;
    cpu->nmi.pending = false;
    cpu->event = (struct event){ .valid = true, .vector = VECTOR_NMI, .type = EVENT_NMI };
    cpu->counters[COUNTER_NMI_INJECTED]++;
}

/* There is no window. */
static void window(struct cpu *cpu)
{
    (void)cpu;
}

/* Only nmi=iret steps. */
static void step_ended(struct cpu *cpu)
{
    (void)cpu;
}

static void reset(struct cpu *cpu)
{
    cpu->nmi.pending = false;
    vmx_exit_within(cpu, VMX_NEVER);
}

const struct nmi_operations nmi_poll_operations = {
    .name = "poll",
    .deliver = deliver,
    .window = window,
    .step_ended = step_ended,
    .reset = reset,
};
