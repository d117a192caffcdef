/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's IA32_APIC_BASE, whichever strategy of the axes `apic` and `x2apic` is bound: where its
 * local APIC is, in which mode, and what a CPU without one looks like (SDM Vol 3: APIC > Local APIC
 * > Local APIC Status and Location; Extended XAPIC (x2APIC) > x2APIC State Transitions).
 *
 * The hardware's APIC stays where it is and is never switched off: emulators exist that cannot
 * switch it on again, and the host needs it to reach the CPU. So it cannot leave x2APIC mode either;
 * a guest that does is shown an xAPIC page of which every access is translated (apic/policy.c). */
#ifndef SEXTANT_X2APIC_BASE_H
#define SEXTANT_X2APIC_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"
#include "strategies/operations.h"

/* The first state, after the strategies are bound: the mode in which firmware left the APIC, x2APIC
 * mode with guest.x2apic=only. On the CPU itself, host context. */
void guest_apic_prepare(struct cpu *cpu);

/* RDMSR. Exit context of the CPU named, as all that follow. */
uint64_t guest_apic_base_read(struct cpu *cpu);

/* WRMSR; false: #GP(0), and nothing has changed. */
bool guest_apic_base_write(struct cpu *cpu, uint64_t value);

/* INIT: the registers, not the mode. */
void guest_apic_init(struct cpu *cpu);

/* Reads the hardware's registers that address this CPU into cpu->apic.identity. */
void guest_apic_refresh_identity(struct cpu *cpu);

/* True while the guest's APIC is in xAPIC mode and the hardware's in x2APIC mode. */
static inline bool guest_apic_is_translated(const struct cpu *cpu)
{
    return cpu->apic.hardware_x2apic && cpu->apic.mode == APIC_MODE_XAPIC;
}

/* The strategy that shows this CPU its xAPIC page now. */
static inline const struct apic_operations *guest_apic_page(const struct cpu *cpu)
{
    return binding.apic->opens_page && guest_apic_is_translated(cpu) ? &apic_page_operations
                                                                     : binding.apic;
}

#endif
