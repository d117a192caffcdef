/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 256 interrupt entry points of the IDT.
 * Contract: 64-bit mode, any privilege level; builds a struct frame (interrupts.h) and calls
 * interrupts_dispatch(frame) on the stack that the CPU chose. The frame makes 22 quadwords on a
 * stack that the CPU has aligned to 16 bytes, so the call has the alignment of the System V ABI.
 * Entry point n is at vector_entries + 16 * n. Ten vectors push an error code by themselves.
 * Source: SDM Vol 3: Interrupt and Exception Handling in 64-bit Mode.
 */
    .section .text
    .code64

    .globl vector_entries
    .balign 16
vector_entries:
    .set vector, 0
    .rept 256
    .balign 16
    .set has_error_code, (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
    .set has_error_code, has_error_code || (vector == 21) || (vector == 29) || (vector == 30)
    .if !has_error_code
    pushq $0
    .endif
    pushq $vector
    jmp common_entry
    .set vector, vector + 1
    .endr

    .balign 16
common_entry:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    cld
    call interrupts_dispatch
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq
