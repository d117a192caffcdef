/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens before every VM entry, in the order of urgency: a rendezvous; INIT, SIPI and NMI
 * from the mailbox; an event whose delivery was cut short; a new event; the guest's NMI. */
#include "core/rendezvous.h"
#include "core/vcpu.h"
#include "strategies/operations.h"
#include "svm/svm.h"

/* The exit cut the delivery of an event short. Unless an exception of that delivery replaced it
 * (event_raise() has merged the two) it is delivered again. */
static void again(struct cpu *cpu)
{
    if (!cpu->interrupted.valid)
        return;
    if (!cpu->event.valid) {
        cpu->event = cpu->interrupted;
        cpu->counters[COUNTER_EVENT_REINJECTED]++;
    }
    cpu->interrupted.valid = false;
}

void svm_prepare_entry(struct cpu *cpu)
{
    again(cpu);
    while (rendezvous_wanted(cpu))
        rendezvous_attend(cpu);
    if (startup_is_pending(&cpu->mailbox))
        vcpu_take_mailbox(cpu);
    if (cpu->nmi.pending)
        binding.nmi->deliver(cpu);
    if (cpu->event.valid)
        svm_inject(cpu);
}
