/* SPDX-License-Identifier: BSD-2-Clause */
/* Interprocessor interrupts that need no emulation, on their way to the hardware (SDM Vol 3: APIC >
 * Issuing Interprocessor Interrupts). */
#ifndef SEXTANT_APIC_FORWARD_H
#define SEXTANT_APIC_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Sends the command of class ICR_FORWARD that the guest wrote as `icr` (both halves), in x2APIC mode or not. True
 * when the hardware's ICR then shows it. On the CPU named, exit context. */
bool apic_forward(struct cpu *cpu, uint64_t icr, bool x2apic);

/* From now on (or no longer) this CPU's hardware would answer messages in another way than the guest's
 * APIC does: it is on and the guest's is off, or their modes differ. While there is such a CPU every
 * message is sent to each CPU that it is for, one by one. On the CPU named. */
void apic_set_irregular(struct cpu *cpu, bool irregular);

#endif
