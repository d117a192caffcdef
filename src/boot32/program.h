/* SPDX-License-Identifier: BSD-2-Clause */
/* The 32-bit program's own functions. Only for src/boot32/: the one CPU that runs, 32-bit mode. */
#ifndef SEXTANT_BOOT32_PROGRAM_H
#define SEXTANT_BOOT32_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the processor has the CPUID instruction: the first of the 486 family have not.
 * SDM Vol 1: Processor Identification and Feature Determination. */
bool cpuid_exists(void);

/* From start.S: where the image's build-id note is, and its length in bytes. */
extern const void *build_id_note;
extern uint32_t build_id_note_size;

/* From start.S: the boot loader's magic and the physical address of its information. */
_Noreturn void main32(uint32_t magic, uint32_t information_physical);

/* From start.S: an exception that nothing here expects. `eip`: where it happened. Ends the run. */
_Noreturn void exception32(uint32_t vector, uint32_t error_code, uint32_t eip);

#endif
