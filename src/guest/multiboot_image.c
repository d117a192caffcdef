/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1 kernel images: header, addresses, ELF segments. Multiboot Specification: "OS image
 * format". Pure.
 */
#include <string.h>

#include "core/bytes.h"
#include "guest/elf.h"
#include "guest/multiboot_kernel.h"
#include "lib/format.h"

#define ADDRESS_LIMIT (1ull << 32)

/* A video mode is a preference: the kernel has to look at what it got, which here is nothing. */
#define OFFERED_FLAGS \
    (MULTIBOOT1_WANTS_PAGE_ALIGN | MULTIBOOT1_WANTS_MEMORY_INFO | MULTIBOOT1_WANTS_VIDEO_MODE)

/* The file header's fields, of either class. */
struct elf_file {
    bool is_64;
    uint64_t entry;                 /* virtual */
    uint64_t headers;               /* offset of the program headers */
    uint32_t header_size;
    uint32_t header_count;
};

int multiboot_header_find(const uint8_t *file, uint64_t length)
{
    uint64_t end = length < MULTIBOOT1_HEADER_SEARCH ? length : MULTIBOOT1_HEADER_SEARCH;

    for (uint32_t at = 0; at + MULTIBOOT1_HEADER_SIZE <= end; at += MULTIBOOT1_HEADER_ALIGN) {
        if (load32(file + at) == MULTIBOOT1_HEADER_MAGIC &&
            load32(file + at) + load32(file + at + MULTIBOOT1_HEADER_FLAGS) +
                load32(file + at + MULTIBOOT1_HEADER_CHECKSUM) == 0) {
            return (int)at;
        }
    }
    return -1;
}

/* Checks a segment against the file and the address space, and enters it unless it is empty. */
static bool add_segment(struct multiboot_image *out, const struct multiboot_segment *segment,
                        uint64_t length, char *error, size_t error_size)
{
    if (segment->memory_size == 0) {
        return true;
    }
    if (segment->offset > length || segment->file_size > length - segment->offset) {
        format_text(error, error_size,
                    "the Multiboot kernel is truncated: a segment is %lu bytes at byte %lu of the "
                    "file, the module has %lu", (unsigned long)segment->file_size,
                    (unsigned long)segment->offset, (unsigned long)length);
        return false;
    }
    if (segment->file_size > segment->memory_size || segment->address >= ADDRESS_LIMIT ||
        segment->memory_size > ADDRESS_LIMIT - segment->address) {
        format_text(error, error_size,
                    "the Multiboot kernel has a segment of 0x%lx bytes (0x%lx in the file) for "
                    "address 0x%lx; it must end below 4 GiB and have room for the file's bytes",
                    (unsigned long)segment->memory_size, (unsigned long)segment->file_size,
                    (unsigned long)segment->address);
        return false;
    }
    if (out->count == MULTIBOOT_SEGMENTS) {
        format_text(error, error_size, "the Multiboot kernel has more than %u segments",
                    (unsigned)MULTIBOOT_SEGMENTS);
        return false;
    }
    out->segment[out->count++] = *segment;
    return true;
}

/* "The address fields of Multiboot header": one segment, found relative to the header. */
static bool parse_addresses(const uint8_t *file, uint64_t length, uint32_t at,
                            struct multiboot_image *out, char *error, size_t error_size)
{
    const uint8_t *header = file + at;
    struct multiboot_segment segment;
    uint32_t header_address, load_address, load_end, bss_end;

    if (length - at < MULTIBOOT1_HEADER_ADDRESSES_SIZE) {
        format_text(error, error_size,
                    "the Multiboot kernel is truncated: it ends within its Multiboot header");
        return false;
    }
    header_address = load32(header + MULTIBOOT1_HEADER_HEADER_ADDR);
    load_address = load32(header + MULTIBOOT1_HEADER_LOAD_ADDR);
    load_end = load32(header + MULTIBOOT1_HEADER_LOAD_END_ADDR);
    bss_end = load32(header + MULTIBOOT1_HEADER_BSS_END_ADDR);
    if (load_address > header_address || header_address - load_address > at ||
        (load_end != 0 && load_end < load_address) ||
        (bss_end != 0 && bss_end < (load_end ? load_end : load_address))) {
        format_text(error, error_size,
                    "the Multiboot header contradicts itself: header at 0x%x, load from 0x%x to "
                    "0x%x, zeros to 0x%x", (unsigned)header_address, (unsigned)load_address,
                    (unsigned)load_end, (unsigned)bss_end);
        return false;
    }
    segment.offset = at - (header_address - load_address);
    segment.address = load_address;
    segment.file_size = load_end ? load_end - load_address : length - segment.offset;
    segment.memory_size = segment.file_size;
    if (bss_end != 0 && bss_end - load_address > segment.memory_size) {
        segment.memory_size = bss_end - load_address;
    }
    out->entry = load32(header + MULTIBOOT1_HEADER_ENTRY_ADDR);
    return add_segment(out, &segment, length, error, error_size);
}

