/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parsers of both Multiboot protocols share. Only for src/boot/. The boot CPU, host
 * context.
 */
#ifndef SEXTANT_BOOT_BOOT_PARSE_H
#define SEXTANT_BOOT_BOOT_PARSE_H

#include "boot/boot_information.h"

/*
 * Copies the zero-terminated string at a physical address to out[0 .. size), size > 0, which then
 * always ends with a zero byte. *truncated (may be NULL) says whether the string was cut because
 * out[] is too short. Returns false when a byte before the end of the string is not mapped.
 */
bool boot_copy_string(uint64_t physical, char *out, size_t size, bool *truncated);

/*
 * Enters one module. Counts it in module_total; when module[] has room left, checks it, fills in
 * its addresses and sets *module, whose string the caller then fills in; else *module is NULL.
 * Returns false and a sentence when it ends before it starts or is not mapped.
 */
bool boot_add_module(struct boot_information *information, uint64_t start, uint64_t end,
                     struct boot_module **module, char *error, size_t error_size);

/*
 * Enters the sizes of lower and upper memory in KiB as the memory map, marked as an estimate.
 * Returns false when the map is full, which it is not if it was empty.
 */
bool boot_add_basic_memory(struct boot_information *information, uint32_t lower_kib,
                           uint32_t upper_kib);

/* Returns false and a sentence when there is no usable memory in the map. */
bool boot_check_memory(const struct boot_information *information, char *error, size_t error_size);

#endif
