/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 2 boot information. Multiboot2 Specification: "Boot information".
 * Pure, given physical_pointer().
 */
#include "boot/multiboot2.h"

#include <string.h>

#include "boot/boot_parse.h"
#include "core/bytes.h"
#include "core/physical.h"
#include "lib/format.h"

/* More than any loader passes (EFI memory maps and ELF section headers included). */
#define TOTAL_SIZE_LIMIT (16u << 20)

/* One tag, all of whose bytes are readable. */
struct tag {
    uint32_t type;
    uint32_t size;          /* at least MULTIBOOT2_TAG_CONTENT */
    const uint8_t *bytes;
};

/* What does not fit where it is needed: the memory sizes count only when there is no map. */
struct basic_memory {
    uint32_t lower_kib;
    uint32_t upper_kib;
};

/* Copies a string that ends at a zero byte or with its tag. */
static void copy_tag_string(const struct tag *tag, uint32_t offset, char *out, size_t size,
                            bool *truncated)
{
    size_t length = 0;

    while (offset + length < tag->size && tag->bytes[offset + length] != 0 && length < size - 1) {
        out[length] = (char)tag->bytes[offset + length];
        length++;
    }
    out[length] = '\0';
    if (truncated) {
        *truncated = offset + length < tag->size && tag->bytes[offset + length] != 0;
    }
}

static bool need_size(const struct tag *tag, uint32_t size, char *error, size_t error_size)
{
    if (tag->size < size) {
        format_text(error, error_size, "the Multiboot 2 tag of type %u has %u bytes, not %u",
                    (unsigned)tag->type, (unsigned)tag->size, (unsigned)size);
        return false;
    }
    return true;
}

static bool parse_module(const struct tag *tag, struct boot_information *out, char *error,
                         size_t error_size)
{
    struct boot_module *module;

    if (!need_size(tag, MULTIBOOT2_MODULE_STRING, error, error_size) ||
        !boot_add_module(out, load32(tag->bytes + MULTIBOOT2_MODULE_START),
                         load32(tag->bytes + MULTIBOOT2_MODULE_END), &module, error, error_size)) {
        return false;
    }
    if (module) {
        copy_tag_string(tag, MULTIBOOT2_MODULE_STRING, module->string, sizeof(module->string),
                        &module->string_truncated);
    }
    return true;
}

static bool parse_mmap(const struct tag *tag, struct boot_information *out, char *error,
                       size_t error_size)
{
    uint32_t entry_size;

    if (!need_size(tag, MULTIBOOT2_MMAP_ENTRIES, error, error_size)) {
        return false;
    }
    entry_size = load32(tag->bytes + MULTIBOOT2_MMAP_ENTRY_SIZE);
    if (entry_size < MULTIBOOT2_MMAP_BYTES) {
        format_text(error, error_size, "the memory map's entries have %u bytes, not %u",
                    (unsigned)entry_size, (unsigned)MULTIBOOT2_MMAP_BYTES);
        return false;
    }
    for (uint32_t at = MULTIBOOT2_MMAP_ENTRIES; tag->size - at >= entry_size; at += entry_size) {
        const uint8_t *entry = tag->bytes + at;

        if (!memory_map_add(&out->memory, load64(entry + MULTIBOOT2_MMAP_BASE),
                            load64(entry + MULTIBOOT2_MMAP_LENGTH),
                            load32(entry + MULTIBOOT2_MMAP_TYPE))) {
            format_text(error, error_size, "the memory map has more than %u ranges",
                        (unsigned)MEMORY_MAP_CAPACITY);
            return false;
        }
    }
    return true;
}

/* The copy of an ACPI 2.0 root pointer counts more than that of an ACPI 1.0 one. */
static void parse_rsdp(const struct tag *tag, struct boot_information *out, bool *new_rsdp)
{
    uint32_t length = tag->size - MULTIBOOT2_TAG_CONTENT;

    if (*new_rsdp) {
        return;
    }
    *new_rsdp = tag->type == MULTIBOOT2_TAG_ACPI_NEW_RSDP;
    out->rsdp_length = length < sizeof(out->rsdp) ? length : sizeof(out->rsdp);
    memcpy(out->rsdp, tag->bytes + MULTIBOOT2_TAG_CONTENT, out->rsdp_length);
}

