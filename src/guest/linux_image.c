/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux bzImage: the setup header. Linux documentation: "The Linux/x86 Boot Protocol". Pure.
 */
#include <string.h>

#include "core/bytes.h"
#include "guest/linux.h"
#include "lib/format.h"

#define SECTOR 512u
#define PARAGRAPH 16ull
#define SETUP_SECTS_DEFAULT 4u      /* what 0 means */
#define HEADER_FIXED_END 0x202u     /* where LINUX_HEADER_JUMP_LENGTH counts from */
#define KERNEL_VERSION_BASE 0x200u
#define ADDRESS_LIMIT (1ull << 32)
#define PAGE_SIZE 4096u

bool linux_image_is(const uint8_t *file, uint64_t length)
{
    return length >= LINUX_HEADER_MAGIC + 4 &&
           load16(file + LINUX_BOOT_FLAG) == LINUX_BOOT_FLAG_VALUE &&
           load32(file + LINUX_HEADER_MAGIC) == LINUX_HEADER_MAGIC_VALUE;
}

/* Sizes: of the header, and of the file against what the header promises. */
static bool parse_sizes(const uint8_t *file, uint64_t length, struct linux_image *out, char *error,
                        size_t error_size)
{
    uint32_t sectors = file[LINUX_SETUP_SECTS] ? file[LINUX_SETUP_SECTS] : SETUP_SECTS_DEFAULT;
    uint32_t header_end = HEADER_FIXED_END + file[LINUX_HEADER_JUMP_LENGTH];

    out->code_offset = (sectors + 1) * SECTOR;
    out->code_length = load32(file + LINUX_SYSSIZE) * PARAGRAPH;
    if (header_end > LINUX_SETUP_HEADER_END) {
        header_end = LINUX_SETUP_HEADER_END;
    }
    if (header_end < LINUX_HEADER_NEEDED || header_end > out->code_offset) {
        format_text(error, error_size,
                    "the Linux kernel's setup header ends at byte 0x%x, before 0x%x or beyond the "
                    "%u setup sectors", (unsigned)header_end, (unsigned)LINUX_HEADER_NEEDED,
                    (unsigned)sectors);
        return false;
    }
    if (out->code_length <= LINUX_ENTRY_64 || length < out->code_offset ||
        length - out->code_offset < out->code_length) {
        format_text(error, error_size,
                    "the Linux kernel is truncated: its header promises %lu bytes (%u setup "
                    "sectors, %lu bytes of code), the module has %lu",
                    (unsigned long)(out->code_offset + out->code_length), (unsigned)sectors,
                    (unsigned long)out->code_length, (unsigned long)length);
        return false;
    }
    out->header_length = header_end - LINUX_SETUP_HEADER;
    memcpy(out->header, file + LINUX_SETUP_HEADER, out->header_length);
    return true;
}

static bool parse_placement(const uint8_t *file, struct linux_image *out, char *error,
                            size_t error_size)
{
    uint64_t initrd_end = load32(file + LINUX_INITRD_ADDR_MAX) + 1ull;

    out->room = load32(file + LINUX_INIT_SIZE);
    if (out->room < out->code_length) {
        out->room = out->code_length;
    }
    out->preferred = load64(file + LINUX_PREF_ADDRESS);
    out->alignment = load32(file + LINUX_KERNEL_ALIGNMENT);
    out->relocatable = file[LINUX_RELOCATABLE_KERNEL] != 0;
    out->initrd_end_limit = initrd_end < ADDRESS_LIMIT ? initrd_end : ADDRESS_LIMIT;
    out->command_line_limit = load32(file + LINUX_CMDLINE_SIZE);
    if (out->alignment < PAGE_SIZE || (out->alignment & (out->alignment - 1)) != 0) {
        format_text(error, error_size,
                    "the Linux kernel's alignment is 0x%lx, which is no power of two of at least "
                    "0x%x", (unsigned long)out->alignment, (unsigned)PAGE_SIZE);
        return false;
    }
    return true;
}

/* The version is for the report only, so that a wrong offset means: no version. */
static void parse_version(const uint8_t *file, struct linux_image *out)
{
    uint64_t at = load16(file + LINUX_KERNEL_VERSION);
    size_t length = 0;

    if (at != 0) {
        at += KERNEL_VERSION_BASE;
        while (at + length < out->code_offset && length < sizeof(out->version) - 1 &&
               file[at + length] > ' ' && file[at + length] < 0x7f) {
            out->version[length] = (char)file[at + length];
            length++;
        }
    }
    out->version[length] = '\0';
}

bool linux_image_parse(const uint8_t *file, uint64_t length, struct linux_image *out, char *error,
                       size_t error_size)
{
    uint16_t version = length >= LINUX_VERSION + 2 ? load16(file + LINUX_VERSION) : 0;

    if (length < LINUX_HEADER_NEEDED) {
        format_text(error, error_size,
                    "the Linux kernel is truncated: the module has %lu bytes, the setup header "
                    "alone needs %u", (unsigned long)length, (unsigned)LINUX_HEADER_NEEDED);
        return false;
    }
    if (version < LINUX_VERSION_NEEDED) {
        format_text(error, error_size,
                    "the Linux kernel has boot protocol %u.%02u; 2.10 (Linux 2.6.31) or later is "
                    "needed", (unsigned)(version >> 8), (unsigned)(version & 0xff));
        return false;
    }
    if (!(file[LINUX_LOADFLAGS] & LINUX_LOADED_HIGH)) {
        format_text(error, error_size,
                    "the Linux kernel is a zImage, which loads below 1 MiB; a bzImage is needed");
        return false;
    }
    out->entry_64 = version >= LINUX_VERSION_XLOADFLAGS &&
                    (load16(file + LINUX_XLOADFLAGS) & LINUX_XLF_KERNEL_64);
    if (!parse_sizes(file, length, out, error, error_size) ||
        !parse_placement(file, out, error, error_size)) {
        return false;
    }
    parse_version(file, out);
    return true;
}
