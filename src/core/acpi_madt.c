/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI: the processors and NMI sources of the MADT. ACPI Specification: "Multiple APIC Description
 * Table (MADT)". Pure, given physical_pointer().
 */
#include <string.h>

#include "core/acpi_layout.h"
#include "core/bytes.h"
#include "lib/format.h"

#define MADT_LAPIC_ADDRESS 36
#define MADT_FLAGS 40
#define MADT_STRUCTURES 44
/* Each APIC ID is compared with all before it, so the length is bounded: 4096 x2APIC entries. */
#define MADT_LENGTH_LIMIT (MADT_STRUCTURES + 65536u)

/* Interrupt controller structures: type, length, then as below. */
#define STRUCTURE_TYPE 0
#define STRUCTURE_LENGTH 1
#define STRUCTURE_HEAD 2

#define TYPE_LOCAL_APIC 0
#define     LOCAL_APIC_UID 2
#define     LOCAL_APIC_ID 3
#define     LOCAL_APIC_FLAGS 4
#define     LOCAL_APIC_LENGTH 8
#define     LOCAL_APIC_BROADCAST 0xffu

#define TYPE_NMI_SOURCE 3
#define     NMI_SOURCE_FLAGS 2
#define     NMI_SOURCE_INTERRUPT 4
#define     NMI_SOURCE_LENGTH 8

#define TYPE_LOCAL_APIC_NMI 4
#define     LOCAL_NMI_UID 2
#define     LOCAL_NMI_FLAGS 3
#define     LOCAL_NMI_LINT 5
#define     LOCAL_NMI_LENGTH 6
#define     LOCAL_NMI_ALL 0xffu

#define TYPE_ADDRESS_OVERRIDE 5
#define     OVERRIDE_ADDRESS 4
#define     OVERRIDE_LENGTH 12

#define TYPE_LOCAL_X2APIC 9
#define     LOCAL_X2APIC_ID 4
#define     LOCAL_X2APIC_FLAGS 8
#define     LOCAL_X2APIC_UID 12
#define     LOCAL_X2APIC_LENGTH 16
#define     LOCAL_X2APIC_BROADCAST 0xffffffffu

#define TYPE_LOCAL_X2APIC_NMI 10
#define     X2APIC_NMI_FLAGS 2
#define     X2APIC_NMI_UID 4
#define     X2APIC_NMI_LINT 8
#define     X2APIC_NMI_LENGTH 12
#define     X2APIC_NMI_ALL 0xffffffffu

/* "Local APIC Flags" */
#define FLAG_ENABLED (1u << 0)
#define FLAG_ONLINE_CAPABLE (1u << 1)

/*
 * The structure at *cursor (0 begins), which then moves past it; NULL at the end. A structure that
 * is shorter than its head or reaches beyond the table ends the list.
 */
static const uint8_t *next_structure(const struct acpi_madt *madt, uint32_t *cursor)
{
    uint32_t at = *cursor < MADT_STRUCTURES ? MADT_STRUCTURES : *cursor;
    uint32_t length = madt->table.length;
    const uint8_t *structure = madt->table.bytes + at;

    if (at >= length || length - at < STRUCTURE_HEAD ||
        structure[STRUCTURE_LENGTH] < STRUCTURE_HEAD || structure[STRUCTURE_LENGTH] > length - at) {
        *cursor = length;
        return NULL;
    }
    *cursor = at + structure[STRUCTURE_LENGTH];
    return structure;
}

static bool is(const uint8_t *structure, uint8_t type, uint8_t minimum_length)
{
    return structure[STRUCTURE_TYPE] == type && structure[STRUCTURE_LENGTH] >= minimum_length;
}

