/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ACPI tables that the test guests need: MADT (which CPUs there are) and FADT (where the
 * timer is).
 */
#ifndef GUEST_ACPI_H
#define GUEST_ACPI_H

#include <stdint.h>

/*
 * Calls found(apic_id) for each enabled local APIC entry of the MADT in its order, and for local
 * x2APIC entries with an ID below 255. Returns the number of calls: 0 when there is no MADT.
 */
unsigned acpi_for_each_cpu(void (*found)(uint32_t apic_id));

/* I/O port of the 3.579545 MHz power-management timer, 0 when there is none. */
uint16_t acpi_timer_port(void);

#endif
