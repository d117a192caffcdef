/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of interrupt vectors: the 256-bit registers ISR, TMR and IRR of a page that is laid out like
 * the local APIC's (SDM Vol 3: APIC > Handling Interrupts > Interrupt Acceptance for Fixed
 * Interrupts), and sets of the hypervisor's own. Pure; any CPU, any context. */
#ifndef SEXTANT_APIC_VECTORS_H
#define SEXTANT_APIC_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#define VECTOR_WORDS    8

struct vector_set {
    uint32_t word[VECTOR_WORDS];
};

void vector_set_add(struct vector_set *set, uint8_t vector);
void vector_set_remove(struct vector_set *set, uint8_t vector);
bool vector_set_has(const struct vector_set *set, uint8_t vector);

/* The highest or the lowest vector of a set; -1 when it is empty. */
int vector_set_highest(const struct vector_set *set);
int vector_set_lowest(const struct vector_set *set);

/* The same of the register whose first word is at `offset` (APIC_ISR0, APIC_TMR0, APIC_IRR0) of a
 * page of 4 KiB. */
void vector_register_add(void *page, uint32_t offset, uint8_t vector);
void vector_register_remove(void *page, uint32_t offset, uint8_t vector);
bool vector_register_has(const void *page, uint32_t offset, uint8_t vector);
int vector_register_highest(const void *page, uint32_t offset);

/* What the processor priority register shows for the task priority and the highest vector in service
 * (SDM Vol 3: APIC > Handling Interrupts > Task and Processor Priorities). -1: there is none. */
uint32_t vector_processor_priority(uint8_t task_priority, int in_service);

/* What the arbitration priority register shows for the task priority and the highest vectors in
 * service and requested (SDM Vol 3: APIC > Issuing Interprocessor Interrupts > Determining IPI
 * Destination, Lowest Priority Delivery Mode). -1: there is none. */
uint32_t vector_arbitration_priority(uint8_t task_priority, int in_service, int requested);

#endif
