/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the movs guest share. */
#ifndef GUEST_MOVS_TEST_H
#define GUEST_MOVS_TEST_H

#define ICR_ADDRESS (APIC_BASE_ADDRESS + APIC_ICR_LOW)

/* forms.c: every instruction form that writes a word to ICR. */
#define FORM_LINES 19
void check_forms(void);

/* attacks.c: messages, and memory that changes meanwhile. */
#define ATTACK_LINES 4
void check_attacks(void);

#endif
