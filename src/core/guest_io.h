/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports that end or restart the machine: the guest's access is seen so that the run ends in order
 * (all CPUs stopped, statistics printed); then it happens as the guest asked. And those that would close
 * the gate of address line 20. */
#ifndef SEXTANT_CORE_GUEST_IO_H
#define SEXTANT_CORE_GUEST_IO_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Calls each(context, port) for every port to intercept. Boot CPU, after machine.power is known. */
void guest_io_each_port(void (*each)(void *context, uint16_t port), void *context);

/* Performs IN or OUT of 1, 2 or 4 bytes for the guest. `value`: what it writes; the result is what
 * it reads. Does not return when the write ends the machine. Exit context. */
uint32_t guest_io(struct cpu *cpu, uint16_t port, unsigned size, bool in, uint32_t value);

#endif
