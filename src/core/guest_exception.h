/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions that exit: the end of a step, an exception inside a step, and those that always exit. */
#ifndef SEXTANT_CORE_GUEST_EXCEPTION_H
#define SEXTANT_CORE_GUEST_EXCEPTION_H

#include <stdint.h>

struct cpu;

/* Exception `vector` (with `error` where it has one) exited before its delivery; CR2 and DR6 are
 * already what the guest's handler is to see. Exit context. */
void guest_exception(struct cpu *cpu, uint8_t vector, uint32_t error);

#endif
