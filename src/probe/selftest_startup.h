/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of startup=sipi, the only one that needs a second CPU. */
#ifndef SEXTANT_PROBE_SELFTEST_STARTUP_H
#define SEXTANT_PROBE_SELFTEST_STARTUP_H

struct cpu;

/* The answer where the strategy works but may not be preferred. */
extern const char selftest_startup_limited[];

/* What went wrong, or NULL. Boot CPU, at least one other that waits to be released; one that the test
 * could not bring back is taken out of the table of CPUs. */
const char *selftest_startup(struct cpu *cpu);

#endif
