/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of x2apic=msr, and what it has in common with the measurement of it. */
#ifndef SEXTANT_PROBE_SELFTEST_X2APIC_H
#define SEXTANT_PROBE_SELFTEST_X2APIC_H

#include "core/cpu.h"

/* A write of ICR exits: what went wrong, or NULL. Boot CPU, as all self-tests. */
const char *selftest_x2apic_msr(struct cpu *cpu);

/* What selftest_x2apic_begin() has changed. */
struct selftest_x2apic_state {
    struct apic_page_state apic;
    const struct startup_operations *startup;
};

/* Shows the micro-guest the registers of a guest in x2APIC mode, while the hardware stays in its own;
 * selftest_x2apic_end() undoes it. */
void selftest_x2apic_begin(struct cpu *cpu, struct selftest_x2apic_state *before);
void selftest_x2apic_end(struct cpu *cpu, const struct selftest_x2apic_state *before);

/* Readies the micro-guest for a write to ICR that sends nothing: enter it next. */
void selftest_x2apic_prepare_write(struct cpu *cpu);

#endif
