/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the linker's build-id note.  ELF gABI: Program Loading > Note Section. */
#include "boot/build_id.h"

#include <stdint.h>
#include <string.h>

#define NT_GNU_BUILD_ID  3

struct note {
    uint32_t name_size;
    uint32_t hash_size;
    uint32_t type;
    char name[4];
    uint8_t hash[];
};

bool build_id_format(const void *note, size_t length, char text[BUILD_ID_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    const struct note *header = note;

    text[0] = '\0';
    if (length < sizeof(*header) || header->type != NT_GNU_BUILD_ID || header->name_size != 4
        || memcmp(header->name, "GNU", 4) != 0 || header->hash_size == 0
        || header->hash_size > length - sizeof(*header)
        || header->hash_size > (BUILD_ID_TEXT_MAX - 1) / 2) {
        return false;
    }
    for (uint32_t i = 0; i < header->hash_size; i++) {
        text[2 * i] = digits[header->hash[i] >> 4];
        text[2 * i + 1] = digits[header->hash[i] & 0xf];
    }
    text[2 * header->hash_size] = '\0';
    return true;
}
