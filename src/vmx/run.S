/* SPDX-License-Identifier: BSD-2-Clause */
/* void vmx_run(struct general_registers *area, const _Atomic uint32_t *entry_work)
 *
 * The VM-entry loop (SDM Vol 3: VM Entries; VM Exits). RIP, RSP and RFLAGS of the guest live in
 * the VMCS, CR2 and the SYSCALL MSRs stay the guest's while the host runs: it uses none of them.
 * VM exits load the RSP that is written here, from which everything else is found.
 *
 * *entry_work (core/entry.h) is 0 when the guest can be entered as it is, else vmx_attend() looks. An NMI of
 * the host that comes after the last test of it, but before the entry, would be slept over: its handler posts to
 * *entry_work, and goes on at `attend` when it came within one of the two windows (core/exceptions.h), which is
 * right with any register contents: the guest's are still on the stack.
 *
 * Stack: general_registers (16 words), entry_work, area, the callee-saved registers. */
#include "boot/layout.h"
#include "core/entry.h"
#include "core/exceptions.h"
#include "core/run_registers.h"

#define ENTRY_WORK  128
#define AREA        136

#define VMCS_HOST_RSP 0x6c14

/* enum vmx_entry: resume is 0 */
#define VMX_LEAVE   2

        .section .text
        .global vmx_run, vmx_exit_point
vmx_run:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi
        pushq   %rsi
        subq    $128, %rsp
        /* The caller's initial register values. */
        movq    %rdi, %rsi
        movq    %rsp, %rdi
        movl    $16, %ecx
        rep movsq
        movl    $VMCS_HOST_RSP, %eax
        vmwrite %rsp, %rax
        jmp     attend

/* The host's RIP in every VMCS. */
vmx_exit_point:
        movq    %rax, 0 * 8(%rsp)
        SAVE_REGISTERS
        movq    %rsp, %rdi
        call    vmx_exit
        movq    ENTRY_WORK(%rsp), %rax
1:      cmpl    $0, (%rax)
        je      enter                   /* with ZF set: the VMCS has been launched */
attend:
        movq    %rsp, %rdi
        call    vmx_attend
        cmpl    $VMX_LEAVE, %eax
        je      leave_guest
        movq    ENTRY_WORK(%rsp), %rcx
2:      testl   $ENTRY_POSTED, (%rcx)
        jnz     attend
        testl   %eax, %eax              /* MOV leaves the flags alone */
enter:
        movq    0 * 8(%rsp), %rax
        LOAD_REGISTERS
        jne     launch
        vmresume
        jmp     refused
launch:
        vmlaunch
refused:
        movq    %rsp, %rdi
        call    vmx_entry_refused
        ud2

        NMI_WINDOW 1b, attend, attend
        NMI_WINDOW 2b, refused, attend

        /* The caller gets the guest's registers back. */
leave_guest:
        movq    AREA(%rsp), %rdi
        movq    %rsp, %rsi
        movl    $16, %ecx
        rep movsq
        addq    $144, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret

/* void vmx_unblock_nmis(void): an IRET to where it is, the only thing that ends the blocking of
 * NMIs. */
        .global vmx_unblock_nmis
vmx_unblock_nmis:
        movq    %rsp, %rax
        pushq   $HOST_DS
        pushq   %rax
        pushfq
        pushq   $HOST_CS64
        pushq   $3f
        iretq
3:      ret

/* bool xsetbv_safe(uint32_t index, uint64_t value): false when the processor raises #GP. */
        .global xsetbv_safe
xsetbv_safe:
        movl    %edi, %ecx
        movl    %esi, %eax
        movq    %rsi, %rdx
        shrq    $32, %rdx
1:      xsetbv
        movl    $1, %eax
        ret
2:      xorl    %eax, %eax
        ret

        .section .fixup_table, "a"
        .quad   1b, 2b
