/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of SVM's decode assists, which no strategy needs: without them instructions are fetched
 * by a walk through the guest's paging structures. */
#ifndef SEXTANT_PROBE_SELFTEST_DECODE_ASSISTS_H
#define SEXTANT_PROBE_SELFTEST_DECODE_ASSISTS_H

struct cpu;

/* What is wrong with the bytes that nested page faults give, or NULL. Finds out machine.decode_assists.
 * Boot CPU, as all self-tests; the capability is advertised. */
const char *selftest_decode_assists(struct cpu *cpu);

#endif
