/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's access to its local APIC means, whichever strategy saw it: every strategy of the
 * axis `apic` ends here. On the CPU named, exit context. */
#ifndef SEXTANT_APIC_POLICY_H
#define SEXTANT_APIC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* A 32-bit write of `value` to the register at `offset` (a multiple of 16). Registers that the
 * hypervisor has no interest in go to the hardware as they are. */
void apic_policy_write(struct cpu *cpu, uint32_t offset, uint32_t value);

/* What the hardware's register at `offset` holds, in the form of xAPIC mode. One that does not exist is
 * read all the same, for the error that this is. */
uint32_t apic_policy_read(const struct cpu *cpu, uint32_t offset);

/* What the guest reads from the register at `offset` (a multiple of 16) now. False: it is none of those
 * that a snapshot shows. */
bool apic_policy_show(struct cpu *cpu, uint32_t offset, uint32_t *value);

/* Finds out which registers there are to show. Boot CPU, before the strategies are sealed. */
void apic_policy_prepare(void);

/* Fills a page with what the guest would read from each register now that can be read without an error; the
 * rest is 0, which is what EOI reads as. RRD is among the rest. */
void apic_policy_snapshot(struct cpu *cpu, void *page);

/* Adds what is at `offset` when that is one of the rest but not EOI, for an instruction that reads there: the
 * hardware remembers the error, if it is one. */
void apic_policy_snapshot_other(struct cpu *cpu, void *page, uint32_t offset);

/* The same as the first for the one register at or around `offset` (below APIC_PAGE_SIZE); where that is on
 * the page. */
uint32_t *apic_policy_snapshot_register(struct cpu *cpu, void *page, uint32_t offset);

/* A write of the whole ICR in x2APIC mode; reserved bits are 0. */
void apic_policy_write_icr(struct cpu *cpu, uint64_t icr);

/* The hardware's ICR does not show what the guest wrote last: a message of the host's own was sent, or
 * one of the guest's emulated. */
void apic_policy_icr_disturbed(struct cpu *cpu);

#endif
