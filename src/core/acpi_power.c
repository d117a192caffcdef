/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI: what ends or restarts the machine. ACPI Specification: "Fixed ACPI Description Table
 * (FADT)", "\_Sx (System States)", "AML Byte Stream Encoding". Pure, given physical_pointer().
 */
#include <string.h>

#include "core/acpi_layout.h"
#include "core/bytes.h"
#include "lib/format.h"

#define FADT_DSDT 40
#define FADT_PM1A_CNT_BLK 64
#define FADT_PM1B_CNT_BLK 68
#define FADT_PM1_CNT_LEN 89
#define FADT_FLAGS 112
#define FADT_LENGTH_1 116           /* ACPI 1.0 ends here */
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT 140
#define FADT_X_PM1A_CNT_BLK 172
#define FADT_X_PM1B_CNT_BLK 184

/* "Generic Address Structure" */
#define GAS_SPACE 0
#define GAS_BIT_WIDTH 1
#define GAS_BIT_OFFSET 2
#define GAS_ACCESS_SIZE 3
#define GAS_ADDRESS 4
#define GAS_SIZE 12

/* AML: "Data Objects Encoding", "Package Length Encoding" */
#define AML_ZERO 0x00
#define AML_ONE 0x01
#define AML_NAME_OP 0x08
#define AML_BYTE_PREFIX 0x0a
#define AML_WORD_PREFIX 0x0b
#define AML_DWORD_PREFIX 0x0c
#define AML_QWORD_PREFIX 0x0e
#define AML_PACKAGE_OP 0x12
#define AML_ROOT_CHAR '\\'
#define AML_ONES 0xff

#define SLP_TYP_BITS 7u

/* A position in AML bytes that never moves beyond their end. */
struct aml {
    const uint8_t *bytes;
    size_t left;
};

static bool take(struct aml *aml, uint8_t *out)
{
    if (aml->left == 0) {
        return false;
    }
    *out = *aml->bytes++;
    aml->left--;
    return true;
}

/* PkgLength: counts from its own first byte. Narrows the position to the package's contents. */
static bool enter_package(struct aml *aml)
{
    size_t before = aml->left;
    uint32_t length;
    uint8_t lead;
    uint8_t byte;

    if (!take(aml, &lead)) {
        return false;
    }
    length = lead >> 6 ? lead & 0x0fu : lead & 0x3fu;
    for (unsigned i = 0; i < (unsigned)lead >> 6; i++) {
        if (!take(aml, &byte)) {
            return false;
        }
        length |= (uint32_t)byte << (4 + 8 * i);
    }
    if (length > before || length < before - aml->left) {
        return false;
    }
    aml->left = length - (before - aml->left);
    return true;
}

static bool take_integer(struct aml *aml, uint64_t *out)
{
    unsigned size;
    uint8_t opcode;
    uint8_t byte;

    if (!take(aml, &opcode)) {
        return false;
    }
    *out = opcode == AML_ONES ? UINT64_MAX : opcode;
    switch (opcode) {
    case AML_ZERO:
    case AML_ONE:
    case AML_ONES:
        return true;
    case AML_BYTE_PREFIX:
        size = 1;
        break;
    case AML_WORD_PREFIX:
        size = 2;
        break;
    case AML_DWORD_PREFIX:
        size = 4;
        break;
    case AML_QWORD_PREFIX:
        size = 8;
        break;
    default:
        return false;
    }
    *out = 0;
    for (unsigned i = 0; i < size; i++) {
        if (!take(aml, &byte)) {
            return false;
        }
        *out |= (uint64_t)byte << (8 * i);
    }
    return true;
}

/* Reads Package () {a, b, ...} at the position. */
static bool read_sleep_package(struct aml aml, struct acpi_sleep_type *out)
{
    uint8_t opcode;
    uint8_t elements;
    uint64_t a;
    uint64_t b;

    if (!take(&aml, &opcode) || opcode != AML_PACKAGE_OP || !enter_package(&aml) ||
        !take(&aml, &elements) || elements == 0 || !take_integer(&aml, &a)) {
        return false;
    }
    if (elements == 1) {
        b = a >> 8;     /* old firmware: both values in the bytes of one integer */
    } else if (!take_integer(&aml, &b)) {
        return false;
    }
    *out = (struct acpi_sleep_type){ true, a & SLP_TYP_BITS, b & SLP_TYP_BITS };
    return true;
}

