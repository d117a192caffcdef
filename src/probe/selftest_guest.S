/* SPDX-License-Identifier: BSD-2-Clause */
/* The micro-guest of the self-tests: real mode, one page at address 0 with its interrupt vectors
 * (NMI and #DE) and stack; DS is based at the local APIC's page. Each entry ends in VMMCALL or
 * VMCALL (selftest_hypercall); the handlers count in BP, DI and SI. */
        .section .rodata
        .global selftest_guest_start, selftest_guest_end
        .global selftest_nop, selftest_nop_end, selftest_rep, selftest_fault, selftest_fault_landing
        .global selftest_apic, selftest_nmi, selftest_handler_nmi, selftest_handler_divide
        .global selftest_hypercall, selftest_spin, selftest_x2apic, selftest_x2apic_virtual
        .global selftest_apicv, selftest_interrupt, selftest_halt, selftest_handler_interrupt
        .global selftest_pending, selftest_pending_end, selftest_tpr
        .global selftest_tpr_end, selftest_immediate, selftest_immediate_end
        .code16
        .balign 16
selftest_guest_start:
/* An instruction to step. */
selftest_nop:
        nop
selftest_nop_end:
        jmp     selftest_hypercall
/* REP: one iteration a step. CX = 3, ES:DI in the micro-guest's page. */
selftest_rep:
        rep stosb
        jmp     selftest_hypercall
/* An instruction that faults while it is stepped: CX = 0. */
selftest_fault:
        div     %cx
selftest_fault_landing:
        jmp     selftest_hypercall
/* An instruction to step while an interrupt is pending, which comes behind it. (STI: Bochs delivers
 * one to a guest that was entered with IF clear only after an instruction that changes IF.) */
selftest_pending:
        nop
selftest_pending_end:
        sti
        nop
        nop
        jmp     selftest_hypercall
/* A write to the APIC page: TPR; and back. */
selftest_apic:
        movl    %eax, 0x80
        movl    0x80, %ebx
        movl    %edx, 0x80
        jmp     selftest_hypercall
/* One write to it, to be measured. */
selftest_tpr:
        movl    %eax, 0x80
selftest_tpr_end:
        jmp     selftest_hypercall
/* Another one, longer. */
selftest_immediate:
        movl    $0x5a5aa5a5, 0x80
selftest_immediate_end:
        jmp     selftest_hypercall
/* Writes to TPR, EOI and ICR. */
selftest_apicv:
        movl    %eax, 0x80
        movl    0x80, %ebx
        movl    %edx, 0x80
        movl    $0, 0xb0
        movl    %ecx, 0x300
        jmp     selftest_hypercall
/* A message to the CPU itself, and the interrupt that it makes. */
selftest_interrupt:
        sti
        movl    %edx, 0x310
        movl    %ecx, 0x300
        nop
        nop
        cli
        jmp     selftest_hypercall

/* A message to the CPU itself, which wakes it. */
selftest_halt:
        movl    %ecx, 0x300
        sti
        hlt
        cli
        jmp     selftest_hypercall

/* A write of ICR in x2APIC mode: EDX:EAX. */
selftest_x2apic:
        movl    $0x830, %ecx
        wrmsr
        jmp     selftest_hypercall
/* Writes to TPR, EOI and SELF IPI in x2APIC mode: TPR becomes AL, and is read to EBX; DIL is requested. */
selftest_x2apic_virtual:
        movl    $0x808, %ecx
        wrmsr
        xorl    %eax, %eax
        rdmsr
        movl    %eax, %ebx
        movl    $0x80b, %ecx
        xorl    %eax, %eax
        wrmsr
        movl    $0x83f, %ecx
        movl    %edi, %eax
        wrmsr
        jmp     selftest_hypercall

/* An NMI is delivered here; its handler returns. */
selftest_nmi:
        nop
        nop
        nop
        jmp     selftest_hypercall

/* Does nothing for a while. */
selftest_spin:
        movl    $0x100000, %ecx
1:      pause
        decl    %ecx
        jnz     1b
        jmp     selftest_hypercall

selftest_handler_nmi:
        incw    %bp
        iretw
selftest_handler_interrupt:
        incw    %si
        movl    $0, 0xb0
        iretw
selftest_handler_divide:
        incw    %di
        movw    $1, %cx
        iretw

selftest_hypercall:
        vmmcall
        jmp     selftest_hypercall
selftest_guest_end:
