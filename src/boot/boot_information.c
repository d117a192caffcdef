/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader told us: the parts that do not depend on the Multiboot protocol's version.
 * Pure, given physical_pointer().
 */
#include "boot/boot_information.h"

#include <string.h>

#include "boot/boot_parse.h"
#include "core/physical.h"
#include "lib/format.h"

#define PAGE_SIZE 4096ull
#define KIB 1024ull
#define UPPER_MEMORY_START 0x100000ull
#define LOWER_MEMORY_KIB 640u       /* above it are video memory and ROMs, whatever a loader says */

size_t boot_information_module_spans(const struct boot_information *information,
                                     struct memory_span *span, size_t capacity)
{
    size_t count = 0;

    for (uint32_t i = 0; i < information->module_count && count < capacity; i++) {
        uint64_t start = information->module[i].start & ~(PAGE_SIZE - 1);
        uint64_t end = (information->module[i].end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

        span[count++] = (struct memory_span){ start, end - start };
    }
    return count;
}

/* How much can be asked for without asking for a page that the string may not touch. */
static uint64_t rest_of_page(uint64_t physical)
{
    return PAGE_SIZE - (physical & (PAGE_SIZE - 1));
}

bool boot_copy_string(uint64_t physical, char *out, size_t size, bool *truncated)
{
    size_t length = 0;
    const char *from = NULL;
    uint64_t available = 0;

    if (truncated) {
        *truncated = false;
    }
    out[0] = '\0';
    for (;;) {
        if (available == 0) {
            available = rest_of_page(physical);
            from = physical_pointer(physical, available);
            if (!from) {
                return false;
            }
            physical += available;
        }
        if (*from == '\0') {
            return true;
        }
        if (length == size - 1) {
            if (truncated) {
                *truncated = true;
            }
            return true;
        }
        out[length++] = *from++;
        out[length] = '\0';
        available--;
    }
}

bool boot_add_module(struct boot_information *information, uint64_t start, uint64_t end,
                     struct boot_module **module, char *error, size_t error_size)
{
    *module = NULL;
    information->module_total++;
    if (information->module_count == BOOT_MODULES) {
        return true;
    }
    if (end < start) {
        format_text(error, error_size,
                    "module %u is said to start at 0x%" FORMAT_64 "x but to end at 0x%" FORMAT_64
                    "x",
                    (unsigned)information->module_count, start, end);
        return false;
    }
    if (!physical_pointer(start, end - start)) {
        format_text(error, error_size,
                    "module %u is said to be at 0x%" FORMAT_64 "x-0x%" FORMAT_64
                    "x, which is not in memory",
                    (unsigned)information->module_count, start, end);
        return false;
    }
    *module = &information->module[information->module_count++];
    (*module)->start = start;
    (*module)->end = end;
    return true;
}

bool boot_add_basic_memory(struct boot_information *information, uint32_t lower_kib,
                           uint32_t upper_kib)
{
    if (lower_kib > LOWER_MEMORY_KIB) {
        lower_kib = LOWER_MEMORY_KIB;
    }
    information->memory_is_estimate = true;
    return memory_map_add(&information->memory, 0, lower_kib * KIB, MEMORY_USABLE) &&
           memory_map_add(&information->memory, UPPER_MEMORY_START, upper_kib * KIB, MEMORY_USABLE);
}

bool boot_check_memory(const struct boot_information *information, char *error, size_t error_size)
{
    if (memory_map_total(&information->memory, MEMORY_USABLE) == 0) {
        format_text(error, error_size,
                    "the boot loader reported no usable memory: neither a memory map with a usable "
                    "range nor the sizes of lower and upper memory");
        return false;
    }
    return true;
}
