/* SPDX-License-Identifier: BSD-2-Clause */
/* How a run ends. */
#ifndef SEXTANT_CORE_ENDING_H
#define SEXTANT_CORE_ENDING_H

enum exit_code {
#define X(name, code, meaning) name = code,
#include "core/exit_codes.def"
#undef X
};

/* Stops all other CPUs by a rendezvous and, with the boot parameter `stats`, prints the
 * statistics: to be called right before the machine is reset or turned off. The calling CPU goes
 * on; the others wait. `why` is one clause for the person. Exit context. */
void ending_prepare(const char *why);

/* The write that should have ended the machine has been made: waits a moment, and if the machine is
 * still there lets the other CPUs go on. The CPU that called ending_prepare(). */
void ending_did_not_come(void);

/* Ends the machine without a guest: isa-debug-exit with `code`, then Bochs' shutdown port, then
 * ACPI soft-off, then halts. Any CPU, host context. */
_Noreturn void ending_exit(enum exit_code code);

/* The guest shut down (triple fault): ends in order, then resets the machine, as the bare
 * processor's answer would. Exit context. */
_Noreturn void ending_reset(const char *why);

#endif
