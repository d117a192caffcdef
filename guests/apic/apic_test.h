/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the apic guest share: each function prints as many result lines as its constant says. */
#ifndef GUEST_APIC_TEST_H
#define GUEST_APIC_TEST_H

#define REGISTER_LINES 36
void check_registers(void);

#define FORM_LINES 46
void check_forms(void);

#define WIDTH_LINES 26
void check_widths(void);

#define PRIORITY_LINES 12
void check_priorities(void);

#define TIMER_LINES 16
void check_timer(void);

#endif
