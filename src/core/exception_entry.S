/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry points of the host's exceptions and interrupts: one stub of 16 bytes a vector, from
 * exception_stubs on, each pushing an error code where the processor does not, and the vector.
 * All share exception_dispatch(struct exception_frame *). The stack is the interrupted one (same
 * privilege level, no IST): the hypervisor takes NMIs only where its stack is in order. */
#include "core/exceptions.h"

        .section .text
        .global exception_stubs
        .balign 16
exception_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        /* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX push an error code. */
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
        pushq   $0
        .endif
        pushq   $vector
        jmp     exception_common
        .set    vector, vector + 1
        .endr

/* The interrupts that the host asked for: 256 and the vector. */
        .global interrupt_stubs
        .balign 16
interrupt_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        pushq   $0
        pushq   $256 + vector
        jmp     exception_common
        .set    vector, vector + 1
        .endr

exception_common:
        cld
        pushq   %rax
        pushq   %rbx
        pushq   %rcx
        pushq   %rdx
        pushq   %rsi
        pushq   %rdi
        pushq   %rbp
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, %rdi
        call    exception_dispatch
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rbp
        popq    %rdi
        popq    %rsi
        popq    %rdx
        popq    %rcx
        popq    %rbx
        popq    %rax
        addq    $16, %rsp
        iretq

/* bool msr_read_safe(uint32_t index, uint64_t *value); bool msr_write_safe(uint32_t index, uint64_t value)
 * A #GP at a guarded instruction goes on at its landing place (the fix-up table). */
        .global msr_read_safe
msr_read_safe:
        movl    %edi, %ecx
1:      rdmsr
        shlq    $32, %rdx
        orq     %rdx, %rax
        movq    %rax, (%rsi)
        movl    $1, %eax
        ret
2:      xorl    %eax, %eax
        ret

        .global msr_write_safe
msr_write_safe:
        movl    %edi, %ecx
        movl    %esi, %eax
        movq    %rsi, %rdx
        shrq    $32, %rdx
3:      wrmsr
        movl    $1, %eax
        ret

        .section .fixup_table, "a"
        .quad   1b, 2b
        .quad   3b, 2b

/* void idle_wait(const _Atomic uint32_t *wakeup)
 * Halts until an NMI has set *wakeup. An NMI that comes between the test and HLT would be slept
 * over: exception_dispatch() moves the return address of an NMI in this window to its end. */
        .section .text
        .global idle_wait
idle_wait:
1:      cmpl    $0, (%rdi)
        jne     2f
        hlt
2:      ret
        NMI_WINDOW 1b, 2b, 2b

/* void exceptions_load_segments(void): CS and the data segments from the host's GDT. */
        .global exceptions_load_segments
exceptions_load_segments:
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        popq    %rax
        pushq   $0x08
        pushq   %rax
        lretq

/* void call_on_stack(void (*function)(void), void *stack_top): does not return. */
        .global call_on_stack
call_on_stack:
        movq    %rsi, %rsp
        xorl    %ebp, %ebp
        call    *%rdi
        ud2
