/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which local APICs an interprocessor interrupt addresses.
 *
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Issuing Interprocessor Interrupts
 * > Determining IPI Destination; Extended XAPIC (x2APIC) > x2APIC ID and Logical x2APIC ID. APM
 * Vol 2: APIC > Interrupt Destination Modes.
 *
 * Pure: no hardware access, no globals.
 */
#ifndef SEXTANT_APIC_DESTINATION_H
#define SEXTANT_APIC_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "apic/icr.h"

#define APIC_BROADCAST          0xFFu           /* destination of an xAPIC command */
#define X2APIC_BROADCAST        0xFFFFFFFFu     /* destination of an x2APIC command */

/*
 * The addressable state of one CPU's local APIC, as its guest set it. A software-disabled APIC
 * (SVR bit 8 clear) still answers INIT, SIPI, NMI and SMI, so that bit is not here. SDM Vol 3:
 * APIC > Local APIC > Local APIC Status and Location > Local APIC State After It Has Been Software
 * Disabled.
 */
struct apic_identity {
    bool enabled;           /* IA32_APIC_BASE.EN; a globally disabled APIC gets no message */
    bool x2apic;            /* IA32_APIC_BASE.EXTD */
    uint32_t id;            /* xAPIC: bits 31:24 of the ID register, shifted down; x2APIC: all */
    uint32_t ldr;           /* the logical destination register as read: xAPIC bits 31:24 count */
    uint32_t dfr;           /* the destination format register as read; unused in x2APIC mode */
};

/*
 * Whether `command`, written by one CPU, addresses the CPU with identity `target`; `is_sender`
 * says that this is the CPU that wrote it. Lowest priority is treated as a group address (every
 * CPU of the group matches); the caller forwards such commands and does not choose.
 *
 * An xAPIC command's broadcast (FFh, physical) reaches x2APIC targets as well, since the two modes
 * can be mixed for a moment while an operating system switches. Logical FFh reaches every APIC in
 * the cluster model; in the flat model the bit-wise AND alone decides, so an APIC whose LDR is 0
 * (the state after INIT) is not reached.
 *
 * Any CPU, host context.
 */
bool destination_matches(const struct icr_command *command, const struct apic_identity *target,
                         bool is_sender);

/*
 * The logical x2APIC ID that the hardware derives from a 32-bit x2APIC ID.
 * SDM Vol 3: APIC > Extended XAPIC (x2APIC) > Deriving Logical x2APIC ID from the Local x2APIC ID.
 */
uint32_t x2apic_logical_id(uint32_t id);

#endif
