/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's CPUID leaves (docs/hypervisor-leaves.md): is it there, and what has it counted?
 */
#ifndef GUEST_SEXTANT_H
#define GUEST_SEXTANT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True when the guest runs on top of Sextant: CPUID.1:ECX[31] and signature "SextantHyper" in leaf
 * 0x40000000.
 */
bool sextant_present(void);

/* True on the bare emulator QEMU with its own code generator: signature "TCGTCGTCGTCG". */
bool bare_qemu_present(void);

/* Number of the counter with that name in the hypervisor's table, or -1 when it has none. */
int sextant_counter_number(const char *name);

/* A counter of one CPU: one CPUID exit, which the answer counts too. Only when sextant_present(). */
uint64_t sextant_cpu_counter(unsigned cpu, unsigned number);

/* A counter's sum over all CPUs. Only meaningful when sextant_present(). */
uint64_t sextant_counter(unsigned number);

/*
 * Prints the counters that are not 0, one `# differs: counted N NAME` a line. Nothing on another
 * machine.
 */
void sextant_print_counters(void);

#endif
