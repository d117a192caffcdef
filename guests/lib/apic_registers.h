/* SPDX-License-Identifier: BSD-2-Clause */
/* The writable registers of the local APIC that keep what is written, as a table. */
#ifndef GUEST_APIC_REGISTERS_H
#define GUEST_APIC_REGISTERS_H

#include <stdint.h>

/* Values have no reserved bits. */
struct apic_writable {
    unsigned offset;
    uint32_t resting;  /* what the register holds between tests */
    uint32_t other[2]; /* values to try */
    const char *name;
};

#define APIC_WRITABLE_COUNT 13

extern const struct apic_writable apic_writable[APIC_WRITABLE_COUNT];

/* Writes the resting value into each of the calling CPU's registers. */
void apic_rest(void);

/*
 * Number of the calling CPU's registers that do not hold their resting value; `except` is skipped.
 */
unsigned apic_changed(unsigned except);

#endif
