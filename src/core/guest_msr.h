/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs that the guest does not reach directly (one table, guest_msr.c); all others are passed
 * through, and the processor answers for those that do not exist. */
#ifndef SEXTANT_CORE_GUEST_MSR_H
#define SEXTANT_CORE_GUEST_MSR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"
#include "x2apic/msr_rules.h"

/* What exits of the x2APIC registers, 800h-8FFh; the rest of the permission map is the same. */
enum msr_view {
    MSR_VIEW_CLOSED,            /* all of them: the guest's APIC is not in x2APIC mode */
    MSR_VIEW_ICR_WRITE,         /* writes of ICR */
    MSR_VIEW_ICR,               /* and reads: the hardware's does not show what the guest wrote */
    MSR_VIEW_OPEN,              /* nothing */
    MSR_VIEW_VIRTUAL,           /* what the processor does not virtualize */
    MSR_VIEW_VIRTUAL_SHUT,      /* and EOI and SELF IPI: virtual interrupts are not delivered */
    MSR_VIEW_COUNT
};

/* Calls each() for every MSR that has to exit, with the accesses that have to. */
void guest_msr_each(enum msr_view view,
                    void (*each)(void *context, uint32_t index, bool read, bool write),
                    void *context);

/* Carries out the RDMSR or WRMSR that exited, but for RIP. False: it faults, which is queued. Exit
 * context. */
bool guest_msr_read(struct cpu *cpu);
bool guest_msr_write(struct cpu *cpu);

/* The value of a WRMSR that exited. */
static inline uint64_t guest_msr_value(const struct cpu *cpu)
{
    return cpu->registers->rdx << 32 | (uint32_t)cpu->registers->rax;
}

/* The most frequent WRMSR: of ICR in x2APIC mode, no reserved bit set. The backend goes past it and calls
 * binding.x2apic->icr_write(). */
static inline bool guest_msr_is_icr_write(const struct cpu *cpu, uint64_t value)
{
    return (uint32_t)cpu->registers->rcx == X2APIC_MSR_ICR
           && cpu->apic.mode == APIC_MODE_X2APIC && !(value & ~X2APIC_ICR_LEGAL);
}

#endif
