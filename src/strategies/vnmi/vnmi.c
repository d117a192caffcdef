/* SPDX-License-Identifier: BSD-2-Clause */
/* nmi=vnmi (VMX): NMIs exit to the host; the processor tracks whether the guest could take one
 * (virtual NMIs), and NMI-window exiting says when (SDM Vol 3: Virtual Machine Control Structures
 * > Pin-Based VM-Execution Controls; VM Exits > NMI Window). Whether to inject is decided at that
 * exit and nowhere else, so that blocking by an NMI handler, by STI and by MOV SS never has to be
 * guessed. */
#include "core/backend.h"
#include "core/cpu.h"
#include "core/entry.h"
#include "core/step.h"
#include "strategies/operations.h"
#include "x86/registers.h"

/* A step must not be interrupted: its end leads here again. */
static void deliver(struct cpu *cpu)
{
    backend->nmi_window_request(cpu, !step_active(cpu));
}

static void window(struct cpu *cpu)
{
    backend->nmi_window_request(cpu, false);
    if (step_active(cpu) || cpu->event.valid || cpu->interrupted.valid)
        return;
    cpu->nmi.pending = false;
    cpu->event = (struct event){ .valid = true, .vector = VECTOR_NMI, .type = EVENT_NMI };
    entry_post(cpu);
    cpu->counters[COUNTER_NMI_INJECTED]++;
}

/* Only nmi=iret steps. */
static void step_ended(struct cpu *cpu)
{
    (void)cpu;
}

static void reset(struct cpu *cpu)
{
    cpu->nmi.pending = false;
    backend->nmi_window_request(cpu, false);
}

const struct nmi_operations nmi_vnmi_operations = {
    .name = "vnmi",
    .deliver = deliver,
    .window = window,
    .step_ended = step_ended,
    .reset = reset,
};
