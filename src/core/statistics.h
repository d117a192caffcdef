/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit statistics: printed at the end with `stats`, read by the guest through CPUID. */
#ifndef SEXTANT_CORE_STATISTICS_H
#define SEXTANT_CORE_STATISTICS_H

#include <stdbool.h>

/* Prints every counter that is not zero, a column a CPU (the first eight) and the total. All
 * other CPUs are stopped. */
void statistics_print(void);

/* Copies the counters of all CPUs to their snapshots while all of them are stopped. False when a
 * CPU did not come to the rendezvous. Exit context. */
bool statistics_snapshot(void);

#endif
