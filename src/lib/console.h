/* SPDX-License-Identifier: BSD-2-Clause */
/* Where Sextant's own text goes: serial ports, port 0xe9, the VGA text screen, or nowhere. The
 * guest owns the same devices while it runs; Sextant writes before it starts and after it ends. */
#ifndef SEXTANT_LIB_CONSOLE_H
#define SEXTANT_LIB_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* Selects the sinks: a bit per value of the boot parameter `console`, in the order of
 * CONSOLE_COM1.. below; 0 is silence. Initialises the serial ports (115200 8n1). Any CPU. */
#define CONSOLE_COM1    (1u << 0)
#define CONSOLE_COM2    (1u << 1)
#define CONSOLE_E9      (1u << 2)
#define CONSOLE_VGA     (1u << 3)
void console_select(uint32_t sinks);

/* Programs the selected serial ports anew: the guest may have left them in any state. */
void console_reclaim(void);

/* Waits until the selected serial ports have sent what they were given, a tenth of a second or so at
 * most: a machine that ends takes what is still in them with it. Any CPU, host context. */
void console_drain(void);

/* Writes bytes to every sink; "\n" becomes "\r\n" on serial ports. Any CPU, host context; the
 * writers of several CPUs do not mix within one call. */
void console_write(const char *bytes, size_t length);

/* Integer-only printf to the console; at most 511 bytes a call. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For panic: from now on no lock is waited for. */
void console_break_lock(void);

#endif