static bool read_elf_header(const uint8_t *file, uint64_t length, struct elf_file *out)
{
    if (length < ELF64_HEADER_SIZE || load32(file) != ELF_MAGIC ||
        file[ELF_DATA] != ELF_DATA_LITTLE_ENDIAN) {
        return false;
    }
    if (file[ELF_CLASS] == ELF_CLASS_32 && load16(file + ELF_MACHINE) == ELF_MACHINE_386) {
        *out = (struct elf_file){ false, load32(file + ELF32_ENTRY), load32(file + ELF32_PHOFF),
                                  load16(file + ELF32_PHENTSIZE), load16(file + ELF32_PHNUM) };
        return out->header_size >= ELF32_PH_SIZE;
    }
    if (file[ELF_CLASS] == ELF_CLASS_64 && load16(file + ELF_MACHINE) == ELF_MACHINE_X86_64) {
        *out = (struct elf_file){ true, load64(file + ELF64_ENTRY), load64(file + ELF64_PHOFF),
                                  load16(file + ELF64_PHENTSIZE), load16(file + ELF64_PHNUM) };
        return out->header_size >= ELF64_PH_SIZE;
    }
    return false;
}

/* Reads a program header; returns its virtual address. */
static uint64_t read_segment(const uint8_t *header, bool is_64, struct multiboot_segment *out)
{
    if (is_64) {
        *out = (struct multiboot_segment){
            load64(header + ELF64_PH_OFFSET), load64(header + ELF64_PH_FILESZ),
            load64(header + ELF64_PH_PADDR), load64(header + ELF64_PH_MEMSZ) };
        return load64(header + ELF64_PH_VADDR);
    }
    *out = (struct multiboot_segment){
        load32(header + ELF32_PH_OFFSET), load32(header + ELF32_PH_FILESZ),
        load32(header + ELF32_PH_PADDR), load32(header + ELF32_PH_MEMSZ) };
    return load32(header + ELF32_PH_VADDR);
}

/* The entry point counts in virtual addresses; boot loaders translate it through its segment. */
static bool parse_elf(const uint8_t *file, uint64_t length, struct multiboot_image *out,
                      char *error, size_t error_size)
{
    struct elf_file elf;

    if (!read_elf_header(file, length, &elf)) {
        format_text(error, error_size,
                    "the Multiboot kernel has neither load addresses in its header nor an ELF "
                    "header for i386 or x86-64");
        return false;
    }
    if (elf.headers > length ||
        (uint64_t)elf.header_count * elf.header_size > length - elf.headers) {
        format_text(error, error_size,
                    "the Multiboot kernel is truncated: %u program headers at byte %lu, the module "
                    "has %lu", (unsigned)elf.header_count, (unsigned long)elf.headers,
                    (unsigned long)length);
        return false;
    }
    out->entry = (uint32_t)elf.entry;
    for (uint32_t i = 0; i < elf.header_count; i++) {
        const uint8_t *header = file + elf.headers + (uint64_t)i * elf.header_size;
        struct multiboot_segment segment;
        uint64_t virtual_address;

        if (load32(header + ELF_PH_TYPE) != ELF_PT_LOAD) {
            continue;
        }
        virtual_address = read_segment(header, elf.is_64, &segment);
        if (!add_segment(out, &segment, length, error, error_size)) {
            return false;
        }
        if (elf.entry >= virtual_address && elf.entry - virtual_address < segment.memory_size) {
            out->entry = (uint32_t)(elf.entry - virtual_address + segment.address);
        }
    }
    return true;
}

static bool entry_is_loaded(const struct multiboot_image *image)
{
    for (uint32_t i = 0; i < image->count; i++) {
        if (image->entry >= image->segment[i].address &&
            image->entry - image->segment[i].address < image->segment[i].memory_size) {
            return true;
        }
    }
    return false;
}

bool multiboot_image_parse(const uint8_t *file, uint64_t length, struct multiboot_image *out,
                           char *error, size_t error_size)
{
    int at = multiboot_header_find(file, length);
    uint32_t unknown;

    memset(out, 0, sizeof(*out));
    if (at < 0) {
        format_text(error, error_size, "the kernel has no Multiboot 1 header in its first %u bytes",
                    (unsigned)MULTIBOOT1_HEADER_SEARCH);
        return false;
    }
    out->flags = load32(file + at + MULTIBOOT1_HEADER_FLAGS);
    unknown = out->flags & MULTIBOOT1_REQUIRED_FLAGS & ~OFFERED_FLAGS;
    if (unknown != 0) {
        format_text(error, error_size,
                    "the Multiboot kernel requires what is not offered: header flags 0x%x",
                    (unsigned)unknown);
        return false;
    }
    if (!(out->flags & MULTIBOOT1_HAS_ADDRESSES
              ? parse_addresses(file, length, (uint32_t)at, out, error, error_size)
              : parse_elf(file, length, out, error, error_size))) {
        return false;
    }
    if (!entry_is_loaded(out)) {
        format_text(error, error_size,
                    "the Multiboot kernel's entry point 0x%x lies in none of its %u segments",
                    (unsigned)out->entry, (unsigned)out->count);
        return false;
    }
    return true;
}
