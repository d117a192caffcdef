/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate of address line 20 (IBM PS/2: System Control Port A; keyboard controller 8042: output port). A
 * closed one makes two MiB of memory one, for the host as well: it stays open, as on processors that have
 * none any more. VMX and VM_CR.DIS_A20M say the same to hardware that has one; emulators hear neither.
 * Pure. */
#ifndef SEXTANT_CORE_A20_GATE_H
#define SEXTANT_CORE_A20_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define PORT_KEYBOARD_DATA          0x60
#define PORT_KEYBOARD_COMMAND       0x64
#define PORT_SYSTEM_CONTROL_A       0x92

/* What to write to a port instead of the byte that a guest writes there: the same, but with the gate open.
 * *output_port: whether the next byte of data is the controller's output port; kept for the caller. */
uint8_t a20_gate_open(uint16_t port, uint8_t value, bool *output_port);

#endif
