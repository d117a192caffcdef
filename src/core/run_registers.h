/* SPDX-License-Identifier: BSD-2-Clause */
/* For the run.S of both backends: the guest's general registers on this CPU's stack, as struct
 * general_registers has them. RAX and RSP are the backend's. Assembly only. */
#ifndef SEXTANT_CORE_RUN_REGISTERS_H
#define SEXTANT_CORE_RUN_REGISTERS_H

        .macro LOAD_REGISTERS
        movq    1 * 8(%rsp), %rcx
        movq    2 * 8(%rsp), %rdx
        movq    3 * 8(%rsp), %rbx
        movq    5 * 8(%rsp), %rbp
        movq    6 * 8(%rsp), %rsi
        movq    7 * 8(%rsp), %rdi
        movq    8 * 8(%rsp), %r8
        movq    9 * 8(%rsp), %r9
        movq    10 * 8(%rsp), %r10
        movq    11 * 8(%rsp), %r11
        movq    12 * 8(%rsp), %r12
        movq    13 * 8(%rsp), %r13
        movq    14 * 8(%rsp), %r14
        movq    15 * 8(%rsp), %r15
        .endm

        .macro SAVE_REGISTERS
        movq    %rcx, 1 * 8(%rsp)
        movq    %rdx, 2 * 8(%rsp)
        movq    %rbx, 3 * 8(%rsp)
        movq    %rbp, 5 * 8(%rsp)
        movq    %rsi, 6 * 8(%rsp)
        movq    %rdi, 7 * 8(%rsp)
        movq    %r8, 8 * 8(%rsp)
        movq    %r9, 9 * 8(%rsp)
        movq    %r10, 10 * 8(%rsp)
        movq    %r11, 11 * 8(%rsp)
        movq    %r12, 12 * 8(%rsp)
        movq    %r13, 13 * 8(%rsp)
        movq    %r14, 14 * 8(%rsp)
        movq    %r15, 15 * 8(%rsp)
        .endm

#endif
