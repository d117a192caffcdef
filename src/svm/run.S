/* SPDX-License-Identifier: BSD-2-Clause */
/* void svm_run(struct general_registers *area, const _Atomic uint32_t *entry_work, struct vmcb *vmcb,
 * uint64_t vmcb_physical)
 *
 * The VMRUN loop (APM Vol 2: Secure Virtual Machine > VMRUN). RAX and RSP of the guest live in the
 * VMCB; svm_exit() fetches RAX. FS, GS, TR, LDTR and the SYSCALL MSRs stay the guest's while the host
 * runs: it uses none of them. #VMEXIT restores the host's RSP, from which everything else is found,
 * and its RFLAGS, so the direction flag is clear.
 *
 * *entry_work (core/entry.h) is 0 when the guest can be entered as it is, else svm_attend() looks. An NMI of the host
 * is held since the exit, and ends the guest before its first instruction.
 *
 * Stack: general_registers (16 words), vmcb_physical, vmcb, entry_work, area, the callee-saved registers. */
#include "core/run_registers.h"
#include "x86/vmcb.h"

#define PHYSICAL    128
#define VMCB        136
#define ENTRY_WORK  144
#define AREA        152

        .section .text
        .global svm_run
svm_run:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %rcx
        subq    $128, %rsp
        /* The caller's initial register values. */
        movq    %rdi, %rsi
        movq    %rsp, %rdi
        movl    $16, %ecx
        rep movsq

attend:
        movq    %rsp, %rdi
        call    svm_attend
        testb   %al, %al
        jz      leave_guest
enter:
        movq    VMCB(%rsp), %rcx
        movq    0 * 8(%rsp), %rax
        movq    %rax, VMCB_RAX(%rcx)
        LOAD_REGISTERS
        movq    PHYSICAL(%rsp), %rax
        vmrun   %rax
        SAVE_REGISTERS
        movq    %rsp, %rdi
        call    svm_exit
        movq    ENTRY_WORK(%rsp), %rax
        cmpl    $0, (%rax)
        je      enter
        jmp     attend

        /* The caller gets the guest's registers back. */
leave_guest:
        movq    AREA(%rsp), %rdi
        movq    %rsp, %rsi
        movl    $16, %ecx
        rep movsq
        addq    $160, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
