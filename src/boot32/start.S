/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the 32-bit program, which entry.S jumps to on a processor without 64-bit mode: protected
 * mode, paging and interrupts off, flat segments, EAX = magic of the Multiboot protocol, EBX =
 * physical address of its information structure, ECX and EDX = address and size of the image's
 * build-id note. Also the exceptions' entry points (SDM Vol 3:
 * Interrupt and Exception Handling > IDT Descriptors) and what C cannot say. */
#define CODE                0x08
#define DATA                0x10
#define EFLAGS_ID           (1 << 21)

#define VECTORS             32
#define VECTOR_NMI          2
#define VECTOR_GP           13
#define STUB_SIZE           16
#define GATE_PRESENT_386    0x8e00          /* a 32-bit interrupt gate */

#define STACK_SIZE          0x8000

        .section .text.start, "ax"
        .code32
        .global start32
start32:
        movl    $stack_top, %esp
        movl    %eax, %esi
        movl    %ecx, build_id_note
        movl    %edx, build_id_note_size
        lgdt    gdt_pointer
        ljmp    $CODE, $1f
1:      movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss

        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        cld
        rep stosb

        movl    $stubs, %eax
        xorl    %ecx, %ecx
2:      movl    %eax, %edx
        andl    $0xffff, %edx
        orl     $(CODE << 16), %edx
        movl    %edx, idt(, %ecx, 8)
        movl    %eax, %edx
        andl    $0xffff0000, %edx
        orl     $GATE_PRESENT_386, %edx
        movl    %edx, idt + 4(, %ecx, 8)
        addl    $STUB_SIZE, %eax
        incl    %ecx
        cmpl    $VECTORS, %ecx
        jne     2b
        lidt    idt_pointer

        xorl    %ebp, %ebp
        pushl   %ebx
        pushl   %esi
        call    main32
3:      hlt
        jmp     3b

        .text
/* One stub of STUB_SIZE bytes a vector; those with an error code have it on the stack already. */
        .balign STUB_SIZE
stubs:
        .set    vector, 0
        .rept   VECTORS
        .balign STUB_SIZE
        .if     vector == VECTOR_NMI
        iretl                               /* nobody here waits for one */
        .elseif vector == VECTOR_GP
        jmp     general_protection
        .else
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
        pushl   $0
        .endif
        pushl   $vector
        jmp     fatal
        .endif
        .set    vector, vector + 1
        .endr

/* A #GP of the guarded RDMSR goes on at its landing place. */
general_protection:
        cmpl    $guarded_rdmsr, 4(%esp)
        jne     4f
        movl    $rdmsr_failed, 4(%esp)
        addl    $4, %esp
        iretl
4:      pushl   $VECTOR_GP

/* exception32(vector, error code, EIP): does not return. */
fatal:
        call    exception32

/* bool msr_read_safe(uint32_t index, uint64_t *value); x86/msr.h */
        .global msr_read_safe
msr_read_safe:
        movl    4(%esp), %ecx
guarded_rdmsr:
        rdmsr
        movl    8(%esp), %ecx
        movl    %eax, (%ecx)
        movl    %edx, 4(%ecx)
        movl    $1, %eax
        ret
rdmsr_failed:
        xorl    %eax, %eax
        ret

/* bool cpuid_exists(void): whether EFLAGS.ID can be changed (SDM Vol 1: Processor Identification
 * and Feature Determination). */
        .global cpuid_exists
cpuid_exists:
        pushfl
        movl    (%esp), %ecx
        xorl    $EFLAGS_ID, (%esp)
        popfl
        pushfl
        popl    %eax
        pushl   %ecx
        popfl
        xorl    %ecx, %eax
        shrl    $21, %eax
        andl    $1, %eax
        ret

        .section .rodata
        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff          /* CODE */
        .quad   0x00cf93000000ffff          /* DATA */
gdt_end:
gdt_pointer:
        .short  gdt_end - gdt - 1
        .long   gdt
idt_pointer:
        .short  VECTORS * 8 - 1
        .long   idt

        .data
        .balign 4
        .global build_id_note, build_id_note_size
build_id_note:
        .long   0
build_id_note_size:
        .long   0

        .bss
        .balign 16
idt:    .skip   VECTORS * 8
stack:  .skip   STACK_SIZE
stack_top:
