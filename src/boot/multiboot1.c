/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1 boot information. Multiboot Specification: "Boot information format".
 * Pure, given physical_pointer().
 */
#include "boot/multiboot1.h"

#include <string.h>

#include "boot/boot_parse.h"
#include "core/bytes.h"
#include "core/physical.h"
#include "lib/format.h"

/* The fields up to and including the memory map, which every loader writes or leaves unflagged. */
#define INFO_READ (MULTIBOOT1_INFO_LOADER_NAME + 4)

/* The smallest content of a memory map entry; and a list longer than any firmware's. */
#define MMAP_MINIMUM_CONTENT (MULTIBOOT1_MMAP_TYPE + 4 - MULTIBOOT1_MMAP_BASE)
#define MMAP_LENGTH_LIMIT (1u << 20)

static bool parse_command_line(const uint8_t *info, struct boot_information *out, char *error,
                               size_t error_size)
{
    uint32_t address = load32(info + MULTIBOOT1_INFO_CMDLINE);

    if (!boot_copy_string(address, out->command_line, sizeof(out->command_line),
                          &out->command_line_truncated)) {
        format_text(error, error_size, "the command line is said to be at 0x%x, where no memory is",
                    (unsigned)address);
        return false;
    }
    return true;
}

static bool parse_loader_name(const uint8_t *info, struct boot_information *out, char *error,
                              size_t error_size)
{
    uint32_t address = load32(info + MULTIBOOT1_INFO_LOADER_NAME);

    if (!boot_copy_string(address, out->loader_name, sizeof(out->loader_name), NULL)) {
        format_text(error, error_size,
                    "the boot loader's name is said to be at 0x%x, where no memory is",
                    (unsigned)address);
        return false;
    }
    return true;
}

static bool parse_modules(const uint8_t *info, struct boot_information *out, char *error,
                          size_t error_size)
{
    uint32_t count = load32(info + MULTIBOOT1_INFO_MODS_COUNT);
    uint32_t address = load32(info + MULTIBOOT1_INFO_MODS_ADDR);
    uint32_t kept = count < BOOT_MODULES ? count : BOOT_MODULES;
    const uint8_t *list = physical_pointer(address, kept * MULTIBOOT1_MODULE_SIZE);

    if (kept != 0 && !list) {
        format_text(error, error_size,
                    "the list of %u modules is said to be at 0x%x, where no memory is",
                    (unsigned)count, (unsigned)address);
        return false;
    }
    for (uint32_t i = 0; i < kept; i++) {
        const uint8_t *entry = list + i * MULTIBOOT1_MODULE_SIZE;
        uint32_t string = load32(entry + MULTIBOOT1_MODULE_STRING);
        struct boot_module *module;

        if (!boot_add_module(out, load32(entry + MULTIBOOT1_MODULE_START),
                             load32(entry + MULTIBOOT1_MODULE_END), &module, error, error_size)) {
            return false;
        }
        /* A string at address 0 means none: GRUB's way to say so. */
        if (string != 0 && !boot_copy_string(string, module->string, sizeof(module->string),
                                             &module->string_truncated)) {
            format_text(error, error_size,
                        "the string of module %u is said to be at 0x%x, where no memory is",
                        (unsigned)i, (unsigned)string);
            return false;
        }
    }
    out->module_total = count;
    return true;
}

static bool parse_mmap(const uint8_t *info, struct boot_information *out, char *error,
                       size_t error_size)
{
    uint32_t length = load32(info + MULTIBOOT1_INFO_MMAP_LENGTH);
    uint32_t address = load32(info + MULTIBOOT1_INFO_MMAP_ADDR);
    const uint8_t *list = length <= MMAP_LENGTH_LIMIT ? physical_pointer(address, length) : NULL;
    uint32_t at = 0;

    if (!list) {
        format_text(error, error_size,
                    "the memory map is said to be %u bytes at 0x%x, which cannot be read",
                    (unsigned)length, (unsigned)address);
        return false;
    }
    while (at < length) {
        const uint8_t *entry = list + at;
        uint32_t content = length - at >= MULTIBOOT1_MMAP_BYTES
                               ? load32(entry + MULTIBOOT1_MMAP_ENTRY_SIZE)
                               : 0;

        if (content < MMAP_MINIMUM_CONTENT || content > length - at - MULTIBOOT1_MMAP_BASE) {
            format_text(error, error_size,
                        "the memory map has an entry of %u bytes, %u bytes before its end",
                        (unsigned)content, (unsigned)(length - at));
            return false;
        }
        if (!memory_map_add(&out->memory, load64(entry + MULTIBOOT1_MMAP_BASE),
                            load64(entry + MULTIBOOT1_MMAP_LENGTH),
                            load32(entry + MULTIBOOT1_MMAP_TYPE))) {
            format_text(error, error_size, "the memory map has more than %u ranges",
                        (unsigned)MEMORY_MAP_CAPACITY);
            return false;
        }
        at += content + MULTIBOOT1_MMAP_BASE;
    }
    return true;
}

bool multiboot1_parse(uint32_t info_physical, struct boot_information *out, char *error,
                      size_t error_size)
{
    const uint8_t *info = physical_pointer(info_physical, INFO_READ);
    uint32_t flags;

    memset(out, 0, sizeof(*out));
    if (!info) {
        format_text(error, error_size,
                    "the Multiboot information is said to be at 0x%x, where no memory is",
                    (unsigned)info_physical);
        return false;
    }
    flags = load32(info + MULTIBOOT1_INFO_FLAGS);
    if ((flags & MULTIBOOT1_INFO_HAS_CMDLINE) &&
        !parse_command_line(info, out, error, error_size)) {
        return false;
    }
    if ((flags & MULTIBOOT1_INFO_HAS_LOADER_NAME) &&
        !parse_loader_name(info, out, error, error_size)) {
        return false;
    }
    if ((flags & MULTIBOOT1_INFO_HAS_MODULES) && !parse_modules(info, out, error, error_size)) {
        return false;
    }
    if ((flags & MULTIBOOT1_INFO_HAS_MMAP) && !parse_mmap(info, out, error, error_size)) {
        return false;
    }
    if (out->memory.count == 0 && (flags & MULTIBOOT1_INFO_HAS_MEMORY)) {
        boot_add_basic_memory(out, load32(info + MULTIBOOT1_INFO_MEM_LOWER),
                              load32(info + MULTIBOOT1_INFO_MEM_UPPER));
    }
    return boot_check_memory(out, error, error_size);
}
