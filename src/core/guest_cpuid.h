/* SPDX-License-Identifier: BSD-2-Clause */
/* What CPUID shows the guest: the processor's own leaves without SVM and VMX, and Sextant's leaves
 * (docs/hypervisor-leaves.md). */
#ifndef SEXTANT_CORE_GUEST_CPUID_H
#define SEXTANT_CORE_GUEST_CPUID_H

struct cpu;

/* Answers CPUID in the guest's registers; RIP is the caller's. Exit context. */
void guest_cpuid(struct cpu *cpu);

#endif
