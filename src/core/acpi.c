/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI: the root pointer and the look-up of tables. ACPI Specification: "ACPI Software Programming
 * Model". Pure, given physical_pointer().
 */
#include "core/acpi.h"

#include <string.h>

#include "core/acpi_layout.h"
#include "core/bytes.h"
#include "core/physical.h"

/* The BIOS data area's word with the segment of the Extended BIOS Data Area. */
#define BDA_EBDA_SEGMENT 0x40e
#define EBDA_SEARCH 1024u
#define EBDA_LOWEST 0x500u
#define EBDA_END 0xa0000u
#define BIOS_START 0xe0000u
#define BIOS_LENGTH 0x20000u

/* The root pointer. */
#define RSDP_SIGNATURE "RSD PTR "
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_OLD_LENGTH 20      /* ACPI 1.0: that is all, and what the first checksum covers */
#define RSDP_LENGTH 20
#define RSDP_XSDT 24
#define RSDP_NEW_LENGTH 36
#define RSDP_LENGTH_LIMIT 4096u
#define RSDP_ALIGN 16u

static bool sums_to_zero(const uint8_t *bytes, size_t length)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

/* Checks and reads the root pointer in bytes[0 .. available). */
static bool read_rsdp(const uint8_t *bytes, size_t available, struct acpi_rsdp *out)
{
    uint32_t length;

    if (available < RSDP_OLD_LENGTH ||
        memcmp(bytes, RSDP_SIGNATURE, strlen(RSDP_SIGNATURE)) != 0 ||
        !sums_to_zero(bytes, RSDP_OLD_LENGTH)) {
        return false;
    }
    *out = (struct acpi_rsdp){ .revision = bytes[RSDP_REVISION],
                               .rsdt = load32(bytes + RSDP_RSDT) };
    if (out->revision < 2) {
        return true;
    }
    if (available < RSDP_NEW_LENGTH) {
        return false;
    }
    length = load32(bytes + RSDP_LENGTH);
    if (length < RSDP_NEW_LENGTH || length > RSDP_LENGTH_LIMIT || length > available ||
        !sums_to_zero(bytes, length)) {
        return false;
    }
    out->xsdt = load64(bytes + RSDP_XSDT);
    return true;
}

/*
 * Looks at every 16 bytes of [start, start + length). When copy is not NULL, the root pointer must
 * have the same bytes.
 */
static bool scan(uint64_t start, uint32_t length, const uint8_t *copy, size_t copy_length,
                 struct acpi_rsdp *out)
{
    const uint8_t *bytes = physical_pointer(start, length);

    for (uint32_t at = 0; bytes && at < length; at += RSDP_ALIGN) {
        if (!read_rsdp(bytes + at, length - at, out)) {
            continue;
        }
        if (!copy || (copy_length <= length - at && memcmp(bytes + at, copy, copy_length) == 0)) {
            out->physical = start + at;
            return true;
        }
    }
    return false;
}

static bool scan_bios(const uint8_t *copy, size_t copy_length, struct acpi_rsdp *out)
{
    const uint8_t *bda = physical_pointer(BDA_EBDA_SEGMENT, 2);
    uint32_t ebda = bda ? (uint32_t)load16(bda) << 4 : 0;

    if (ebda >= EBDA_LOWEST && ebda <= EBDA_END - EBDA_SEARCH &&
        scan(ebda, EBDA_SEARCH, copy, copy_length, out)) {
        return true;
    }
    return scan(BIOS_START, BIOS_LENGTH, copy, copy_length, out);
}

bool acpi_find_rsdp(const uint8_t *copy, size_t copy_length, struct acpi_rsdp *out)
{
    struct acpi_rsdp copied;

    if (copy_length == 0 || !read_rsdp(copy, copy_length, &copied)) {
        return scan_bios(NULL, 0, out);
    }
    if (!scan_bios(copy, copied.revision < 2 ? RSDP_OLD_LENGTH : load32(copy + RSDP_LENGTH), out)) {
        *out = copied;
    }
    return true;
}

bool acpi_read_table(uint64_t physical, const char *signature, struct acpi_table *out)
{
    const uint8_t *header = physical_pointer(physical, ACPI_HEADER_SIZE);
    const uint8_t *bytes;
    uint32_t length;

    if (physical == 0 || !header || memcmp(header, signature, ACPI_SIGNATURE_SIZE) != 0) {
        return false;
    }
    length = load32(header + ACPI_HEADER_LENGTH);
    if (length < ACPI_HEADER_SIZE || length > ACPI_TABLE_LIMIT) {
        return false;
    }
    bytes = physical_pointer(physical, length);
    if (!bytes || !sums_to_zero(bytes, length)) {
        return false;
    }
    *out = (struct acpi_table){ physical, bytes, length };
    return true;
}

bool acpi_next_table(const struct acpi_rsdp *rsdp, const char *signature, uint32_t *cursor,
                     struct acpi_table *out)
{
    struct acpi_table root;
    uint32_t entry_size = 8;
    uint32_t entries;

    if (!acpi_read_table(rsdp->xsdt, "XSDT", &root)) {
        entry_size = 4;
        if (!acpi_read_table(rsdp->rsdt, "RSDT", &root)) {
            return false;
        }
    }
    entries = (root.length - ACPI_HEADER_SIZE) / entry_size;
    while (*cursor < entries && *cursor < ACPI_ROOT_ENTRIES) {
        const uint8_t *entry = root.bytes + ACPI_HEADER_SIZE + (*cursor)++ * entry_size;
        uint64_t physical = entry_size == 8 ? load64(entry) : load32(entry);

        if (acpi_read_table(physical, signature, out)) {
            return true;
        }
    }
    return false;
}

bool acpi_find_table(const struct acpi_rsdp *rsdp, const char *signature, uint32_t instance,
                     struct acpi_table *out)
{
    uint32_t cursor = 0;

    while (acpi_next_table(rsdp, signature, &cursor, out)) {
        if (instance-- == 0) {
            return true;
        }
    }
    return false;
}
