/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader told us, in one form for both protocols. The parsers copy every string and
 * structure, so that nothing of it lives in the boot loader's memory but the contents of the
 * modules.
 */
#ifndef SEXTANT_BOOT_BOOT_INFORMATION_H
#define SEXTANT_BOOT_BOOT_INFORMATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory_map.h"

#define BOOT_COMMAND_LINE_SIZE 4096
#define BOOT_LOADER_NAME_SIZE 64
#define BOOT_MODULE_STRING_SIZE 2048
#define BOOT_MODULES 16
#define BOOT_RSDP_SIZE 64

struct boot_module {
    uint64_t start;                 /* physical */
    uint64_t end;                   /* first byte after it; end >= start always holds */
    bool string_truncated;          /* the loader's string did not fit */
    char string[BOOT_MODULE_STRING_SIZE];
};

/* About 45 KiB: keep it in static memory, never on a stack. */
struct boot_information {
    bool multiboot2;
    bool efi;                       /* Multiboot 2 only: an EFI system table was reported */
    bool command_line_truncated;
    bool memory_is_estimate;        /* no memory map, only the sizes of lower and upper memory */
    uint32_t module_count;          /* in module[] */
    uint32_t module_total;          /* that the loader reported; > module_count: no room */
    uint32_t rsdp_length;           /* bytes in rsdp[]; 0: the loader gave none */
    uint8_t rsdp[BOOT_RSDP_SIZE];   /* copy of the ACPI RSDP, unchecked */
    char loader_name[BOOT_LOADER_NAME_SIZE];    /* cut when longer; empty when not given */
    char command_line[BOOT_COMMAND_LINE_SIZE];  /* of Sextant itself */
    struct memory_map memory;
    struct boot_module module[BOOT_MODULES];
};

/*
 * Writes the modules' places, rounded outward to 4 KiB pages, to span[0 .. capacity): the avoid
 * list for memory that is chosen while the modules are still where the boot loader put them.
 * Returns how many were written (at most capacity).
 */
size_t boot_information_module_spans(const struct boot_information *information,
                                     struct memory_span *span, size_t capacity);

#endif
