/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry from the boot loader: Multiboot 1 and 2.
 *
 * Contract (Multiboot Specification > I386 machine state): 32-bit protected mode, paging off,
 * interrupts off, flat segments; EAX = magic of the protocol, EBX = physical address of the
 * information structure. Runs at its load address. Leaves to boot_main(magic, information) in
 * 64-bit mode with
 *     0 .. 1 GiB identity-mapped, the image at IMAGE_VIRTUAL, 0 .. 4 GiB at DIRECT_MAP.
 * On a processor without long mode the 32-bit program of src/boot32/ goes on instead. */
#include "boot/layout.h"

#define MULTIBOOT1_MAGIC    0x1badb002
#define MULTIBOOT1_FLAGS    0x00000003      /* modules page-aligned, memory information */
#define MULTIBOOT2_MAGIC    0xe85250d6

#define MSR_EFER            0xc0000080
#define EFER_LME            (1 << 8)
#define CR4_PAE             (1 << 5)
#define CR0_PG_WP_PE        0x80010001
#define EFLAGS_ID           (1 << 21)

#define PTE_PRESENT_WRITE   3
#define PTE_LARGE           0x80

        .section .boot.header, "a"
        .balign 8
        .long   MULTIBOOT1_MAGIC, MULTIBOOT1_FLAGS, -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)

        .balign 8
multiboot2_header:
        .long   MULTIBOOT2_MAGIC, 0, multiboot2_header_end - multiboot2_header
        .long   -(MULTIBOOT2_MAGIC + multiboot2_header_end - multiboot2_header)
        .balign 8
        .short  6, 0                        /* modules page-aligned */
        .long   8
        .balign 8
        .short  0, 0                        /* end of tags */
        .long   8
multiboot2_header_end:

        .section .boot.text, "ax"
        .code32
        .global boot_entry
boot_entry:
        cli
        cld
        movl    $boot_stack_top, %esp
        movl    %eax, %edi                  /* boot_main's first argument */
        movl    %ebx, %esi                  /* and its second */

        pushfl                              /* CPUID exists where EFLAGS.ID can be changed */
        popl    %eax
        movl    %eax, %ecx
        xorl    $EFLAGS_ID, %eax
        pushl   %eax
        popfl
        pushfl
        popl    %eax
        pushl   %ecx
        popfl
        xorl    %ecx, %eax
        testl   $EFLAGS_ID, %eax
        jz      no_long_mode

        movl    $0x80000000, %eax
        cpuid
        cmpl    $0x80000001, %eax
        jb      no_long_mode
        movl    $0x80000001, %eax
        cpuid
        btl     $29, %edx
        jnc     no_long_mode

        /* Four page directories of 2 MiB pages for 0 .. 4 GiB. */
        movl    $boot_directories, %ebx
        movl    $(PTE_PRESENT_WRITE | PTE_LARGE), %eax
        xorl    %ecx, %ecx
1:      movl    %eax, (%ebx, %ecx, 8)
        movl    $0, 4(%ebx, %ecx, 8)
        addl    $0x200000, %eax
        incl    %ecx
        cmpl    $2048, %ecx
        jne     1b

        /* Low half: entry 0 identity, entry 1 (IMAGE_VIRTUAL) the same memory again. */
        movl    $(boot_directories + PTE_PRESENT_WRITE), boot_low
        movl    $(boot_directories + PTE_PRESENT_WRITE), boot_low + 8
        movl    $(boot_directories + 0x0000 + PTE_PRESENT_WRITE), boot_direct
        movl    $(boot_directories + 0x1000 + PTE_PRESENT_WRITE), boot_direct + 8
        movl    $(boot_directories + 0x2000 + PTE_PRESENT_WRITE), boot_direct + 16
        movl    $(boot_directories + 0x3000 + PTE_PRESENT_WRITE), boot_direct + 24
        movl    $(boot_low + PTE_PRESENT_WRITE), boot_pml4
        movl    $(boot_direct + PTE_PRESENT_WRITE), boot_pml4 + 256 * 8

        movl    %cr4, %eax
        orl     $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $boot_pml4, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    $CR0_PG_WP_PE, %eax
        movl    %eax, %cr0
        lgdt    boot_gdt_pointer
        ljmp    $HOST_CS64, $boot_long_mode

/* The 32-bit program takes what the boot loader gave, and where the image's build id is. */
no_long_mode:
        movl    %edi, %eax
        movl    %esi, %ebx
        movl    $build_id_note_loaded, %ecx
        movl    $build_id_note_size, %edx
        jmp     boot32_program

        .code64
boot_long_mode:
        movl    $HOST_DS, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss
        movl    %edi, %edi
        movl    %esi, %esi
        movl    $host_boot_stack_top, %esp
        xorl    %ebp, %ebp
        movabsq $boot_main, %rax
        call    *%rax
        ud2

        .section .boot.data, "aw"
        .balign 4096
boot_pml4:          .fill 4096, 1, 0
boot_low:           .fill 4096, 1, 0
boot_direct:        .fill 4096, 1, 0
boot_directories:   .fill 4 * 4096, 1, 0
        .fill   512, 1, 0
boot_stack_top:
        .balign 16
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff          /* HOST_CS64 */
        .quad   0x00cf93000000ffff          /* HOST_DS */
        .quad   0x00cf9b000000ffff          /* HOST_CS32 */
boot_gdt_end:
boot_gdt_pointer:
        .short  boot_gdt_end - boot_gdt - 1
        .long   boot_gdt

/* The flat binary of the 32-bit program: its first byte is its entry (boot32/start.S). */
        .section .boot32, "aw"
boot32_program:
        .incbin BOOT32_PROGRAM

        .section .bss
        .balign 16
host_boot_stack:
        .skip   BOOT_STACK_SIZE
        .global host_boot_stack_top
host_boot_stack_top:
