/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's NMIs reach its handler, one at a time, under the bound `nmi` strategy. */
#ifndef SEXTANT_PROBE_SELFTEST_NMI_H
#define SEXTANT_PROBE_SELFTEST_NMI_H

struct cpu;

/* What went wrong, or NULL. Boot CPU, host context, virtualization on, the strategy bound. The second
 * one, for nmi=iret, first finds out how NMIs are to be injected here (svm/svm.h). */
const char *selftest_nmi_run(struct cpu *cpu);
const char *selftest_nmi_iret(struct cpu *cpu);

#endif
