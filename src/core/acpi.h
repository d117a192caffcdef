/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables: root pointer, table look-up, MADT (CPUs), FADT and sleep types (power). ACPI
 * Specification: "ACPI Software Programming Model". Reads physical memory only through
 * physical_pointer(); nothing is written, nothing allocated. Tables are untrusted input: each
 * checksum is checked, each length bounded, each loop ends. Any CPU, host context.
 */
#ifndef SEXTANT_CORE_ACPI_H
#define SEXTANT_CORE_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The checked contents of the Root System Description Pointer. */
struct acpi_rsdp {
    uint64_t physical;      /* where it lies; 0 when only the boot loader's copy is known */
    uint8_t revision;       /* 0: ACPI 1.0; 2: later */
    uint32_t rsdt;          /* physical address, 0 when there is none */
    uint64_t xsdt;          /* physical address, 0 when there is none */
};

/* A table whose whole length is mapped and whose checksum is right. */
struct acpi_table {
    uint64_t physical;
    const uint8_t *bytes;   /* begins with the system description table header */
    uint32_t length;        /* bytes, header included */
};

/* A local APIC that the MADT lists. */
struct acpi_cpu {
    uint32_t apic_id;
    uint32_t acpi_uid;
    bool enabled;           /* false: not there now, may be hot-added ("online capable") */
    bool x2apic;            /* from a Processor Local x2APIC structure */
};

/* An NMI source that the MADT lists. */
struct acpi_nmi {
    bool local;             /* true: a local APIC's LINT pin; false: a global system interrupt */
    bool all_processors;    /* local: connected on every CPU */
    uint32_t acpi_uid;      /* local: of that CPU, unless all_processors */
    uint8_t lint;           /* local: 0 or 1 */
    uint32_t interrupt;     /* global: its number */
    uint16_t flags;         /* MPS INTI flags: polarity and trigger mode */
};

struct acpi_madt {
    struct acpi_table table;
    uint64_t lapic_address; /* physical, with the address override applied */
    uint32_t flags;         /* bit 0: PCAT_COMPAT, a pair of 8259s is there */
};

/* Generic Address Structure. address 0: there is no such register. */
struct acpi_register {
    uint8_t space;          /* one of the following */
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1
#define ACPI_SPACE_PCI_CONFIG 2
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size;    /* 0: undefined, 1: byte, 2: word, 3: dword, 4: qword */
    uint64_t address;
};

/* The SLP_TYP values of one sleeping state, for the PM1a and PM1b control registers (0..7). */
struct acpi_sleep_type {
    bool present;
    uint8_t a;
    uint8_t b;
};

/* What is needed to end or restart the machine, from FADT, DSDT and SSDTs. */
struct acpi_power {
    struct acpi_register pm1a_control;
    struct acpi_register pm1b_control;
    struct acpi_register reset;     /* address 0 unless RESET_REG_SUP is set */
    uint8_t reset_value;
    uint32_t flags;                 /* FADT "Fixed Feature Flags" */
#define ACPI_FADT_RESET_REG_SUP (1u << 10)
#define ACPI_FADT_HW_REDUCED_ACPI (1u << 20)
    uint64_t dsdt;                  /* physical, 0 when there is none */
    struct acpi_sleep_type s3;
    struct acpi_sleep_type s5;
};

/* PM1 control register: ACPI Specification: "PM1 Control Registers". */
#define ACPI_PM1_SLP_TYP_SHIFT 10
#define ACPI_PM1_SLP_TYP_MASK (7u << ACPI_PM1_SLP_TYP_SHIFT)
#define ACPI_PM1_SLP_EN (1u << 13)

/*
 * Finds the root pointer: in copy[0 .. copy_length) when the boot loader gave one (copy_length 0:
 * none), else in the first KiB of the EBDA, else in 0xe0000-0xfffff. When the boot loader gave a
 * copy and the BIOS areas hold the very same bytes, physical says where. Returns false when there
 * is none with a right checksum. Source: ACPI Specification: "Finding the RSDP on IA-PC Systems",
 * "Root System Description Pointer (RSDP) Structure".
 */
bool acpi_find_rsdp(const uint8_t *copy, size_t copy_length, struct acpi_rsdp *out);

/*
 * Finds the instance-th (from 0) table with a signature of 4 characters, through the XSDT or else
 * the RSDT. Tables that are not mapped, too short, too long (ACPI_TABLE_LIMIT) or have a wrong
 * checksum are passed over. Returns false when there is none.
 */
#define ACPI_TABLE_LIMIT (4u << 20)
#define ACPI_ROOT_ENTRIES 1024     /* of the RSDT or XSDT that are looked at */
bool acpi_find_table(const struct acpi_rsdp *rsdp, const char *signature, uint32_t instance,
                     struct acpi_table *out);

/*
 * Finds and checks the MADT. Returns false and one sentence in error[] when there is none that can
 * be used. Source: ACPI Specification: "Multiple APIC Description Table (MADT)".
 */
bool acpi_find_madt(const struct acpi_rsdp *rsdp, struct acpi_madt *out, char *error,
                    size_t error_size);

/*
 * Iterates over the CPUs that are enabled or online capable, in the order of the table, each APIC
 * ID once. *cursor must be 0 at first and belongs to the iterator. Returns false at the end. To
 * count, iterate once.
 */
bool acpi_next_cpu(const struct acpi_madt *madt, uint32_t *cursor, struct acpi_cpu *out);

/* Iterates over the NMI sources (structure types 3, 4 and 10) likewise. */
bool acpi_next_nmi(const struct acpi_madt *madt, uint32_t *cursor, struct acpi_nmi *out);

/*
 * Reads the FADT, and \_S3_ and \_S5_ from the DSDT or else an SSDT. What is not there is zero or
 * not present. Returns false and one sentence in error[] when there is no FADT that can be used.
 * Source: ACPI Specification: "Fixed ACPI Description Table (FADT)", "\_Sx (System States)".
 */
bool acpi_read_power(const struct acpi_rsdp *rsdp, struct acpi_power *out, char *error,
                     size_t error_size);

/*
 * Looks for Name (\_Sn_, Package () {…}) in the AML bytes of one DSDT or SSDT (after the header) by
 * its byte pattern. state is 0..5. Elements may be Zero, One, Ones, byte, word or dword constants,
 * of which the low three bits count. Returns false when no well-formed one is there. Source: ACPI
 * Specification: "AML Byte Stream Encoding".
 */
bool acpi_scan_sleep_type(const uint8_t *aml, size_t length, unsigned state,
                          struct acpi_sleep_type *out);

#endif
