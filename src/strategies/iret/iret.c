/* SPDX-License-Identifier: BSD-2-Clause */
/* nmi=iret (SVM): the guest's NMIs are injected, and an IRET intercept tells when the guest can take
 * the next one (APM Vol 2: Secure Virtual Machine > NMI Support).
 *
 * The intercept fires before the IRET, which may still fault; NMIs are unblocked once the guest is
 * past it. If none is waiting that is noticed at whatever exit comes next; if one is, the IRET is
 * stepped so that the NMI comes right after it.
 *
 * An interrupt shadow holds no NMI: that of STI does not on any AMD processor, and in that of MOV SS
 * the kick that announces the NMI does not exit before the shadow has ended. */
#include "core/advance.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/kick.h"
#include "core/step.h"
#include "strategies/operations.h"
#include "x86/registers.h"

static void inject(struct cpu *cpu)
{
    cpu->event = (struct event){ .valid = true, .vector = VECTOR_NMI, .type = EVENT_NMI };
    backend->interrupt_shadow_write(cpu, 0);
    cpu->nmi.pending = false;
    cpu->nmi.blocked = true;
    cpu->counters[COUNTER_NMI_INJECTED]++;
    backend->nmi_window_request(cpu, true);
}

static void deliver(struct cpu *cpu)
{
    struct nmi_state *nmi = &cpu->nmi;
    bool at_iret = nmi->iret_seen && backend->register_read(cpu, GUEST_RIP) == nmi->iret_rip
                 && guest_loads_rflags(cpu);

    if (nmi->iret_seen && !at_iret) {
        nmi->iret_seen = false;
        nmi->blocked = false;
    }
    /* A step must not be interrupted: its end leads here again. */
    if (step_active(cpu))
        return;
    if (at_iret && !cpu->event.valid)
        step_begin(cpu, STEP_OWNER_IRET, true);
    else if (nmi->blocked)
        return;
    else if (cpu->event.valid)
        kick_self(cpu);         /* one event an entry: exit again right after this one */
    else
        inject(cpu);
}

static void window(struct cpu *cpu)
{
    backend->nmi_window_request(cpu, false);
    cpu->nmi.iret_seen = true;
    cpu->nmi.iret_rip = backend->register_read(cpu, GUEST_RIP);
    if (cpu->nmi.pending)
        step_begin(cpu, STEP_OWNER_IRET, true);
}

/* Finished: past the IRET. Cancelled: it faulted, which also unblocks NMIs (SDM Vol 3: Handling
 * Multiple NMIs; APM the same). */
static void step_ended(struct cpu *cpu)
{
    if (cpu->nmi.iret_seen)
        cpu->nmi.blocked = false;
    cpu->nmi.iret_seen = false;
}

static void reset(struct cpu *cpu)
{
    cpu->nmi = (struct nmi_state){ .pending = false };
    backend->nmi_window_request(cpu, false);
}

const struct nmi_operations nmi_iret_operations = {
    .name = "iret",
    .deliver = deliver,
    .window = window,
    .step_ended = step_ended,
    .reset = reset,
};
