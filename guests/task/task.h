/* SPDX-License-Identifier: BSD-2-Clause */
/* What main.c and switch.S agree on: selectors of the 32-bit descriptor table, and the layout of
 * what a task records about itself. */
#ifndef GUEST_TASK_H
#define GUEST_TASK_H

#define TASK_CODE        0x08
#define TASK_DATA        0x10
#define TASK_A           0x18 /* the main task */
#define TASK_B           0x20
#define TASK_16          0x28 /* a 16-bit TSS */
#define TASK_GATE        0x30 /* to B */
#define TASK_ABSENT      0x38 /* a TSS that is not present */
#define TASK_SHORT       0x40 /* one whose limit is too small */
#define TASK_USER_CODE   0x48
#define TASK_USER_DATA   0x50
#define TASK_LDT         0x58
#define TASK_DATA_ABSENT 0x60
#define TASK_CODE_16     0x68 /* 32-bit code whose base is the 16-bit task's entry */
#define TASK_CODE_SHORT  0x70 /* code with a small limit */
#define TASK_READ_ONLY   0x78
#define TASK_HANDLERS    0x80 /* one TSS a vector */
#define TASK_VECTORS     34   /* exceptions, and two for INT n */
#define TASK_BEYOND      (TASK_HANDLERS + 8 * TASK_VECTORS)

#define VECTOR_OF_INT  0x20
#define VECTOR_OF_USER 0x21

/* Where the probed page is mapped, differently for A and B. */
#define PROBE_ADDRESS 0x40000000

/* struct record, by offset. */
#define RECORD_EAX    0
#define RECORD_ECX    4
#define RECORD_EDX    8
#define RECORD_EBX    12
#define RECORD_ESP    16
#define RECORD_EBP    20
#define RECORD_ESI    24
#define RECORD_EDI    28
#define RECORD_EFLAGS 32
#define RECORD_CS     36
#define RECORD_SS     40
#define RECORD_DS     44
#define RECORD_ES     48
#define RECORD_FS     52
#define RECORD_GS     56
#define RECORD_TR     60
#define RECORD_LDTR   64
#define RECORD_CR0    68
#define RECORD_CR3    72
#define RECORD_PROBE  76
#define RECORD_TYPE_A 80
#define RECORD_TYPE_B 84
#define RECORD_DR7    88
#define RECORD_DR6    92

#endif
