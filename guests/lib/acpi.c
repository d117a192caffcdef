/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables by way of the RSDP of a PC BIOS.
 * Source: ACPI Specification: ACPI Software Programming Model > Finding the RSDP on IA-PC Systems;
 * MADT; FADT.
 */
#include "acpi.h"

#include <stddef.h>

#include "string.h"

#define EBDA_SEGMENT_POINTER 0x40eu
#define EBDA_SEARCHED        0x400u
#define BIOS_AREA            0xe0000u
#define BIOS_AREA_END        0x100000u

#define MADT_LOCAL_APIC   0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED      1

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
} __attribute__((packed));

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct madt_entry {
    uint8_t type, length;
    union {
        struct {
            uint8_t processor, apic_id;
            uint32_t flags;
        } __attribute__((packed)) local_apic;
        struct {
            uint16_t reserved;
            uint32_t apic_id, flags;
        } __attribute__((packed)) local_x2apic;
    };
} __attribute__((packed));

#define MADT_FIRST_ENTRY 44
#define FADT_TIMER_PORT  76

static uint8_t sum(const void *start, size_t length)
{
    uint8_t total = 0;
    for (size_t i = 0; i < length; i++)
        total = (uint8_t)(total + ((const uint8_t *)start)[i]);
    return total;
}

static const struct rsdp *find_rsdp_in(uintptr_t start, uintptr_t end)
{
    for (uintptr_t at = start; at < end; at += 16)
        if (memcmp((const void *)at, "RSD PTR ", 8) == 0 &&
            sum((const void *)at, sizeof(struct rsdp)) == 0)
            return (const struct rsdp *)at;
    return NULL;
}

static const struct header *find_table(const char *signature)
{
    uint16_t ebda_segment;
    const void *pointer = (const void *)(uintptr_t)EBDA_SEGMENT_POINTER;
    /*
     * Hides the constant address from the compiler, which takes the first page for a null pointer.
     */
    __asm__("" : "+r"(pointer));
    memcpy(&ebda_segment, pointer, sizeof(ebda_segment));

    uintptr_t ebda = (uintptr_t)ebda_segment << 4;
    const struct rsdp *rsdp = find_rsdp_in(ebda, ebda + EBDA_SEARCHED);
    if (rsdp == NULL)
        rsdp = find_rsdp_in(BIOS_AREA, BIOS_AREA_END);
    if (rsdp == NULL)
        return NULL;

    const struct header *rsdt = (const void *)(uintptr_t)rsdp->rsdt;
    for (uint32_t at = sizeof(*rsdt); at + 4 <= rsdt->length; at += 4) {
        uint32_t address;
        memcpy(&address, (const uint8_t *)rsdt + at, sizeof(address));
        const struct header *table = (const void *)(uintptr_t)address;
        if (memcmp(table->signature, signature, sizeof(table->signature)) == 0)
            return table;
    }
    return NULL;
}

unsigned acpi_for_each_cpu(void (*found)(uint32_t apic_id))
{
    const struct header *madt = find_table("APIC");
    unsigned count = 0;
    if (madt == NULL)
        return 0;

    for (uint32_t at = MADT_FIRST_ENTRY; at + 2 <= madt->length;) {
        const struct madt_entry *entry = (const void *)((const uint8_t *)madt + at);
        if (entry->length < 2)
            break;
        if (entry->type == MADT_LOCAL_APIC && (entry->local_apic.flags & MADT_ENABLED) != 0) {
            found(entry->local_apic.apic_id);
            count++;
        }
        if (entry->type == MADT_LOCAL_X2APIC && (entry->local_x2apic.flags & MADT_ENABLED) != 0 &&
            entry->local_x2apic.apic_id < 255) {
            found(entry->local_x2apic.apic_id);
            count++;
        }
        at += entry->length;
    }
    return count;
}

uint16_t acpi_timer_port(void)
{
    const struct header *fadt = find_table("FACP");
    uint32_t port = 0;
    if (fadt != NULL && fadt->length >= FADT_TIMER_PORT + sizeof(port))
        memcpy(&port, (const uint8_t *)fadt + FADT_TIMER_PORT, sizeof(port));
    return (uint16_t)port;
}
