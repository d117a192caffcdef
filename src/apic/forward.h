/* SPDX-License-Identifier: BSD-2-Clause */
/* Interprocessor interrupts that need no emulation, on their way to the hardware (SDM Vol 3: APIC >
 * Issuing Interprocessor Interrupts). */
#ifndef SEXTANT_APIC_FORWARD_H
#define SEXTANT_APIC_FORWARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "apic/local.h"
#include "apic/registers.h"
#include "core/cpu.h"
#include "x86/msr.h"

/* Sends the command of class ICR_FORWARD that the guest wrote as `icr` (both halves), in x2APIC mode or not. True
 * when the hardware's ICR then shows it. On the CPU named, exit context. */
static inline bool apic_forward(struct cpu *cpu, uint64_t icr, bool x2apic);

/* From now on (or no longer) this CPU's hardware would answer messages in another way than the guest's
 * APIC does: it is on and the guest's is off, or their modes differ. While there is such a CPU every
 * message is sent to each CPU that it is for, one by one. On the CPU named. */
void apic_set_irregular(struct cpu *cpu, bool irregular);

/* How many such CPUs there are, and what is sent as long as there is one; for the function below. */
extern _Atomic uint32_t apic_irregular_cpus;
bool apic_send_one_by_one(struct cpu *cpu, uint64_t icr, bool x2apic);

static inline bool apic_forward(struct cpu *cpu, uint64_t icr, bool x2apic)
{
    cpu->counters[COUNTER_ICR_FORWARDED]++;
    if (atomic_load_explicit(&apic_irregular_cpus, memory_order_relaxed))
        return apic_send_one_by_one(cpu, icr, x2apic);
    if (x2apic)
        msr_write_if_legal(APIC_X2APIC_MSR_BASE + (APIC_ICR_LOW >> 4), icr);
    else
        local_apic_write_of(cpu, APIC_ICR_LOW, (uint32_t)icr);
    return true;
}

#endif
