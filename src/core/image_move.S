/* SPDX-License-Identifier: BSD-2-Clause */
/* void image_copy_and_switch(void *destination, const void *source, uint64_t length, uint64_t cr3)
 *
 * Copies the image, the live stack within it included, and goes on in the copy: same virtual
 * addresses, other memory. Nothing is written between the copy and the switch. */
        .section .text
        .global image_copy_and_switch
image_copy_and_switch:
        movq    %rcx, %rax
        movq    %rdx, %rcx
        rep movsb
        movq    %rax, %cr3
        ret
