/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of a run's exceptions: every frame that the CPU pushed for a vector below 32 other than
 * NMI, whose moment is not the program's. It is printed at the end, in comment lines, so that the
 * comparison with the bare emulator covers the frames of every guest. What enters at an address of a
 * test's own (interrupts_set_entry(), a guest with an IDT of its own) is that test's to look at.
 *
 * The arithmetic flags are left out: what they hold depends on how long something was waited for. So is
 * RF, which QEMU leaves clear in the frame of a fault and the manual has set.
 * Source: SDM Vol 3: Interrupt and Exception Handling > Stack Frame in 64-Bit Mode.
 */
#ifndef GUEST_TRACE_H
#define GUEST_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct frame;

/* Records the frame on its CPU, before its handler changes it. */
void trace_exception(const struct frame *frame);

/*
 * Records no frames of that vector: where a test provokes it at a moment that is not the program's, or
 * where there is no oracle for it. The header of the guest says why.
 */
void trace_leave_out(uint8_t vector);

/*
 * Prints the boot CPU's frames, one `# frame` line each as far as there is room, and for every CPU
 * that had any their number and a digest of all of them. Boot CPU only.
 */
void trace_print(void);

#endif