/* Reads a processor structure; false for other ones, and processors that never can be used. */
static bool read_cpu(const uint8_t *structure, struct acpi_cpu *out)
{
    uint32_t flags;

    if (is(structure, TYPE_LOCAL_APIC, LOCAL_APIC_LENGTH)) {
        flags = load32(structure + LOCAL_APIC_FLAGS);
        *out = (struct acpi_cpu){ structure[LOCAL_APIC_ID], structure[LOCAL_APIC_UID],
                                  flags & FLAG_ENABLED, false };
        return (flags & (FLAG_ENABLED | FLAG_ONLINE_CAPABLE)) &&
               out->apic_id != LOCAL_APIC_BROADCAST;
    }
    if (is(structure, TYPE_LOCAL_X2APIC, LOCAL_X2APIC_LENGTH)) {
        flags = load32(structure + LOCAL_X2APIC_FLAGS);
        *out = (struct acpi_cpu){ load32(structure + LOCAL_X2APIC_ID),
                                  load32(structure + LOCAL_X2APIC_UID), flags & FLAG_ENABLED,
                                  true };
        return (flags & (FLAG_ENABLED | FLAG_ONLINE_CAPABLE)) &&
               out->apic_id != LOCAL_X2APIC_BROADCAST;
    }
    return false;
}

/* Whether a usable processor with this APIC ID is listed before this structure. */
static bool listed_before(const struct acpi_madt *madt, const uint8_t *structure, uint32_t apic_id)
{
    const uint8_t *earlier;
    uint32_t cursor = 0;
    struct acpi_cpu cpu;

    while ((earlier = next_structure(madt, &cursor)) != NULL && earlier != structure) {
        if (read_cpu(earlier, &cpu) && cpu.apic_id == apic_id) {
            return true;
        }
    }
    return false;
}

bool acpi_next_cpu(const struct acpi_madt *madt, uint32_t *cursor, struct acpi_cpu *out)
{
    const uint8_t *structure;

    while ((structure = next_structure(madt, cursor)) != NULL) {
        if (read_cpu(structure, out) && !listed_before(madt, structure, out->apic_id)) {
            return true;
        }
    }
    return false;
}

bool acpi_next_nmi(const struct acpi_madt *madt, uint32_t *cursor, struct acpi_nmi *out)
{
    const uint8_t *structure;

    while ((structure = next_structure(madt, cursor)) != NULL) {
        if (is(structure, TYPE_NMI_SOURCE, NMI_SOURCE_LENGTH)) {
            *out = (struct acpi_nmi){ .interrupt = load32(structure + NMI_SOURCE_INTERRUPT),
                                      .flags = load16(structure + NMI_SOURCE_FLAGS) };
            return true;
        }
        if (is(structure, TYPE_LOCAL_APIC_NMI, LOCAL_NMI_LENGTH)) {
            uint8_t uid = structure[LOCAL_NMI_UID];

            *out = (struct acpi_nmi){ .local = true, .all_processors = uid == LOCAL_NMI_ALL,
                                      .acpi_uid = uid, .lint = structure[LOCAL_NMI_LINT],
                                      .flags = load16(structure + LOCAL_NMI_FLAGS) };
            return true;
        }
        if (is(structure, TYPE_LOCAL_X2APIC_NMI, X2APIC_NMI_LENGTH)) {
            uint32_t uid = load32(structure + X2APIC_NMI_UID);

            *out = (struct acpi_nmi){ .local = true, .all_processors = uid == X2APIC_NMI_ALL,
                                      .acpi_uid = uid, .lint = structure[X2APIC_NMI_LINT],
                                      .flags = load16(structure + X2APIC_NMI_FLAGS) };
            return true;
        }
    }
    return false;
}

bool acpi_find_madt(const struct acpi_rsdp *rsdp, struct acpi_madt *out, char *error,
                    size_t error_size)
{
    const uint8_t *structure;
    uint32_t cursor = 0;

    if (!acpi_find_table(rsdp, "APIC", 0, &out->table)) {
        format_text(error, error_size, "the ACPI tables have no MADT (APIC) with a right checksum");
        return false;
    }
    if (out->table.length < MADT_STRUCTURES || out->table.length > MADT_LENGTH_LIMIT) {
        format_text(error, error_size, "the ACPI MADT has %u bytes; %u to %u make sense",
                    (unsigned)out->table.length, (unsigned)MADT_STRUCTURES,
                    (unsigned)MADT_LENGTH_LIMIT);
        return false;
    }
    out->lapic_address = load32(out->table.bytes + MADT_LAPIC_ADDRESS);
    out->flags = load32(out->table.bytes + MADT_FLAGS);
    while ((structure = next_structure(out, &cursor)) != NULL) {
        if (is(structure, TYPE_ADDRESS_OVERRIDE, OVERRIDE_LENGTH)) {
            out->lapic_address = load64(structure + OVERRIDE_ADDRESS);
        }
    }
    return true;
}
