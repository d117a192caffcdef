/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the boot CPU: from Multiboot 1 to 64-bit mode.
 * Contract: a boot loader jumps to multiboot_entry in 32-bit protected mode without paging,
 * EAX = 0x2BADB002, EBX = address of the Multiboot information. Calls guest_start(magic,
 * information), which does not return, in 64-bit mode with the lower 4 GiB mapped to themselves in
 * 2 MiB pages; the topmost GiB, where APICs and devices live, is uncached.
 * Source: Multiboot Specification 0.6.96: Machine state.
 */
#include "trampoline.h"

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_HEADER_FLAGS 0x00000003   /* modules on page borders, memory information wanted */

#define PAGE_PRESENT_WRITABLE 0x003
#define PAGE_UNCACHED         0x018
#define PAGE_LARGE            0x080
#define UNCACHED_FROM         0xc0000000

    .section .multiboot, "a"
    .balign 4
    .long MULTIBOOT_HEADER_MAGIC
    .long MULTIBOOT_HEADER_FLAGS
    .long -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)

    .section .text
    .code32
    .globl multiboot_entry
multiboot_entry:
    cli
    cld
    movl $boot_stack_top, %esp
    movl %eax, %ebp

    /* Page directories: 2048 entries of 2 MiB. */
    movl $page_directories, %edi
    movl $(PAGE_PRESENT_WRITABLE | PAGE_LARGE), %eax
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    cmpl $UNCACHED_FROM, %eax
    jb 2f
    orl $PAGE_UNCACHED, (%edi)
2:  addl $8, %edi
    addl $0x200000, %eax
    jnc 1b

    movl $(page_directories + PAGE_PRESENT_WRITABLE), page_directory_pointers
    movl $(page_directories + 0x1000 + PAGE_PRESENT_WRITABLE), page_directory_pointers + 8
    movl $(page_directories + 0x2000 + PAGE_PRESENT_WRITABLE), page_directory_pointers + 16
    movl $(page_directories + 0x3000 + PAGE_PRESENT_WRITABLE), page_directory_pointers + 24
    movl $(page_directory_pointers + PAGE_PRESENT_WRITABLE), page_map

    lgdt gdt_register
    movl $long_mode_boot, %esi
    jmp enable_long_mode

/*
 * Common tail of start.S and trampoline.S.
 * Contract: 32-bit protected mode without paging, GDT of interrupts.c loaded, ESI = address of
 * 64-bit code to go on at; keeps EBX, EBP, EDI.
 */
    .globl enable_long_mode
enable_long_mode:
    movl $CR4_LONG_MODE, %eax
    movl %eax, %cr4
    movl $page_map, %eax
    movl %eax, %cr3
    movl $EFER_NUMBER, %ecx
    rdmsr
    orl $EFER_LONG_MODE, %eax
    wrmsr
    movl $CR0_LONG_MODE, %eax
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
    movl %esi, %esi
    jmp *%rsi

long_mode_boot:
    movl $boot_stack_top, %esp
    movl %ebp, %edi
    movl %ebx, %esi
    xorl %ebp, %ebp
    call guest_start

    .section .rodata
    .globl gdt_register
    .balign 8
    .word 0
gdt_register:
    .word GDT_FIRST_ENTRIES_LIMIT
    .long gdt

    .section .bss
    .balign 4096
    .globl page_map
page_map:
    .skip 4096
page_directory_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096
    .balign 16
    .skip 8192
boot_stack_top:
