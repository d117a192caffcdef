/* SPDX-License-Identifier: BSD-2-Clause */
/* What a strategy of each axis does: one const table per strategy, `name` first, in the strategy's
 * own folder. Bound once after the selection (strategies/bind.c), then sealed read-only. All
 * operations run on the CPU they name, in exit context, host NMIs held. */
#ifndef SEXTANT_STRATEGIES_OPERATIONS_H
#define SEXTANT_STRATEGIES_OPERATIONS_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct icr_command;

/* `step`: exactly one guest instruction. Only core/step.c calls these. */
struct step_operations {
    const char *name;
    /* Prepares the guest so that it exits after one instruction, and on every exception, with no
     * interrupt in between. */
    void (*begin)(struct cpu *cpu);
    /* The instruction completed: puts back what begin() changed, but for what the instruction
     * itself changed. A trap that the guest's own debugging caused is queued. */
    void (*finish)(struct cpu *cpu);
    /* The instruction did not complete (it faulted, or the CPU is reset): puts everything back. */
    void (*cancel)(struct cpu *cpu);
};

/* `apic`: how accesses to the xAPIC page reach the policy of apic/policy.c. Only called while the
 * guest's APIC is in xAPIC mode; what the page shows otherwise is no strategy's concern. */
struct apic_operations {
    const char *name;
    /* It gives the guest the hardware's page itself, and has no way to show it another: a page that
     * has to be translated (x2apic/base.h) is apic=page's. */
    bool opens_page;
    /* Starts (or, after the page has moved, starts again) to watch cpu->apic.base. */
    void (*attach)(struct cpu *cpu);
    /* A nested page fault on the page of cpu->apic.base. */
    void (*fault)(struct cpu *cpu, uint64_t guest_physical, bool write);
    /* The step that fault() began ended: completed or not. */
    void (*step_finished)(struct cpu *cpu);
    void (*step_cancelled)(struct cpu *cpu);
    /* The hardware's ICR no longer shows what the guest wrote last. */
    void (*icr_disturbed)(struct cpu *cpu);
    /* It does again. */
    void (*icr_restored)(struct cpu *cpu);
    /* INIT has put the hardware's APIC into its INIT state. NULL: nothing else is to be reset. */
    void (*reset)(struct cpu *cpu);
    /* The guest's APIC leaves xAPIC mode: what it holds goes back to the hardware. NULL: it is there. */
    void (*detach)(struct cpu *cpu);
};

/* `startup`: how INIT and SIPI are seen. */
struct startup_operations {
    const char *name;
    /* The guest wrote ICR, all 64 bits of it as `icr` (its low half, in xAPIC mode). Returns true when
     * the hardware's ICR then shows that. */
    bool (*icr_write)(struct cpu *cpu, uint64_t icr, bool x2apic);
    /* The CPU is to wait for a SIPI: prepares its guest to do that in hardware, from the next entry on.
     * NULL: it waits in the host. */
    void (*wait)(struct cpu *cpu);
    /* The hardware has taken an INIT to the CPU. True when it will wait for the SIPI from the next entry
     * on, and everything else that the INIT means has been put off until then; false when the mailbox
     * has to take it. NULL: INITs do not reach the hardware. */
    bool (*init)(struct cpu *cpu);
};

/* `x2apic`: what the guest sees of x2APIC mode. */
struct x2apic_operations {
    const char *name;
    /* The guest sees that the processor has x2APIC. */
    bool offers_x2apic;
    /* cpu->apic.mode or, in x2APIC mode, cpu->apic.reads_closed has changed. */
    void (*mode_changed)(struct cpu *cpu);
    /* The guest, in x2APIC mode, has written ICR, no reserved bit set: the rest of it. */
    void (*icr_write)(struct cpu *cpu, uint64_t icr);
    /* It reads or writes an MSR of 800h-8FFh in another way. False: #GP. */
    bool (*msr_read)(struct cpu *cpu, uint32_t index, uint64_t *value);
    bool (*msr_write)(struct cpu *cpu, uint32_t index, uint64_t value);
    /* As in struct apic_operations, in x2APIC mode. */
    void (*reset)(struct cpu *cpu);
    void (*detach)(struct cpu *cpu);
};

/* `nmi`: the guest's own NMIs. */
struct nmi_operations {
    const char *name;
    /* Before every entry while cpu->nmi.pending: delivers the NMI or sees to it that the CPU exits
     * when it can. */
    void (*deliver)(struct cpu *cpu);
    /* The exit that deliver() asked for. */
    void (*window)(struct cpu *cpu);
    /* The instruction that window() stepped has ended. */
    void (*step_ended)(struct cpu *cpu);
    /* INIT: nothing is pending or blocked any more. */
    void (*reset)(struct cpu *cpu);
};

struct binding {
    const struct startup_operations *startup;
    const struct apic_operations *apic;
    const struct x2apic_operations *x2apic;
    const struct step_operations *step;
    const struct nmi_operations *nmi;
};

/* Written by strategies_bind(), read-only from then on. */
extern struct binding binding;

extern const struct step_operations dbstep_operations, mtf_operations;
extern const struct apic_operations apic_page_operations, apic_passthrough_operations;
extern const struct apic_operations apicv_operations, apic_decode_operations;
extern const struct startup_operations startup_icr_operations, startup_sipi_operations;
extern const struct x2apic_operations x2apic_passthrough_operations, x2apic_msr_operations;
extern const struct x2apic_operations x2apic_hide_operations, x2apic_apicv_operations;
extern const struct nmi_operations nmi_iret_operations, nmi_poll_operations, nmi_vnmi_operations;

#endif
