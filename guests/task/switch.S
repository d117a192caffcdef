/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enter_tasks(scenario): from 64-bit mode to 32-bit protected mode with the descriptor tables and
 * the paging of main.c, calls `scenario` there as task A, and returns in 64-bit mode. The caller has
 * to load its own TSS and GS base again. And the 32-bit code of all tasks: they record what they
 * find (task.h) and go back.
 */
#include "task.h"
#include "trampoline.h"

#define CR0_PAGING  0x80000000
#define DR6_CLEAR   0xffff0ff0
#define EFLAGS_NT   0x4000
#define TYPE_BYTE   5           /* of a descriptor */
#define TSS_EIP     0x20
#define TSS_EFLAGS  0x24

    .macro record area
    movl %eax, \area + RECORD_EAX
    movl %ecx, \area + RECORD_ECX
    movl %edx, \area + RECORD_EDX
    movl %ebx, \area + RECORD_EBX
    movl %esp, \area + RECORD_ESP
    movl %ebp, \area + RECORD_EBP
    movl %esi, \area + RECORD_ESI
    movl %edi, \area + RECORD_EDI
    pushfl
    popl \area + RECORD_EFLAGS
    movl %cs, %eax
    movl %eax, \area + RECORD_CS
    movl %ss, %eax
    movl %eax, \area + RECORD_SS
    movl %ds, %eax
    movl %eax, \area + RECORD_DS
    movl %es, %eax
    movl %eax, \area + RECORD_ES
    movl %fs, %eax
    movl %eax, \area + RECORD_FS
    movl %gs, %eax
    movl %eax, \area + RECORD_GS
    xorl %eax, %eax
    str %ax
    movl %eax, \area + RECORD_TR
    sldt %ax
    movl %eax, \area + RECORD_LDTR
    movl %cr0, %eax
    movl %eax, \area + RECORD_CR0
    movl %cr3, %eax
    movl %eax, \area + RECORD_CR3
    movl probe_address, %eax
    movl (%eax), %eax
    movl %eax, \area + RECORD_PROBE
    movzbl task_gdt + TASK_A + TYPE_BYTE, %eax
    movl %eax, \area + RECORD_TYPE_A
    movzbl task_gdt + TASK_B + TYPE_BYTE, %eax
    movl %eax, \area + RECORD_TYPE_B
    movl %db7, %eax
    movl %eax, \area + RECORD_DR7
    movl %db6, %eax
    movl %eax, \area + RECORD_DR6
    .endm

    .section .text
    .code64
    .globl enter_tasks
enter_tasks:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushfq
    cli
    sgdt saved_gdt
    sidt saved_idt
    movq %cr0, %rax
    movl %eax, saved_cr0
    movq %cr3, %rax
    movl %eax, saved_cr3
    movq %cr4, %rax
    movl %eax, saved_cr4
    movl %edi, scenario
    movq %rsp, saved_rsp
    ljmpl *to_compatibility_mode

    .code32
compatibility_mode:
    movl %cr0, %eax
    andl $~CR0_PAGING, %eax
    movl %eax, %cr0
    movl $EFER_NUMBER, %ecx
    rdmsr
    andl $~EFER_LONG_MODE, %eax
    wrmsr
    movl task_cr4, %eax
    movl %eax, %cr4
    movl task_cr3, %eax
    movl %eax, %cr3
    movl saved_cr0, %eax
    cmpl $0, task_paging
    jne 1f
    andl $~CR0_PAGING, %eax
1:  movl %eax, %cr0
    lgdt task_gdt_register
    lidt task_idt_register
    ljmpl $TASK_CODE, $1f
1:  movl $TASK_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl $task_stack_top, %esp
    xorl %eax, %eax
    lldt %ax
    movl $TASK_A, %eax
    ltr %ax
    xorl %eax, %eax
    movl %eax, %db7
    movl $DR6_CLEAR, %eax
    movl %eax, %db6
    movl scenario, %eax
    call *%eax

    movl %cr0, %eax
    andl $~CR0_PAGING, %eax
    movl %eax, %cr0
    movl saved_cr4, %eax
    movl %eax, %cr4
    movl saved_cr3, %eax
    movl %eax, %cr3
    movl $EFER_NUMBER, %ecx
    rdmsr
    orl $EFER_LONG_MODE, %eax
    wrmsr
    lgdt saved_gdt
    movl saved_cr0, %eax
    movl %eax, %cr0
    ljmpl $SELECTOR_OF_CODE64, $1f

    .code64
