/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this guest share. */
#ifndef DECODE_TEST_H
#define DECODE_TEST_H

#include <stdint.h>

#define MSR_FS_BASE   0xc0000100u

#define FORM_LINES    44
#define PLACE_LINES   6
#define RACE_LINES    3

/* Slots of the paging window. */
#define CODE_SLOT     10 /* two */
#define TARGET_SLOT   12
#define USER_SLOT     13
#define CHANGING_SLOT 14

/* Two pages of code that a test writes, and where they are mapped: within 2 GiB of the slots. */
extern uint8_t code_pages[8192];
uint8_t *code_address(void);

/* Registers of a call: in and out. */
struct call {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, flags;
};

/* Calls code with these registers; R12 and R13 get RBX. The code may change those of struct call. */
void call_with(struct call *call, const void *code);

/* ICR gets a command that does nothing, INIT level de-assert. */
void send_nothing(void);

void check_forms(void);
void check_places(void);
void check_race(void);

#endif
