/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot2 Specification version 2.0: the layouts of the kernel's header and of the boot
 * information, as byte offsets, and the parser of the boot information.
 */
#ifndef SEXTANT_BOOT_MULTIBOOT2_H
#define SEXTANT_BOOT_MULTIBOOT2_H

/* "OS image format": the header, 8-byte aligned within the first 32768 bytes of the image. */
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6u
#define MULTIBOOT2_ARCHITECTURE_I386 0
#define MULTIBOOT2_HEADER_TAG_END 0
#define MULTIBOOT2_HEADER_TAG_INFORMATION_REQUEST 1
#define MULTIBOOT2_HEADER_TAG_ADDRESS 2
#define MULTIBOOT2_HEADER_TAG_ENTRY_ADDRESS 3
#define MULTIBOOT2_HEADER_TAG_CONSOLE_FLAGS 4
#define MULTIBOOT2_HEADER_TAG_FRAMEBUFFER 5
#define MULTIBOOT2_HEADER_TAG_MODULE_ALIGN 6
#define     MULTIBOOT2_HEADER_TAG_OPTIONAL 1        /* flags */

/* "Machine state": EAX at entry. */
#define MULTIBOOT2_BOOTLOADER_MAGIC 0x36d76289u

/* "Boot information": total size, reserved word, then tags, each 8-byte aligned. */
#define MULTIBOOT2_INFO_TOTAL_SIZE 0
#define MULTIBOOT2_INFO_TAGS 8

#define MULTIBOOT2_TAG_TYPE 0
#define     MULTIBOOT2_TAG_END 0
#define     MULTIBOOT2_TAG_COMMAND_LINE 1
#define     MULTIBOOT2_TAG_LOADER_NAME 2
#define     MULTIBOOT2_TAG_MODULE 3
#define     MULTIBOOT2_TAG_BASIC_MEMORY 4
#define     MULTIBOOT2_TAG_MMAP 6
#define     MULTIBOOT2_TAG_EFI32_SYSTEM_TABLE 11
#define     MULTIBOOT2_TAG_EFI64_SYSTEM_TABLE 12
#define     MULTIBOOT2_TAG_ACPI_OLD_RSDP 14
#define     MULTIBOOT2_TAG_ACPI_NEW_RSDP 15
#define MULTIBOOT2_TAG_SIZE 4                       /* with these 8 bytes, without padding */
#define MULTIBOOT2_TAG_CONTENT 8
#define MULTIBOOT2_TAG_ALIGN 8

#define MULTIBOOT2_MODULE_START 8
#define MULTIBOOT2_MODULE_END 12
#define MULTIBOOT2_MODULE_STRING 16

#define MULTIBOOT2_BASIC_LOWER 8
#define MULTIBOOT2_BASIC_UPPER 12

#define MULTIBOOT2_MMAP_ENTRY_SIZE 8
#define MULTIBOOT2_MMAP_ENTRIES 16
#define     MULTIBOOT2_MMAP_BASE 0
#define     MULTIBOOT2_MMAP_LENGTH 8
#define     MULTIBOOT2_MMAP_TYPE 16
#define     MULTIBOOT2_MMAP_BYTES 24

#ifndef __ASSEMBLER__

#include "boot/boot_information.h"

/*
 * Fills *out, which is cleared first, from the boot information at a physical address. Everything
 * is bounded: strings and lists that do not fit are cut and flagged, ranges that wrap are ignored.
 * Returns false and one sentence in error[] when something that was announced cannot be read (not
 * mapped, a tag beyond the total size, no end) or there is no memory in it. Host context, the boot
 * CPU. Source: Multiboot2 Specification: Boot information.
 */
bool multiboot2_parse(uint32_t info_physical, struct boot_information *out, char *error,
                      size_t error_size);

#endif
#endif