1:  movl $SELECTOR_OF_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    lidt saved_idt
    movq saved_rsp, %rsp
    popfq
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

/* ---- task A ---- */

    .code32
    .macro begin_scenario name
    .globl \name
\name:
    pushal
    movl $0xa0000001, %eax
    movl $0xa0000002, %ecx
    movl $0xa0000003, %edx
    movl $0xa0000004, %ebx
    movl $0xa0000005, %ebp
    movl $0xa0000006, %esi
    movl $0xa0000007, %edi
    .endm
    .macro end_scenario
    record record_a
    popal
    ret
    .endm

    begin_scenario scenario_jmp
    ljmpl $TASK_B, $0
    end_scenario

    begin_scenario scenario_call
    lcall $TASK_B, $0
    end_scenario

    begin_scenario scenario_gate
    lcall $TASK_GATE, $0
    end_scenario

    begin_scenario scenario_int
    int $VECTOR_OF_INT
    end_scenario

    begin_scenario scenario_16
    ljmpl $TASK_16, $0
    end_scenario

    begin_scenario scenario_breakpoints
    movl $0x3ff, %eax               /* all eight enables, LE and GE */
    movl %eax, %db7
    movl $0xa0000001, %eax
    ljmpl $TASK_B, $0
    end_scenario

/* These fault in A: the handler goes on at `resume`. */
    begin_scenario scenario_undefined
    movl $1f, resume
    .globl fault_undefined
fault_undefined:
    ud2
1:  end_scenario

    begin_scenario scenario_protection
    movl $1f, resume
    .globl fault_protection
fault_protection:
    movl %ecx, %fs                  /* 0xa0000002: a null selector with RPL 2 is legal */
    movl $TASK_BEYOND, %edx
    .globl fault_protection_here
fault_protection_here:
    movl %edx, %gs
1:  end_scenario

    begin_scenario scenario_busy
    movl $1f, resume
    ljmpl $TASK_A, $0
1:  end_scenario

    begin_scenario scenario_absent
    movl $1f, resume
    ljmpl $TASK_ABSENT, $0
1:  end_scenario

    begin_scenario scenario_short
    movl $1f, resume
    lcall $TASK_SHORT, $0
1:  end_scenario

/* IRET with NT to a task that is not busy. */
    begin_scenario scenario_iret
    movl $1f, resume
    pushfl
    orl $EFLAGS_NT, (%esp)
    popfl
    iretl
1:  end_scenario

/* ---- task B ---- */

    .globl task_b_jmp, task_b_iret, task_b_user
task_b_jmp:
    record record_b
    ljmpl $TASK_A, $0

task_b_iret:
    record record_b
    iretl

/* At privilege level 3, where some registers cannot be read. */
task_b_user:
    movl %cs, %eax
    movl %eax, record_b + RECORD_CS
    movl %ss, %eax
    movl %eax, record_b + RECORD_SS
    int $VECTOR_OF_USER
    jmp .

    .globl task_b_16
task_b_16:
    record record_b
    ljmpl $TASK_A, $0

/* ---- the handlers, each with its vector in EBX and a bit mask of those with error code in ECX ---- */

    .globl task_handler
task_handler:
    btl %ebx, %ecx
    jnc 1f
    cmpl $32, %ebx
    jae 1f
    popl handler_error
1:  record record_handler
    cmpl $0, resume
    je 2f
    movl resume, %eax
    movl %eax, task_tss_a + TSS_EIP
    movl $0, resume
    andl $~EFLAGS_NT, task_tss_a + TSS_EFLAGS
2:  andb $~2, task_gdt + TASK_A + TYPE_BYTE
    ljmpl $TASK_A, $0

    .section .rodata
to_compatibility_mode:
    .long compatibility_mode
    .word SELECTOR_OF_CODE32

    .section .bss
    .balign 8
saved_rsp:  .skip 8
saved_gdt:  .skip 16
saved_idt:  .skip 16
saved_cr0:  .skip 4
saved_cr3:  .skip 4
saved_cr4:  .skip 4
scenario:   .skip 4
    .globl resume, handler_error
resume:     .skip 4
handler_error: .skip 4
