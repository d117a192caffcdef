/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR of 800h-8FFh in x2APIC mode: which raise #GP(0).
 *
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Extended XAPIC (x2APIC) > x2APIC
 * Register Availability; Reserved Bit Checking; ICR Operation in x2APIC Mode; SELF IPI Register.
 * APM Vol 2: APIC > x2APIC Register Address Space (the extended space, 840h-853h).
 *
 * Outside x2APIC mode every access raises #GP(0); that is the caller's to say.
 *
 * Pure: no hardware access, no globals. Any CPU, any context.
 */
#ifndef SEXTANT_X2APIC_MSR_RULES_H
#define SEXTANT_X2APIC_MSR_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define X2APIC_MSR_FIRST    0x800u
#define X2APIC_MSR_LAST     0x8ffu
#define X2APIC_MSR_ID       0x802u
#define X2APIC_MSR_TPR      0x808u
#define X2APIC_MSR_EOI      0x80bu
#define X2APIC_MSR_ICR      0x830u
#define X2APIC_MSR_TIMER_COUNT 0x839u
#define X2APIC_MSR_SELF_IPI 0x83fu

/* Bits of ICR that may be 1. */
#define X2APIC_ICR_LEGAL    UINT64_C(0xffffffff000ccfff)

/* Whether RDMSR of `index` (any number) is legal where the version register reads `version`. */
bool x2apic_msr_readable(uint32_t index, uint32_t version);

/* Whether WRMSR of `value` is: the register may be written, and no reserved bit is 1. */
bool x2apic_msr_writable(uint32_t index, uint64_t value, uint32_t version);

#endif
