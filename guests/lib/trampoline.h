/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What trampoline.S, start.S and cpus.c agree on: the layout of a start page below 64 KiB, in which
 * a CPU begins after its SIPI, and the numbers of the registers that it stores there before it
 * changes them.
 */
#ifndef GUEST_TRAMPOLINE_H
#define GUEST_TRAMPOLINE_H

/* Start page. */
#define START_PAGE_CODE_SIZE   0x400
#define START_PAGE_LOCK        0x400 /* one CPU at a time uses the fields below */
#define START_PAGE_STAY_REAL   0x404 /* not 0: the CPU counts in real mode and goes no further */
#define START_PAGE_COUNT       0x408 /* counted by a CPU that stays in real mode */
#define START_PAGE_MAGIC       0x40c
#define START_PAGE_STATE       0x410 /* STATE_COUNT words of 32 bits */
#define START_PAGE_STACK_TOP   0xff0
#define START_PAGE_MAGIC_VALUE 0x53657874

/* Index of each stored register. */
#define STATE_EAX       0
#define STATE_EBX       1
#define STATE_ECX       2
#define STATE_EDX       3
#define STATE_ESI       4
#define STATE_EDI       5
#define STATE_EBP       6
#define STATE_ESP       7
#define STATE_EFLAGS    8
#define STATE_IP        9
#define STATE_CS        10
#define STATE_DS        11
#define STATE_ES        12
#define STATE_SS        13
#define STATE_FS        14
#define STATE_GS        15
#define STATE_DS_MAGIC  16 /* the magic number, read through DS … GS as if their base were 0 */
#define STATE_ES_MAGIC  17
#define STATE_SS_MAGIC  18
#define STATE_FS_MAGIC  19
#define STATE_GS_MAGIC  20
#define STATE_CR0       21
#define STATE_CR2       22
#define STATE_CR3       23
#define STATE_CR4       24
#define STATE_DR0       25
#define STATE_DR1       26
#define STATE_DR2       27
#define STATE_DR6       28
#define STATE_DR7       29
#define STATE_GDTR      30 /* limit in the lower half, then the base */
#define STATE_GDTR_BASE 31
#define STATE_IDTR      32
#define STATE_IDTR_BASE 33
#define STATE_EFER      34
#define STATE_EFER_HIGH 35
#define STATE_APIC_BASE 36
#define STATE_LDTR      37
#define STATE_TR        38
#define STATE_COUNT     39

/* For enable_long_mode; the same values as in x86.h and interrupts.c. */
#define SELECTOR_OF_CODE64      0x08
#define SELECTOR_OF_DATA        0x10
#define SELECTOR_OF_CODE32      0x18
#define GDT_FIRST_ENTRIES_LIMIT 0x2f
#define CR4_LONG_MODE           0x00000020 /* PAE */
#define CR0_LONG_MODE           0x80010031 /* PG, WP, NE, ET, PE */
#define EFER_NUMBER             0xc0000080
#define EFER_LONG_MODE          0x00000100 /* LME */
#define APIC_BASE_NUMBER        0x0000001b

#endif
