/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens before every VM entry, in the order of urgency: a rendezvous; INIT, SIPI and NMI
 * from the mailbox; an event whose delivery was cut short; a new event; the guest's NMI. */
#include "core/advance.h"
#include "core/rendezvous.h"
#include "core/vcpu.h"
#include "strategies/operations.h"
#include "svm/svm.h"
#include "x86/msr.h"
#include "x86/registers.h"

/* An event of INT n, INT3 or INTO was reported with RIP at the instruction; its frame has to show
 * the one after it. */
static void past_instruction(struct cpu *cpu)
{
    const struct event *event = &cpu->interrupted;
    struct vmcb *vmcb = vmcb_of(cpu);

    if (event->type != EVENT_SOFTWARE_INTERRUPT
        && (event->type != EVENT_EXCEPTION
            || (event->vector != VECTOR_BP && event->vector != VECTOR_OF)))
        return;
    if (vmcb->rip != cpu->rip_after_int)
        vmcb->rip += guest_int_length(cpu);
    vmcb->next_rip = vmcb->rip;
    cpu->rip_after_int = vmcb->rip;
}

/* The exit cut the delivery of an event short. Unless an exception of that delivery replaced it
 * (event_raise() has merged the two) it is delivered again. */
static void again(struct cpu *cpu)
{
    if (!cpu->interrupted.valid)
        return;
    if (!cpu->event.valid) {
        past_instruction(cpu);
        cpu->event = cpu->interrupted;
        cpu->counters[COUNTER_EVENT_REINJECTED]++;
    }
    cpu->interrupted.valid = false;
}

static void attend(struct cpu *cpu)
{
    entry_look(cpu);
    again(cpu);
    /* Each of the two may let an NMI in that announces the other. */
    while (rendezvous_wanted(cpu) || startup_is_pending(&cpu->mailbox)) {
        if (rendezvous_wanted(cpu))
            rendezvous_attend(cpu);
        else
            vcpu_take_mailbox(cpu);
    }
    if (cpu->nmi.pending)
        binding.nmi->deliver(cpu);
    if (cpu->nmi.pending)
        entry_look_again(cpu);
    if (cpu->event.valid)
        svm_inject(cpu);
}

bool svm_attend(struct general_registers *registers)
{
    struct cpu *cpu = this_cpu();

    cpu->registers = registers;
    if (!cpu->leave_guest)
        attend(cpu);
    return !cpu->leave_guest;
}