bool acpi_scan_sleep_type(const uint8_t *aml, size_t length, unsigned state,
                          struct acpi_sleep_type *out)
{
    const char name[4] = { '_', 'S', (char)('0' + state), '_' };

    for (size_t at = 1; at < length && length - at >= sizeof(name); at++) {
        struct aml rest = { aml + at + sizeof(name), length - at - sizeof(name) };

        if (memcmp(aml + at, name, sizeof(name)) != 0) {
            continue;
        }
        if (aml[at - 1] != AML_NAME_OP &&
            !(at >= 2 && aml[at - 1] == AML_ROOT_CHAR && aml[at - 2] == AML_NAME_OP)) {
            continue;
        }
        if (read_sleep_package(rest, out)) {
            return true;
        }
    }
    *out = (struct acpi_sleep_type){ false, 0, 0 };
    return false;
}

static void scan_table(const struct acpi_table *table, struct acpi_power *out)
{
    const uint8_t *aml = table->bytes + ACPI_HEADER_SIZE;
    size_t length = table->length - ACPI_HEADER_SIZE;

    if (!out->s3.present) {
        acpi_scan_sleep_type(aml, length, 3, &out->s3);
    }
    if (!out->s5.present) {
        acpi_scan_sleep_type(aml, length, 5, &out->s5);
    }
}

static void read_sleep_types(const struct acpi_rsdp *rsdp, struct acpi_power *out)
{
    struct acpi_table table;
    uint32_t cursor = 0;

    if (acpi_read_table(out->dsdt, "DSDT", &table)) {
        scan_table(&table, out);
    }
    while (acpi_next_table(rsdp, "SSDT", &cursor, &table)) {
        scan_table(&table, out);
    }
}

/* A Generic Address Structure, all zero when the table ends before it. */
static struct acpi_register read_register(const struct acpi_table *fadt, uint32_t offset)
{
    const uint8_t *gas = fadt->bytes + offset;

    if (fadt->length < offset + GAS_SIZE) {
        return (struct acpi_register){ .address = 0 };
    }
    return (struct acpi_register){ gas[GAS_SPACE], gas[GAS_BIT_WIDTH], gas[GAS_BIT_OFFSET],
                                   gas[GAS_ACCESS_SIZE], load64(gas + GAS_ADDRESS) };
}

/* A PM1 control register: the extended field when there is one, else the port of ACPI 1.0. */
static struct acpi_register read_control(const struct acpi_table *fadt, uint32_t extended,
                                         uint32_t port)
{
    struct acpi_register control = read_register(fadt, extended);

    if (control.address == 0) {
        control = (struct acpi_register){ ACPI_SPACE_IO,
                                          (uint8_t)(fadt->bytes[FADT_PM1_CNT_LEN] * 8), 0, 0,
                                          load32(fadt->bytes + port) };
    }
    return control;
}

bool acpi_read_power(const struct acpi_rsdp *rsdp, struct acpi_power *out, char *error,
                     size_t error_size)
{
    struct acpi_table fadt;

    memset(out, 0, sizeof(*out));
    if (!acpi_find_table(rsdp, "FACP", 0, &fadt)) {
        format_text(error, error_size, "the ACPI tables have no FADT (FACP) with a right checksum");
        return false;
    }
    if (fadt.length < FADT_LENGTH_1) {
        format_text(error, error_size, "the ACPI FADT has %u bytes, not at least %u",
                    (unsigned)fadt.length, (unsigned)FADT_LENGTH_1);
        return false;
    }
    out->flags = load32(fadt.bytes + FADT_FLAGS);
    out->dsdt = load32(fadt.bytes + FADT_DSDT);
    if (fadt.length >= FADT_X_DSDT + 8 && load64(fadt.bytes + FADT_X_DSDT) != 0) {
        out->dsdt = load64(fadt.bytes + FADT_X_DSDT);
    }
    if (!(out->flags & ACPI_FADT_HW_REDUCED_ACPI)) {
        out->pm1a_control = read_control(&fadt, FADT_X_PM1A_CNT_BLK, FADT_PM1A_CNT_BLK);
        out->pm1b_control = read_control(&fadt, FADT_X_PM1B_CNT_BLK, FADT_PM1B_CNT_BLK);
    }
    if ((out->flags & ACPI_FADT_RESET_REG_SUP) && fadt.length > FADT_RESET_VALUE) {
        out->reset = read_register(&fadt, FADT_RESET_REG);
        out->reset_value = fadt.bytes[FADT_RESET_VALUE];
    }
    read_sleep_types(rsdp, out);
    return true;
}
