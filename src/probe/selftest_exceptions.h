/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SEXTANT_PROBE_SELFTEST_EXCEPTIONS_H
#define SEXTANT_PROBE_SELFTEST_EXCEPTIONS_H

struct cpu;

/* Measures machine.exceptions_exit, and applies it to this CPU's VMCS. VMX; boot CPU, while the
 * self-tests run. */
void selftest_exceptions(struct cpu *cpu);

#endif
