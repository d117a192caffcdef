/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about this machine that the probe and the tables of the firmware gave: written while
 * booting, read-only (.sealed) before the first guest entry. Nothing asks the hardware again. */
#ifndef SEXTANT_CORE_MACHINE_H
#define SEXTANT_CORE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/acpi.h"

struct machine {
    bool pages_1g;
    bool no_execute;
    bool next_rip;              /* SVM saves the next instruction's address (NRIPS) */
    bool flush_by_asid;
    bool decode_assists;        /* an exit gives its instruction's bytes: self-tested, else false */
    bool debug_cause_hidden;    /* a #DB that exits leaves DR6 as it was: Bochs' SVM, self-tested */
    bool interrupts_need_if;    /* no exit for one while a guest that was entered with IF=0 keeps that */
    bool exceptions_exit;       /* an exit behind the delivery of one saves where it was raised: VMX on Bochs */
    bool halt_needs_exit;       /* a virtual interrupt does not wake a guest that halts with it requested */
    bool init_is_kept;          /* an INIT to a CPU that waits for a SIPI in hardware comes after it: VMX on Bochs */
    bool x2apic;                /* the processor has it, whether or not the guest sees it */
    bool x2apic_only;           /* guest.x2apic=only: every CPU starts in x2APIC mode and stays */
    uint8_t physical_address_bits;  /* without those that choose a key of memory encryption */
    uint32_t cpuid_signature;   /* leaf 1 EAX */
    uint64_t apic_base;         /* physical address of the local APICs' page; 0: there is none */
    uint64_t physical_end;      /* first address above RAM and below it every firmware range */
    bool power_known;
    struct acpi_power power;
    bool statistics;            /* boot parameter `stats` */
};

extern struct machine machine;

/* The MiB that begins with the local APICs' page: a write to it is an interrupt message on the bus, and
 * QEMU makes one of a processor's write as well. Physical address; any CPU. */
static inline bool apic_message_address(uint64_t physical)
{
    return machine.apic_base && physical >> 20 == machine.apic_base >> 20;
}

#endif
