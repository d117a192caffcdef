/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1 kernels as guests: what an image says about itself, and the boot information that
 * the guest gets. Multiboot Specification: "OS image format", "Boot information format".
 * Only for src/guest/ and its tests. The boot CPU, host context.
 */
#ifndef SEXTANT_GUEST_MULTIBOOT_KERNEL_H
#define SEXTANT_GUEST_MULTIBOOT_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/multiboot1.h"
#include "core/memory_map.h"

#define MULTIBOOT_SEGMENTS 32

/* The file's bytes [offset, offset + file_size), then zeros, belong at [address, + memory_size). */
struct multiboot_segment {
    uint64_t offset;
    uint64_t file_size;
    uint64_t address;
    uint64_t memory_size;           /* at least file_size, not 0; the end is at most 4 GiB */
};

struct multiboot_image {
    uint32_t flags;                 /* of the Multiboot header */
    uint32_t entry;                 /* physical, within a segment */
    uint32_t count;
    struct multiboot_segment segment[MULTIBOOT_SEGMENTS];
};

/* What the guest's boot information says. */
struct multiboot_parameters {
    const struct memory_map *map;           /* the guest's */
    const char *command_line;
    uint32_t module_count;
    const struct memory_span *module;       /* where they are now */
    const char *const *module_string;
};

/*
 * The offset of the Multiboot header in the file: 4-byte aligned, magic and checksum right, within
 * the first 8192 bytes. -1: there is none.
 */
int multiboot_header_find(const uint8_t *file, uint64_t length);

/*
 * Reads an image that has a Multiboot header: the addresses in the header when it has them, else
 * the ELF program headers (32-bit, or 64-bit with addresses below 4 GiB). Returns false and a
 * sentence when it is truncated, contradictory or wants something that is not offered.
 */
bool multiboot_image_parse(const uint8_t *file, uint64_t length, struct multiboot_image *out,
                           char *error, size_t error_size);

/* The number of bytes that multiboot_write_information() writes. */
uint64_t multiboot_information_size(const struct multiboot_parameters *parameters);

/* Writes the boot information to bytes[], which lies at a physical address below 4 GiB. */
void multiboot_write_information(const struct multiboot_parameters *parameters, uint8_t *bytes,
                                 uint32_t physical);

#endif
