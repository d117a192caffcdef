/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start of an application CPU: from the SIPI to 64-bit mode.
 * Contract: cpus.c copies trampoline_start … trampoline_end to the start of a page below 64 KiB and
 * sends that page's number as SIPI vector. A CPU must arrive at offset 0 in real mode with CS =
 * page number << 8, IP = 0. It stores its registers in the page before it changes them
 * (trampoline.h), takes the page's lock for that, and calls cpus_application_entry(cpu, page) in
 * 64-bit mode on its own stack; that function lets go of the lock.
 * Source: SDM Vol 3: Processor Management and Initialization > Processor State After Reset.
 *
 * The lock is taken with XCHG and JCXZ, which change no flag; ECX waits in DR3 meanwhile, so of all
 * registers only DR3 is lost before it is stored.
 */
#include "trampoline.h"

#define STORED(index) %cs:(START_PAGE_STATE + 4 * (index))

    .section .rodata
    .code16
    .globl trampoline_start, trampoline_end
trampoline_start:
    movl %ecx, %dr3
1:  movw $1, %cx
    xchgw %cx, %cs:START_PAGE_LOCK
    jcxz 2f
    pause
    jmp 1b

2:  movl %eax, STORED(STATE_EAX)
    movl %dr3, %eax
    movl %eax, STORED(STATE_ECX)
    movl %ebx, STORED(STATE_EBX)
    movl %edx, STORED(STATE_EDX)
    movl %esi, STORED(STATE_ESI)
    movl %edi, STORED(STATE_EDI)
    movl %ebp, STORED(STATE_EBP)
    movl %esp, STORED(STATE_ESP)
    movw %ss, STORED(STATE_SS)

    /* Where the segments point: read the page's magic number as if their base were 0. */
    movl $0, %ebx
    movw %cs, %bx
    movw %bx, STORED(STATE_CS)
    .rept 4                                    /* EBX = EBX * 16 without a change of flags */
    leal (%ebx, %ebx), %ebx
    .endr
    movl %ds:START_PAGE_MAGIC(%bx), %eax
    movl %eax, STORED(STATE_DS_MAGIC)
    movl %es:START_PAGE_MAGIC(%bx), %eax
    movl %eax, STORED(STATE_ES_MAGIC)
    movl %ss:START_PAGE_MAGIC(%bx), %eax
    movl %eax, STORED(STATE_SS_MAGIC)
    movl %fs:START_PAGE_MAGIC(%bx), %eax
    movl %eax, STORED(STATE_FS_MAGIC)
    movl %gs:START_PAGE_MAGIC(%bx), %eax
    movl %eax, STORED(STATE_GS_MAGIC)

    /* A stack, for the flags and the instruction pointer. */
    movw %cs, %ax
    movw %ax, %ss
    movw $START_PAGE_STACK_TOP, %sp
    pushfl
    popl %eax
    movl %eax, STORED(STATE_EFLAGS)
    call 3f
3:  popw %ax
    subw $(3b - trampoline_start), %ax
    movw %ax, STORED(STATE_IP)

    movw %ds, STORED(STATE_DS)
    movw %es, STORED(STATE_ES)
    movw %fs, STORED(STATE_FS)
    movw %gs, STORED(STATE_GS)
    data32 sgdt STORED(STATE_GDTR)
    data32 sidt STORED(STATE_IDTR)
    movl %cr0, %eax
    movl %eax, STORED(STATE_CR0)
    movl %cr2, %eax
    movl %eax, STORED(STATE_CR2)
    movl %cr3, %eax
    movl %eax, STORED(STATE_CR3)
    movl %cr4, %eax
    movl %eax, STORED(STATE_CR4)
    movl %dr0, %eax
    movl %eax, STORED(STATE_DR0)
    movl %dr1, %eax
    movl %eax, STORED(STATE_DR1)
    movl %dr2, %eax
    movl %eax, STORED(STATE_DR2)
    movl %dr6, %eax
    movl %eax, STORED(STATE_DR6)
    movl %dr7, %eax
    movl %eax, STORED(STATE_DR7)
    movl $EFER_NUMBER, %ecx
    rdmsr
    movl %eax, STORED(STATE_EFER)
    movl %edx, STORED(STATE_EFER_HIGH)
    movl $APIC_BASE_NUMBER, %ecx
    rdmsr
    movl %eax, STORED(STATE_APIC_BASE)

    cmpl $0, %cs:START_PAGE_STAY_REAL
    je 5f
4:  incl %cs:START_PAGE_COUNT
    jmp 4b

5:  data32 lgdt %cs:(trampoline_gdt_register - trampoline_start)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $SELECTOR_OF_CODE32, $trampoline_protected

    .balign 4
trampoline_gdt_register:
    .word GDT_FIRST_ENTRIES_LIMIT
    .long gdt
    /* Fails to assemble when the code reaches into the fields. */
    .org trampoline_start + START_PAGE_CODE_SIZE
trampoline_end:

    .section .text
    .code32
/* EBX = address of the start page. */
trampoline_protected:
    movl $SELECTOR_OF_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    sldt %eax
    movl %eax, START_PAGE_STATE + 4 * STATE_LDTR(%ebx)
    str %eax
    movl %eax, START_PAGE_STATE + 4 * STATE_TR(%ebx)
    movl $long_mode_application, %esi
    jmp enable_long_mode

    .code64
long_mode_application:
    /* The structure and the stack are found by CPUID's APIC ID: the APIC is not touched yet. */
    movl %ebx, %r12d
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    movq cpus_by_apic_id(, %rbx, 8), %rdi
    movq (%rdi), %rsp
    movq %r12, %rsi
    xorl %ebp, %ebp
    call cpus_application_entry
