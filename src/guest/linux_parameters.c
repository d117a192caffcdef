/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux zero page and first page tables. Linux documentation: "Zero Page", "The Linux/x86 Boot
 * Protocol > 64-bit Boot Protocol". Pure, given physical_pointer() for the BIOS data area.
 */
#include <string.h>

#include "core/bytes.h"
#include "core/physical.h"
#include "guest/linux.h"
#include "guest/loading.h"

/* BIOS data area: what the video BIOS says about the screen. */
#define BDA_VIDEO_MODE 0x449
#define     VIDEO_MODE_COLOR_TEXT 3
#define BDA_VIDEO_COLUMNS 0x44a
#define BDA_VIDEO_CURSOR 0x450              /* of page 0: column, row */
#define BDA_VIDEO_LAST_ROW 0x484
#define BDA_VIDEO_POINTS 0x485              /* height of a character in scan lines */
#define BDA_END 0x500
#define VIDEO_COLUMNS 80
#define VIDEO_LINES_DEFAULT 25
#define VIDEO_POINTS_DEFAULT 16
#define VIDEO_IS_VGA 1

#define PTE_PRESENT (1u << 0)
#define PTE_WRITABLE (1u << 1)
#define PTE_LARGE (1u << 7)
#define TABLE_SIZE 4096u
#define TABLE_ENTRIES 512u
#define DIRECTORIES 4u
#define LARGE_PAGE (2ull << 20)

void linux_write_page_tables(uint8_t *tables, uint64_t base)
{
    uint8_t *pointers = tables + TABLE_SIZE;
    uint8_t *directories = tables + 2 * TABLE_SIZE;
    uint64_t flags = PTE_PRESENT | PTE_WRITABLE;

    memset(tables, 0, LINUX_PAGE_TABLES_SIZE);
    store64(tables, (base + TABLE_SIZE) | flags);
    for (uint64_t i = 0; i < DIRECTORIES; i++) {
        store64(pointers + i * 8, (base + (2 + i) * TABLE_SIZE) | flags);
    }
    for (uint64_t i = 0; i < DIRECTORIES * TABLE_ENTRIES; i++) {
        store64(directories + i * 8, i * LARGE_PAGE | flags | PTE_LARGE);
    }
}

uint64_t linux_more_ranges_size(const struct memory_map *map)
{
    if (map->count <= LINUX_E820_MAX) {
        return 0;
    }
    return LINUX_SETUP_DATA_BYTES +
           (uint64_t)(map->count - LINUX_E820_MAX) * LINUX_E820_ENTRY_BYTES;
}

static void write_range(uint8_t *entry, const struct memory_range *range)
{
    store64(entry + LINUX_E820_ENTRY_ADDR, range->start);
    store64(entry + LINUX_E820_ENTRY_SIZE, range->length);
    store32(entry + LINUX_E820_ENTRY_TYPE, range->type);
}

static void write_memory(const struct linux_parameters *parameters, uint8_t *page, uint8_t *more)
{
    const struct memory_map *map = parameters->map;
    uint32_t here = map->count < LINUX_E820_MAX ? map->count : LINUX_E820_MAX;
    uint64_t kib = guest_usable_from(map, GUEST_MIB) >> 10;

    for (uint32_t i = 0; i < here; i++) {
        write_range(page + LINUX_E820_TABLE + i * LINUX_E820_ENTRY_BYTES, &map->range[i]);
    }
    page[LINUX_E820_ENTRIES] = (uint8_t)here;
    /* What kernels fall back to without the table. */
    store32(page + LINUX_ALT_MEM_K, kib < UINT32_MAX ? (uint32_t)kib : UINT32_MAX);
    store16(page + LINUX_EXT_MEM_K, kib < UINT16_MAX ? (uint16_t)kib : UINT16_MAX);
    if (parameters->more_ranges == 0) {
        return;
    }
    store64(page + LINUX_SETUP_DATA, parameters->more_ranges);
    store64(more + LINUX_SETUP_DATA_NEXT, 0);
    store32(more + LINUX_SETUP_DATA_TYPE, LINUX_SETUP_E820_EXT);
    store32(more + LINUX_SETUP_DATA_LENGTH,
            (map->count - LINUX_E820_MAX) * LINUX_E820_ENTRY_BYTES);
    for (uint32_t i = LINUX_E820_MAX; i < map->count; i++) {
        write_range(more + LINUX_SETUP_DATA_BYTES + (i - LINUX_E820_MAX) * LINUX_E820_ENTRY_BYTES,
                    &map->range[i]);
    }
}

/* Linux drives the VGA text console only when told that there is one; without, all stays 0. */
static void write_screen(uint8_t *page)
{
    const uint8_t *memory = physical_pointer(0, BDA_END);
    uint8_t points;

    if (!memory || memory[BDA_VIDEO_MODE] != VIDEO_MODE_COLOR_TEXT ||
        load16(memory + BDA_VIDEO_COLUMNS) != VIDEO_COLUMNS) {
        return;
    }
    points = memory[BDA_VIDEO_POINTS];
    page[LINUX_ORIG_X] = memory[BDA_VIDEO_CURSOR];
    page[LINUX_ORIG_Y] = memory[BDA_VIDEO_CURSOR + 1];
    page[LINUX_ORIG_VIDEO_MODE] = VIDEO_MODE_COLOR_TEXT;
    page[LINUX_ORIG_VIDEO_COLS] = VIDEO_COLUMNS;
    page[LINUX_ORIG_VIDEO_LINES] = memory[BDA_VIDEO_LAST_ROW]
                                       ? (uint8_t)(memory[BDA_VIDEO_LAST_ROW] + 1)
                                       : VIDEO_LINES_DEFAULT;
    page[LINUX_ORIG_VIDEO_ISVGA] = VIDEO_IS_VGA;
    page[LINUX_ORIG_VIDEO_POINTS] = points ? points : VIDEO_POINTS_DEFAULT;
}

void linux_write_parameters(const struct linux_parameters *parameters, uint8_t *page,
                            uint8_t *more)
{
    const struct linux_image *image = parameters->image;

    memset(page, 0, LINUX_ZERO_PAGE_SIZE);
    memcpy(page + LINUX_SETUP_HEADER, image->header, image->header_length);
    page[LINUX_TYPE_OF_LOADER] = LINUX_LOADER_UNDEFINED;
    page[LINUX_LOADFLAGS] &= (uint8_t)~(LINUX_KEEP_SEGMENTS | LINUX_CAN_USE_HEAP);
    store16(page + LINUX_VID_MODE, LINUX_VID_MODE_NORMAL);
    store32(page + LINUX_CODE32_START, (uint32_t)parameters->kernel);
    store32(page + LINUX_CMD_LINE_PTR, (uint32_t)parameters->command_line);
    store32(page + LINUX_RAMDISK_IMAGE, parameters->initrd_length ? (uint32_t)parameters->initrd
                                                                  : 0);
    store32(page + LINUX_RAMDISK_SIZE, (uint32_t)parameters->initrd_length);
    store64(page + LINUX_SETUP_DATA, 0);
    store64(page + LINUX_ACPI_RSDP_ADDR, parameters->rsdp);
    write_memory(parameters, page, more);
    if (parameters->vga_text) {
        write_screen(page);
    }
}
