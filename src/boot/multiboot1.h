/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot Specification version 0.6.96 (Multiboot 1): the layouts of the kernel's header and of
 * the boot information, as byte offsets, and the parser of the boot information.
 */
#ifndef SEXTANT_BOOT_MULTIBOOT1_H
#define SEXTANT_BOOT_MULTIBOOT1_H

/* "OS image format": the header, 4-byte aligned within the first 8192 bytes of the image. */
#define MULTIBOOT1_HEADER_MAGIC 0x1badb002u
#define MULTIBOOT1_HEADER_SEARCH 8192
#define MULTIBOOT1_HEADER_ALIGN 4
#define MULTIBOOT1_HEADER_FLAGS 4
#define     MULTIBOOT1_WANTS_PAGE_ALIGN (1u << 0)
#define     MULTIBOOT1_WANTS_MEMORY_INFO (1u << 1)
#define     MULTIBOOT1_WANTS_VIDEO_MODE (1u << 2)
#define     MULTIBOOT1_HAS_ADDRESSES (1u << 16)
#define     MULTIBOOT1_REQUIRED_FLAGS 0xffffu   /* a loader refuses those it cannot meet */
#define MULTIBOOT1_HEADER_CHECKSUM 8
#define MULTIBOOT1_HEADER_SIZE 12
#define MULTIBOOT1_HEADER_HEADER_ADDR 12
#define MULTIBOOT1_HEADER_LOAD_ADDR 16
#define MULTIBOOT1_HEADER_LOAD_END_ADDR 20
#define MULTIBOOT1_HEADER_BSS_END_ADDR 24
#define MULTIBOOT1_HEADER_ENTRY_ADDR 28
#define MULTIBOOT1_HEADER_ADDRESSES_SIZE 32

/* "Machine state": EAX at entry. */
#define MULTIBOOT1_BOOTLOADER_MAGIC 0x2badb002u

/* "Boot information format": what EBX points to. */
#define MULTIBOOT1_INFO_FLAGS 0
#define     MULTIBOOT1_INFO_HAS_MEMORY (1u << 0)
#define     MULTIBOOT1_INFO_HAS_CMDLINE (1u << 2)
#define     MULTIBOOT1_INFO_HAS_MODULES (1u << 3)
#define     MULTIBOOT1_INFO_HAS_MMAP (1u << 6)
#define     MULTIBOOT1_INFO_HAS_LOADER_NAME (1u << 9)
#define MULTIBOOT1_INFO_MEM_LOWER 4                 /* KiB from 0, at most 640 */
#define MULTIBOOT1_INFO_MEM_UPPER 8                 /* KiB from 1 MiB to the first hole */
#define MULTIBOOT1_INFO_CMDLINE 16
#define MULTIBOOT1_INFO_MODS_COUNT 20
#define MULTIBOOT1_INFO_MODS_ADDR 24
#define MULTIBOOT1_INFO_MMAP_LENGTH 44
#define MULTIBOOT1_INFO_MMAP_ADDR 48
#define MULTIBOOT1_INFO_LOADER_NAME 64
#define MULTIBOOT1_INFO_SIZE 116                    /* with the framebuffer fields */

#define MULTIBOOT1_MODULE_START 0
#define MULTIBOOT1_MODULE_END 4
#define MULTIBOOT1_MODULE_STRING 8
#define MULTIBOOT1_MODULE_SIZE 16

/* The first field counts the bytes that follow it. */
#define MULTIBOOT1_MMAP_ENTRY_SIZE 0
#define MULTIBOOT1_MMAP_BASE 4
#define MULTIBOOT1_MMAP_LENGTH 12
#define MULTIBOOT1_MMAP_TYPE 20
#define MULTIBOOT1_MMAP_BYTES 24

#ifndef __ASSEMBLER__

#include "boot/boot_information.h"

/*
 * Fills *out, which is cleared first, from the boot information at a physical address. Everything
 * is bounded: strings and lists that do not fit are cut and flagged, ranges that wrap are ignored.
 * Returns false and one sentence in error[] when something that was announced cannot be read (not
 * mapped, endless, contradictory) or there is no memory in it. Host context, the boot CPU. Source:
 * Multiboot Specification: Boot information format.
 */
bool multiboot1_parse(uint32_t info_physical, struct boot_information *out, char *error,
                      size_t error_size);

#endif
#endif
