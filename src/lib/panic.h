/* SPDX-License-Identifier: BSD-2-Clause */
/* The end when nothing else is left: says what is known and ends the run with its own code. */
#ifndef SEXTANT_LIB_PANIC_H
#define SEXTANT_LIB_PANIC_H

struct exception_frame;

/* Prints the sentence, the guest's and host's registers, the strategies that are bound and the last
 * exits of this CPU; ends with EXIT_PANIC. Any CPU, any context. A second panic inside the first
 * ends at once. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an exception in the hypervisor itself. */
_Noreturn void panic_exception(const struct exception_frame *frame);

#endif
