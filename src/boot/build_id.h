/* SPDX-License-Identifier: BSD-2-Clause */
/* The image's build id: a hash over the linked image, which the linker leaves in it as a note. */
#ifndef SEXTANT_BOOT_BUILD_ID_H
#define SEXTANT_BOOT_BUILD_ID_H

#include <stdbool.h>
#include <stddef.h>

/* Hexadecimal digits of the longest build id that is read (64 bytes), and the zero byte. */
#define BUILD_ID_TEXT_MAX  129

/*
 * Writes a build-id note's hash as hexadecimal digits, as `readelf -n` prints it.  note: `length`
 * bytes that begin with the note's header, aligned to 4.  False (and an empty text) when this is
 * not a build-id note, or it does not fit.  Pure.  ELF gABI: Program Loading > Note Section; GNU
 * ld: Options > --build-id.
 */
bool build_id_format(const void *note, size_t length, char text[BUILD_ID_TEXT_MAX]);

#endif