static bool parse_tag(const struct tag *tag, struct boot_information *out,
                      struct basic_memory *basic, bool *new_rsdp, char *error, size_t error_size)
{
    switch (tag->type) {
    case MULTIBOOT2_TAG_COMMAND_LINE:
        copy_tag_string(tag, MULTIBOOT2_TAG_CONTENT, out->command_line, sizeof(out->command_line),
                        &out->command_line_truncated);
        return true;
    case MULTIBOOT2_TAG_LOADER_NAME:
        copy_tag_string(tag, MULTIBOOT2_TAG_CONTENT, out->loader_name, sizeof(out->loader_name),
                        NULL);
        return true;
    case MULTIBOOT2_TAG_MODULE:
        return parse_module(tag, out, error, error_size);
    case MULTIBOOT2_TAG_BASIC_MEMORY:
        if (!need_size(tag, MULTIBOOT2_BASIC_UPPER + 4, error, error_size)) {
            return false;
        }
        basic->lower_kib = load32(tag->bytes + MULTIBOOT2_BASIC_LOWER);
        basic->upper_kib = load32(tag->bytes + MULTIBOOT2_BASIC_UPPER);
        return true;
    case MULTIBOOT2_TAG_MMAP:
        return parse_mmap(tag, out, error, error_size);
    case MULTIBOOT2_TAG_EFI32_SYSTEM_TABLE:
    case MULTIBOOT2_TAG_EFI64_SYSTEM_TABLE:
        out->efi = true;
        return true;
    case MULTIBOOT2_TAG_ACPI_OLD_RSDP:
    case MULTIBOOT2_TAG_ACPI_NEW_RSDP:
        parse_rsdp(tag, out, new_rsdp);
        return true;
    default:
        return true;
    }
}

/* Takes each tag in turn; every turn advances by at least the 8 bytes of a tag's head. */
static bool parse_tags(const uint8_t *info, uint32_t total, struct boot_information *out,
                       struct basic_memory *basic, char *error, size_t error_size)
{
    uint32_t at = MULTIBOOT2_INFO_TAGS;
    bool new_rsdp = false;

    while (at < total && total - at >= MULTIBOOT2_TAG_CONTENT) {
        struct tag tag = { load32(info + at + MULTIBOOT2_TAG_TYPE),
                           load32(info + at + MULTIBOOT2_TAG_SIZE), info + at };

        if (tag.size < MULTIBOOT2_TAG_CONTENT || tag.size > total - at) {
            format_text(error, error_size,
                        "the Multiboot 2 tag of type %u has %u bytes, %u bytes before the end",
                        (unsigned)tag.type, (unsigned)tag.size, (unsigned)(total - at));
            return false;
        }
        if (tag.type == MULTIBOOT2_TAG_END) {
            return true;
        }
        if (!parse_tag(&tag, out, basic, &new_rsdp, error, error_size)) {
            return false;
        }
        at += (tag.size + MULTIBOOT2_TAG_ALIGN - 1) & ~(uint32_t)(MULTIBOOT2_TAG_ALIGN - 1);
    }
    format_text(error, error_size, "the Multiboot 2 information has no end tag in its %u bytes",
                (unsigned)total);
    return false;
}

bool multiboot2_parse(uint32_t info_physical, struct boot_information *out, char *error,
                      size_t error_size)
{
    const uint8_t *info = physical_pointer(info_physical, MULTIBOOT2_INFO_TAGS);
    struct basic_memory basic = { 0, 0 };
    uint32_t total = info ? load32(info + MULTIBOOT2_INFO_TOTAL_SIZE) : 0;

    memset(out, 0, sizeof(*out));
    out->multiboot2 = true;
    info = total <= TOTAL_SIZE_LIMIT ? physical_pointer(info_physical, total) : NULL;
    if (!info || total < MULTIBOOT2_INFO_TAGS) {
        format_text(error, error_size,
                    "the Multiboot 2 information is said to be %u bytes at 0x%x, which cannot be "
                    "read", (unsigned)total, (unsigned)info_physical);
        return false;
    }
    if (!parse_tags(info, total, out, &basic, error, error_size)) {
        return false;
    }
    if (out->memory.count == 0) {
        boot_add_basic_memory(out, basic.lower_kib, basic.upper_kib);
    }
    return boot_check_memory(out, error, error_size);
}
