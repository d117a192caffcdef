/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of x2apic=msr. */
#ifndef SEXTANT_PROBE_SELFTEST_X2APIC_H
#define SEXTANT_PROBE_SELFTEST_X2APIC_H

struct cpu;

/* A write of ICR exits: what went wrong, or NULL. Boot CPU, as all self-tests. */
const char *selftest_x2apic_msr(struct cpu *cpu);

#endif
