/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables: the common header, and the look-up by address that the readers of single tables
 * share. Only for src/core/acpi*.c. ACPI Specification: "System Description Table Header".
 */
#ifndef SEXTANT_CORE_ACPI_LAYOUT_H
#define SEXTANT_CORE_ACPI_LAYOUT_H

#include "core/acpi.h"

#define ACPI_SIGNATURE_SIZE 4
#define ACPI_HEADER_LENGTH 4
#define ACPI_HEADER_SIZE 36

/*
 * Checks the table at a physical address: 4 characters of signature, length, checksum. Returns
 * false when one of them is wrong, a byte is not mapped or the address is 0. Any CPU, host context.
 */
bool acpi_read_table(uint64_t physical, const char *signature, struct acpi_table *out);

/*
 * Iterates over the tables with a signature, in the order of the XSDT or else the RSDT. *cursor
 * must be 0 at first. Returns false at the end. Any CPU, host context.
 */
bool acpi_next_table(const struct acpi_rsdp *rsdp, const char *signature, uint32_t *cursor,
                     struct acpi_table *out);

#endif
