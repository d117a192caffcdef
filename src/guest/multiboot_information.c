/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiboot 1 boot information of a guest. Multiboot Specification: "Boot information format".
 * Pure. Layout: the structure, module list, memory map, strings.
 */
#include <string.h>

#include "core/bytes.h"
#include "guest/loading.h"
#include "guest/multiboot_kernel.h"

#define LOADER_NAME "Sextant"
#define LOWER_MEMORY_KIB 640u

static uint64_t fixed_size(const struct multiboot_parameters *parameters)
{
    return MULTIBOOT1_INFO_SIZE + (uint64_t)parameters->module_count * MULTIBOOT1_MODULE_SIZE +
           (uint64_t)parameters->map->count * MULTIBOOT1_MMAP_BYTES;
}

uint64_t multiboot_information_size(const struct multiboot_parameters *parameters)
{
    uint64_t size = fixed_size(parameters) + strlen(parameters->command_line) + 1 +
                    sizeof(LOADER_NAME);

    for (uint32_t i = 0; i < parameters->module_count; i++) {
        size += strlen(parameters->module_string[i]) + 1;
    }
    return size;
}

/* Where the next string goes. */
struct strings {
    uint8_t *bytes;
    uint32_t physical;
};

/* Appends a string; returns its physical address. */
static uint32_t write_string(struct strings *strings, const char *string)
{
    uint32_t size = (uint32_t)strlen(string) + 1;
    uint32_t physical = strings->physical;

    memcpy(strings->bytes, string, size);
    strings->bytes += size;
    strings->physical += size;
    return physical;
}

static void write_map(const struct memory_map *map, uint8_t *list)
{
    for (uint32_t i = 0; i < map->count; i++) {
        uint8_t *entry = list + i * MULTIBOOT1_MMAP_BYTES;

        store32(entry + MULTIBOOT1_MMAP_ENTRY_SIZE, MULTIBOOT1_MMAP_BYTES - MULTIBOOT1_MMAP_BASE);
        store64(entry + MULTIBOOT1_MMAP_BASE, map->range[i].start);
        store64(entry + MULTIBOOT1_MMAP_LENGTH, map->range[i].length);
        store32(entry + MULTIBOOT1_MMAP_TYPE, map->range[i].type);
    }
}

static void write_sizes(const struct memory_map *map, uint8_t *info)
{
    uint64_t lower = guest_usable_from(map, 0) >> 10;
    uint64_t upper = guest_usable_from(map, GUEST_MIB) >> 10;

    store32(info + MULTIBOOT1_INFO_MEM_LOWER,
            lower < LOWER_MEMORY_KIB ? (uint32_t)lower : LOWER_MEMORY_KIB);
    store32(info + MULTIBOOT1_INFO_MEM_UPPER, upper < UINT32_MAX ? (uint32_t)upper : UINT32_MAX);
}

void multiboot_write_information(const struct multiboot_parameters *parameters, uint8_t *bytes,
                                 uint32_t physical)
{
    uint32_t modules = MULTIBOOT1_INFO_SIZE;
    uint32_t mmap = modules + parameters->module_count * MULTIBOOT1_MODULE_SIZE;
    uint32_t fixed = (uint32_t)fixed_size(parameters);
    struct strings strings = { bytes + fixed, physical + fixed };

    memset(bytes, 0, fixed);
    store32(bytes + MULTIBOOT1_INFO_FLAGS,
            MULTIBOOT1_INFO_HAS_MEMORY | MULTIBOOT1_INFO_HAS_CMDLINE | MULTIBOOT1_INFO_HAS_MODULES |
                MULTIBOOT1_INFO_HAS_MMAP | MULTIBOOT1_INFO_HAS_LOADER_NAME);
    write_sizes(parameters->map, bytes);
    store32(bytes + MULTIBOOT1_INFO_CMDLINE, write_string(&strings, parameters->command_line));
    store32(bytes + MULTIBOOT1_INFO_MODS_COUNT, parameters->module_count);
    store32(bytes + MULTIBOOT1_INFO_MODS_ADDR, physical + modules);
    for (uint32_t i = 0; i < parameters->module_count; i++) {
        uint8_t *entry = bytes + modules + i * MULTIBOOT1_MODULE_SIZE;
        struct memory_span module = parameters->module[i];

        store32(entry + MULTIBOOT1_MODULE_START, (uint32_t)module.start);
        store32(entry + MULTIBOOT1_MODULE_END, (uint32_t)(module.start + module.length));
        store32(entry + MULTIBOOT1_MODULE_STRING,
                write_string(&strings, parameters->module_string[i]));
    }
    store32(bytes + MULTIBOOT1_INFO_MMAP_LENGTH, parameters->map->count * MULTIBOOT1_MMAP_BYTES);
    store32(bytes + MULTIBOOT1_INFO_MMAP_ADDR, physical + mmap);
    write_map(parameters->map, bytes + mmap);
    store32(bytes + MULTIBOOT1_INFO_LOADER_NAME, write_string(&strings, LOADER_NAME));
}
