/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controllers that came before the APIC (8259), and their timer (8254). */
#ifndef GUEST_PIC_H
#define GUEST_PIC_H

#include <stdbool.h>

/*
 * Whether interrupts of the PIC arrive at the boot CPU, which calls this with IF clear: the timer is
 * programmed, waited for, and masked again.
 */
bool pic_reaches_cpu(void);

#endif
