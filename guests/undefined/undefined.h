/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the undefined guest share. */
#ifndef GUEST_UNDEFINED_H
#define GUEST_UNDEFINED_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The register at `offset`, which rests at 0, can be written, no other register has changed, and a
 * self-IPI arrives.
 */
bool is_unharmed(unsigned offset);

/* widths.c: sixteen bytes at any address, all of them the eight of `value` twice. Sets CR4.OSFXSR. */
void write_sixteen(uint64_t address, uint64_t value);

/* widths.c: other widths than 32 bits, and unaligned, on two registers without effect. */
#define WIDTH_LINES 36
void check_widths(void);

/* widths.c: writes that end at the end of the page, or beyond it. */
#define END_LINES 4
void check_end_of_page(void);

/* frames.c */
#define FETCH_LINES 1
void check_fetch(void);
#define FRAME_LINES 8
void check_frame(void);

/* icr.c; needs 2 CPUs. */
#define ICR_LINES 23
void check_icr(void);

#endif
