/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-tests of apic=apicv and x2apic=apicv. */
#ifndef SEXTANT_PROBE_SELFTEST_APICV_H
#define SEXTANT_PROBE_SELFTEST_APICV_H

struct cpu;

/* The answer of a machine that does not leave a guest that was entered with interrupts off for one: the
 * strategy works, and is not to be preferred. */
extern const char selftest_apicv_limited[];

/* What went wrong, or NULL, or the above. Finds out machine.interrupts_need_if and
 * machine.halt_needs_exit. Boot CPU, with the strategy bound; afterwards the local APIC is as it was. */
const char *selftest_apicv_run(struct cpu *cpu);

/* The same of x2apic=apicv, after that one; the hardware's APIC stays in its mode. */
const char *selftest_apicv_x2apic(struct cpu *cpu);

#endif
