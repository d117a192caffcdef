/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test Anything Protocol on the console, and the end of a run. Only the boot CPU calls these
 * functions (but for fatal()), so that lines have one order.
 *
 * The oracle of a test is the same guest on the bare emulator: every line must be printed
 * identically there. Lines that cannot be are printed by tap_differs() and are ignored by the
 * comparison.
 */
#ifndef GUEST_TAP_H
#define GUEST_TAP_H

#include <stdbool.h>
#include <stdint.h>

/* Prints the plan `1..count`. A run that prints another number of results ends as failed. */
void tap_plan(unsigned count);

/* Prints one result line, `ok N - text` or `not ok N - text`, and returns `passed`. */
bool tap_check(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One result line for got == expected; both numbers stand in the line, in hexadecimal. */
bool tap_equal(uint64_t got, uint64_t expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with decimal numbers, for counts. */
bool tap_count(uint64_t got, uint64_t expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Prints `count` result lines `ok N - text # SKIP reason`. Legal only when the machine lacks a
 * capability; the reason names it.
 */
void tap_skip(unsigned count, const char *reason, const char *text);

/* Prints a comment line `# …`: a value that the comparison with the bare emulator covers. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a comment line `# differs: …`, which the comparison ignores. */
void tap_differs(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Prints the trace of the exceptions (trace.h) and what Sextant has counted, when it is there, and ends
 * the run: 0x20 (all ok) or 0x21 (some not ok, or a number of results that differs from the plan) to the isa-debug-exit port 0xF4; where that port does nothing, "Shutdown" to port 0x8900
 * (Bochs); then halts for ever.
 */
_Noreturn void tap_end(void);

/*
 * Prints `Bail out!` with the text and ends the run as failed. Any CPU may call it, in an exception
 * handler too.
 */
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
