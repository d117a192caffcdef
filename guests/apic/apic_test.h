/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the apic guest share: each function prints as many lines as its constant. */
#ifndef GUEST_APIC_TEST_H
#define GUEST_APIC_TEST_H

/* registers.c: identity, read-back, read-only registers, error status, on every CPU. */
#define REGISTER_LINES 31
void check_registers(void);

/* forms.c: every kind of instruction on a register. */
#define FORM_LINES 46
void check_forms(void);

/* priorities.c: task and processor priority, order of delivery. */
#define PRIORITY_LINES 12
void check_priorities(void);

/* timer.c: one-shot, periodic, masked. */
#define TIMER_LINES 16
void check_timer(void);

#endif
