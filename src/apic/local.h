/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's access to the local APIC of the CPU it runs on, in the mode that this APIC is in
 * (SDM Vol 3: APIC > Local APIC; Extended XAPIC (x2APIC)). */
#ifndef SEXTANT_APIC_LOCAL_H
#define SEXTANT_APIC_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "apic/registers.h"
#include "core/cpu.h"
#include "x86/msr.h"

/* Finds out which mode this CPU's APIC is in: before the functions below, and after every write of
 * its IA32_APIC_BASE. On the CPU's own stack. */
void local_apic_follow_mode(void);

/* Reads or writes the register at an xAPIC offset. Writing ICR_LOW sends. Any CPU, host context. */
uint32_t local_apic_read(uint32_t offset);
void local_apic_write(uint32_t offset, uint32_t value);

/* The same on the CPU named, which is this one. */
static inline void local_apic_write_of(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    volatile uint32_t *registers = cpu->apic.registers;

    if (registers)
        registers[offset / sizeof registers[0]] = value;
    else
        msr_write(APIC_X2APIC_MSR_BASE + (offset >> 4), value);
}

/* True while IA32_APIC_BASE has EN and EXTD set: registers are MSRs and ICR is 64 bits wide. */
bool local_apic_is_x2apic(void);

/* Sends one interprocessor interrupt to the CPU with that APIC ID: `low` as in ICR_LOW, physical
 * destination, no shorthand. ICR_HIGH is put back afterwards, ICR_LOW cannot be: the caller sees
 * to what the guest reads there. Returns false when the APIC stayed busy too long to send. */
bool local_apic_send(uint32_t apic_id, uint32_t low);

/* Waits until the last message has gone; false when that takes too long. In x2APIC mode it always has. */
bool local_apic_wait_until_idle(void);

/* The highest vector that is requested (IRR), -1 when none is. */
int local_apic_highest_requested(void);

/* True when some interrupt is requested and not yet accepted (IRR not empty). */
bool local_apic_requested(void);

/* Brings the APIC to the state that INIT leaves (apic/reset.h), with what waits for acceptance
 * accepted and forgotten. Host context, host NMIs allowed. */
void local_apic_init_state(void);

/* Makes ICR read 0, as after an INIT: sends what no APIC accepts, a fixed interrupt with the illegal
 * vector 0, to the APIC itself, and clears the error that this leaves. xAPIC mode, host context. */
void local_apic_clear_icr(void);

#endif
