/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual APIC of a CPU: what apic=apicv and x2apic=apicv share (SDM Vol 3: APIC Virtualization
 * and Virtual Interrupts). All functions but the first: on the CPU they name, exit context. */
#ifndef SEXTANT_VMX_VIRTUAL_APIC_H
#define SEXTANT_VMX_VIRTUAL_APIC_H

#include <stdbool.h>
#include <stdint.h>

#include "apic/vectors.h"

struct cpu;
struct past_exit;
struct capabilities;

struct virtual_apic {
    uint8_t *page;                  /* the virtual-APIC page */
    struct vector_set in_service;   /* level-triggered: ended in hardware once the guest has ended them */
    struct vector_set ended;        /* of these, those that it has */
    struct vector_set direct;       /* acknowledged, and to be injected past the virtual APIC */
    struct vector_set kept;         /* what was in service when it was turned off, with `keeps` */
    uint64_t eoi_exits[4];          /* the EOI-exit bitmap */
    bool on;
    bool keeps;                     /* off since xAPIC mode was left */
    bool x2apic;                    /* in that mode: MSRs, and no page of the guest's */
    bool shut;                      /* external interrupts do not exit, virtual ones are not delivered */
    bool waits;                     /* `direct` is not empty */
    bool windowed;                  /* interrupt-window exiting is on */
    bool watched;                   /* vmx_virtual_apic_before_entry() has something to do */
    bool rechecks;                  /* the preemption timer runs for interrupts that do not exit */
};

/* Once, boot CPU, while the backend is prepared: the pages of all CPUs, where the processor can
 * virtualize an APIC at all. */
void vmx_virtual_apic_prepare(const struct capabilities *capabilities);

/* The VMCS is new: nothing is on. */
void vmx_virtual_apic_initialise(struct cpu *cpu);

/* Turns it on, in the mode of the guest's APIC: its registers are what the hardware shows now, external interrupts exit, and
 * the hardware's task priority lets all of them through. Nothing when it is on. */
void vmx_virtual_apic_start(struct cpu *cpu);

/* Turns it off again: what is requested and the task priority go back to the hardware. What is in
 * service stays out of it; x2APIC mode finds it again where it is virtual, too. */
void vmx_virtual_apic_stop(struct cpu *cpu);

/* INIT has put the hardware's APIC into its INIT state: the virtual one follows, and what was
 * requested or in service is forgotten. */
void vmx_virtual_apic_reset(struct cpu *cpu);

/* Physical address of the APIC-access page, which all CPUs share. Nothing is ever stored there. */
uint64_t vmx_apic_access_page(void);

/* Fills a page with what the guest would read from each register now, for an instruction that accesses the one
 * at `offset`: see apic_policy_snapshot_other(). */
void vmx_virtual_apic_snapshot(struct cpu *cpu, void *page, uint32_t offset);

/* What the guest would read from one register, at `offset` (a multiple of 16); false when it does not
 * exist or shows nothing. */
bool vmx_virtual_apic_show(struct cpu *cpu, uint32_t offset, uint32_t *value);

/* A 32-bit write of the guest to the register at `offset` (a multiple of 16) that the processor did
 * not carry out. */
void vmx_virtual_apic_write(struct cpu *cpu, uint32_t offset, uint32_t value);

/* The register at `offset` of the hardware has been written: the guest reads what that made of it. */
void vmx_virtual_apic_written(struct cpu *cpu, uint32_t offset);

/* A write of the whole ICR in x2APIC mode; reserved bits are 0. */
void vmx_virtual_apic_write_icr(struct cpu *cpu, uint64_t icr);

/* Exits: 1, 7, 12 (with machine.halt_needs_exit), 45 and 56. */
void vmx_exit_hlt(struct cpu *cpu, const struct past_exit *exit);
void vmx_exit_external_interrupt(struct cpu *cpu, const struct past_exit *exit);
void vmx_exit_interrupt_window(struct cpu *cpu, const struct past_exit *exit);
void vmx_exit_virtualized_eoi(struct cpu *cpu, const struct past_exit *exit);
void vmx_exit_apic_write(struct cpu *cpu, const struct past_exit *exit);

/* An NMI has caused an exit. */
void vmx_virtual_apic_nmi(struct cpu *cpu);

/* Right before an entry, when `watched`; may be repeated. */
void vmx_virtual_apic_before_entry(struct cpu *cpu);

#endif
