/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of the audit that explains a refused VM entry (vmx/audit.c): a defect of the image would
 * need it, so no other run shows that it works. */
#ifndef SEXTANT_PROBE_SELFTEST_AUDIT_H
#define SEXTANT_PROBE_SELFTEST_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

struct cpu;

/* Enters the micro-guest with a state that the processor must refuse, and writes a sentence for the report:
 * what the audit says of it. Boot CPU, VMX, after the other self-tests: the VMCS has been launched. */
void selftest_audit(struct cpu *cpu, char *sentence, size_t size);

/* For the exit handler of refused states: the self-test asks the audit itself. */
bool selftest_expects_refusal(void);

#endif
