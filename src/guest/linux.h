/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux x86 boot protocol: layouts of the setup header and of the zero page (boot_params), as
 * byte offsets, and the parts of the loader. Linux documentation: "The Linux/x86 Boot Protocol",
 * "Zero Page". Only for src/guest/ and its tests. The boot CPU, host context.
 */
#ifndef SEXTANT_GUEST_LINUX_H
#define SEXTANT_GUEST_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory_map.h"

/* "The Real-Mode Kernel Header": the same offsets in the file and in the zero page. */
#define LINUX_SETUP_SECTS 0x1f1
#define LINUX_SYSSIZE 0x1f4                 /* of the protected-mode code, in 16 bytes */
#define LINUX_VID_MODE 0x1fa
#define     LINUX_VID_MODE_NORMAL 0xffff
#define LINUX_BOOT_FLAG 0x1fe
#define     LINUX_BOOT_FLAG_VALUE 0xaa55
#define LINUX_HEADER_JUMP_LENGTH 0x201      /* the header ends this many bytes after 0x202 */
#define LINUX_HEADER_MAGIC 0x202
#define     LINUX_HEADER_MAGIC_VALUE 0x53726448u    /* "HdrS" */
#define LINUX_VERSION 0x206
#define     LINUX_VERSION_NEEDED 0x020a     /* pref_address, init_size */
#define     LINUX_VERSION_XLOADFLAGS 0x020c
#define LINUX_KERNEL_VERSION 0x20e          /* of a string, less 0x200 */
#define LINUX_TYPE_OF_LOADER 0x210
#define     LINUX_LOADER_UNDEFINED 0xff
#define LINUX_LOADFLAGS 0x211
#define     LINUX_LOADED_HIGH (1u << 0)
#define     LINUX_KEEP_SEGMENTS (1u << 6)
#define     LINUX_CAN_USE_HEAP (1u << 7)
#define LINUX_CODE32_START 0x214
#define LINUX_RAMDISK_IMAGE 0x218
#define LINUX_RAMDISK_SIZE 0x21c
#define LINUX_CMD_LINE_PTR 0x228
#define LINUX_INITRD_ADDR_MAX 0x22c         /* of the last byte */
#define LINUX_KERNEL_ALIGNMENT 0x230
#define LINUX_RELOCATABLE_KERNEL 0x234
#define LINUX_XLOADFLAGS 0x236
#define     LINUX_XLF_KERNEL_64 (1u << 0)
#define LINUX_CMDLINE_SIZE 0x238            /* without the zero byte */
#define LINUX_SETUP_DATA 0x250
#define LINUX_PREF_ADDRESS 0x258
#define LINUX_INIT_SIZE 0x260
#define LINUX_HEADER_NEEDED 0x264           /* the end of what protocol 2.10 has */

/* "Zero Page" */
#define LINUX_ORIG_X 0x00                   /* screen_info: cursor */
#define LINUX_ORIG_Y 0x01
#define LINUX_ORIG_VIDEO_MODE 0x06
#define LINUX_ORIG_VIDEO_COLS 0x07
#define LINUX_ORIG_VIDEO_LINES 0x0e
#define LINUX_ORIG_VIDEO_ISVGA 0x0f
#define LINUX_ORIG_VIDEO_POINTS 0x10
#define LINUX_EXT_MEM_K 0x02
#define LINUX_ACPI_RSDP_ADDR 0x070
#define LINUX_ALT_MEM_K 0x1e0
#define LINUX_E820_ENTRIES 0x1e8
#define LINUX_SETUP_HEADER 0x1f1
#define LINUX_SETUP_HEADER_END 0x290        /* what follows in the zero page is something else */
#define LINUX_E820_TABLE 0x2d0
#define     LINUX_E820_MAX 128
#define     LINUX_E820_ENTRY_ADDR 0
#define     LINUX_E820_ENTRY_SIZE 8
#define     LINUX_E820_ENTRY_TYPE 16
#define     LINUX_E820_ENTRY_BYTES 20
#define LINUX_ZERO_PAGE_SIZE 4096

/* struct setup_data, here with the memory ranges that do not fit in the zero page. */
#define LINUX_SETUP_DATA_NEXT 0
#define LINUX_SETUP_DATA_TYPE 8
#define     LINUX_SETUP_E820_EXT 1
#define LINUX_SETUP_DATA_LENGTH 12
#define LINUX_SETUP_DATA_BYTES 16

/* "64-bit Boot Protocol": the entry point lies this far behind the start of the code. */
#define LINUX_ENTRY_64 0x200

/* What a bzImage says about itself, checked. */
struct linux_image {
    uint64_t code_offset;           /* of the protected-mode code in the file */
    uint64_t code_length;
    uint64_t room;                  /* bytes that the kernel needs from its address on */
    uint64_t preferred;             /* load address */
    uint64_t alignment;             /* of other load addresses */
    uint64_t initrd_end_limit;      /* the initrd must end at or below this address */
    uint32_t command_line_limit;    /* characters */
    bool relocatable;
    bool entry_64;                  /* has the 64-bit entry point */
    uint32_t header_length;         /* bytes in header[], which belong at LINUX_SETUP_HEADER */
    uint8_t header[LINUX_SETUP_HEADER_END - LINUX_SETUP_HEADER];
    char version[40];               /* first word of the kernel's version; "" when it has none */
};

/* What the zero page says about this boot. */
struct linux_parameters {
    const struct linux_image *image;
    const struct memory_map *map;   /* the guest's */
    uint64_t kernel;                /* address of the protected-mode code */
    uint64_t command_line;          /* address */
    uint64_t initrd;                /* address; not used when the length is 0 */
    uint64_t initrd_length;
    uint64_t rsdp;                  /* address of the ACPI root pointer, 0: unknown */
    uint64_t more_ranges;           /* address of linux_more_ranges_size() bytes; 0 when none */
    bool vga_text;                  /* describe the text screen that the BIOS data area describes */
};

/* Whether the bytes begin like a Linux kernel with a setup header, of whatever version. */
bool linux_image_is(const uint8_t *file, uint64_t length);

/*
 * Reads and checks a bzImage. Returns false and a sentence when it is truncated, too old or
 * contradictory. *out does not point into the file.
 */
bool linux_image_parse(const uint8_t *file, uint64_t length, struct linux_image *out, char *error,
                       size_t error_size);

/* Bytes needed for the memory ranges beyond the zero page's LINUX_E820_MAX; 0 when they all fit. */
uint64_t linux_more_ranges_size(const struct memory_map *map);

/*
 * Writes the zero page to page[0 .. LINUX_ZERO_PAGE_SIZE) and, when parameters->more_ranges is not
 * 0, the other ranges to more[0 .. linux_more_ranges_size()).
 */
void linux_write_parameters(const struct linux_parameters *parameters, uint8_t *page,
                            uint8_t *more);

/*
 * Writes page tables that map 0 .. 4 GiB to itself, writable, in 2 MiB pages, to
 * tables[0 .. LINUX_PAGE_TABLES_SIZE), which lie at the physical address base, page aligned.
 * Source: SDM Vol 3: Paging > 4-Level Paging.
 */
#define LINUX_PAGE_TABLES_SIZE (6 * 4096)
void linux_write_page_tables(uint8_t *tables, uint64_t base);

#endif
