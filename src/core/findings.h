/* SPDX-License-Identifier: BSD-2-Clause */
/* What was found out about this machine while booting, from the probe to the selection, and its
 * report. Boot CPU, host context, in the order of the declarations. */
#ifndef SEXTANT_CORE_FINDINGS_H
#define SEXTANT_CORE_FINDINGS_H

#include <stdint.h>

#include "boot/boot_information.h"
#include "boot/cmdline.h"
#include "core/machine.h"
#include "probe/raw.h"
#include "strategies/select.h"

/* Adds a sentence to the report; it must stay where it is or be in the image. At most 16 are kept. */
void findings_note(const char *sentence);

/* Probes the boot CPU and takes from the result what the rest of Sextant needs to know. */
void findings_probe(struct machine *facts);

/* Compares another CPU's answers with the boot CPU's: differences go to the report, the weakest
 * common table counts. */
void findings_other_cpu(void *context, uint32_t apic_id, const struct raw *raw);

/* Applies mask= and runs the self-test of every strategy that could be bound. */
void findings_test(const struct boot_parameters *parameters);

/* Selects; the outcome decides whether a guest may run. */
enum outcome findings_select(const struct boot_parameters *parameters);

/* Prints the report, or only its verdict line and outcome. */
void findings_report(const struct boot_information *information,
                     const struct boot_parameters *parameters, bool verdict_only);

/* Binds the backend and the strategies that were selected. */
void findings_bind(void);

#endif
