/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an application processor starts: copied to a page below 1 MiB (SDM Vol 3: Multiple-Processor
 * Management > MP Initialization Example). Real mode, CS = page >> 4, IP = 0; to 64-bit mode with the
 * host's own page tables, the CPU's own stack, then ap_main(). Position-independent: EBX holds the
 * linear address of the page. */
#include "boot/layout.h"

#define OFFSET(label) ((label) - trampoline_start)

        .section .rodata
        .global trampoline_start, trampoline_end, trampoline_cr3, trampoline_stack
        .global trampoline_efer_no_execute
        .balign 16
trampoline_start:
        .code16
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        movzwl  %ax, %ebx
        shll    $4, %ebx
        leal    OFFSET(trampoline_gdt)(%ebx), %eax
        movl    %eax, OFFSET(trampoline_gdt_pointer) + 2
        leal    OFFSET(protected)(%ebx), %eax
        movl    %eax, OFFSET(protected_pointer)
        leal    OFFSET(long_mode)(%ebx), %eax
        movl    %eax, OFFSET(long_pointer)
        lgdtl   OFFSET(trampoline_gdt_pointer)
        movl    %cr0, %eax
        andl    $0x9fffffff, %eax           /* caches on: CD and NW clear */
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   *OFFSET(protected_pointer)

        .code32
protected:
        movl    $HOST_DS, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %cr4, %eax
        orl     $(1 << 5), %eax             /* PAE */
        movl    %eax, %cr4
        movl    OFFSET(trampoline_cr3)(%ebx), %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $(1 << 8), %eax             /* LME */
        orl     OFFSET(trampoline_efer_no_execute)(%ebx), %eax
        wrmsr
        movl    $0x80010001, %eax           /* PG, WP, PE */
        movl    %eax, %cr0
        ljmpl   *OFFSET(long_pointer)(%ebx)

        .code64
long_mode:
        movq    OFFSET(trampoline_stack)(%rbx), %rsp
        xorl    %ebp, %ebp
        movabsq $ap_main, %rax
        call    *%rax
        ud2

        .balign 8
trampoline_gdt:
        .quad   0
        .quad   0x00af9b000000ffff          /* HOST_CS64 */
        .quad   0x00cf93000000ffff          /* HOST_DS */
        .quad   0x00cf9b000000ffff          /* HOST_CS32 */
trampoline_gdt_end:
trampoline_gdt_pointer:
        .short  trampoline_gdt_end - trampoline_gdt - 1
        .long   0
protected_pointer:
        .long   0
        .short  HOST_CS32
long_pointer:
        .long   0
        .short  HOST_CS64
        .balign 8
trampoline_cr3:             .long 0
trampoline_efer_no_execute: .long 0
trampoline_stack:           .quad 0
trampoline_end:
