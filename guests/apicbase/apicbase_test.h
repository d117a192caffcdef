/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the guest apicbase, with their numbers of lines. */
#ifndef GUEST_APICBASE_TEST_H
#define GUEST_APICBASE_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "interrupts.h"

#define RELOCATION_LINES 11
#define SWITCH_LINES     16

/* WRMSR of IA32_APIC_BASE; the record says whether it raised an exception. */
struct fault try_write(uint64_t value);

/* CPUID.1:ECX[21]. */
bool has_x2apic(void);

/* The boot CPU's page elsewhere, and back. */
void check_relocation(void);

/* Off and on, in xAPIC mode. The last part: emulators exist whose APIC does not come back. */
void check_switch(void);

#endif
