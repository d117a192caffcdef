/* SPDX-License-Identifier: BSD-2-Clause */
/* Serial output on COM1 and a small formatted print. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Sets COM1 (I/O port 0x3F8) to 115200 baud, 8 data bits, no parity, FIFOs on, no interrupts. The
 * boot CPU calls it once before any print.
 */
void console_initialise(void);

/*
 * Prints to COM1 by polling. Conversions: %d %u %x %c %s %%, with `l` for 64-bit integers, a
 * minimum width with optional 0 padding, and %#x for a 0x prefix. Nothing locks: only one CPU
 * prints at a time by the tests' design.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_list(const char *format, va_list arguments);

/*
 * Waits until the last character has left the transmitter, so that the end of a run cannot cut it
 * off.
 */
void console_drain(void);

#endif
