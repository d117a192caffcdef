/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction sequences of the stepping guest.
 * Contract of each: called in 64-bit mode with TF and IF clear as
 *     void name(volatile uint32_t *apic, uint32_t *memory, void *unmapped)
 * NAME_expected … NAME_expected_end is the list of addresses at which a #DB has to come, in order.
 * `begin` sets TF with POPF and `end` clears it with POPF, which is stepped too; between them
 * `step` is an instruction with a trap after it, `quiet` one without, `maybe` one where the
 * emulators differ.
 * Between `begin_plain` and `end_plain` TF stays clear, and #DB comes from breakpoints.
 */
#include "sequences.h"

    .section .text
    .code64

.macro step instruction:vararg
    \instruction
.Lafter\@:
    .pushsection .rodata
    .quad .Lafter\@
    .popsection
.endm

/* A repeated instruction of `count` iterations: all traps but the last are at itself. */
.macro step_repeated count, instruction:vararg
.Lat\@:
    \instruction
.Lafter\@:
    .pushsection .rodata
    .rept \count - 1
    .quad .Lat\@
    .endr
    .quad .Lafter\@
    .popsection
.endm

.macro maybe instruction:vararg
    \instruction
.Lafter\@:
    .pushsection .rodata
    .quad .Lafter\@ + (1 << OPTIONAL_BIT)
    .popsection
.endm

.macro quiet instruction:vararg
    \instruction
.endm

/* A trap is expected here, after a branch to this place. */
.macro label
.Lhere\@:
    .pushsection .rodata
    .quad .Lhere\@
    .popsection
.endm

.macro begin name
    .globl \name, \name\()_expected, \name\()_expected_end
\name:
    pushq %rbx
    .pushsection .rodata
    .balign 8
\name\()_expected:
    .popsection
    pushfq
    orq $0x100, (%rsp)
    popfq
.endm

.macro end name
    step pushfq
    step andq $~0x100, (%rsp)
    step popfq
    .pushsection .rodata
\name\()_expected_end:
    .popsection
    popq %rbx
    ret
.endm

.macro begin_plain name
    .globl \name, \name\()_expected, \name\()_expected_end
\name:
    .pushsection .rodata
    .balign 8
\name\()_expected:
    .popsection
.endm

.macro end_plain name
    .pushsection .rodata
\name\()_expected_end:
    .popsection
    ret
.endm

    begin step_memory
    step movl $1, (%rsi)
    step addl $2, (%rsi)
    step nop
    step movl (%rsi), %eax
    end step_memory

    begin step_eoi
    step movl $0, APIC_EOI(%rdi)
    step nop
    step movl $0, APIC_EOI(%rdi)
    step movl $0, APIC_EOI(%rdi)
    end step_eoi

    begin step_priority
    step movl $0x20, APIC_TPR(%rdi)
    step movl APIC_TPR(%rdi), %eax
    step movl %eax, (%rsi)
    step movl $0, APIC_TPR(%rdi)
    end step_priority

    begin step_icr
    step movl $0, APIC_ICR_HIGH(%rdi)
    step movl $(ICR_SELF_IPI), APIC_ICR_LOW(%rdi)
    step movl APIC_ICR_LOW(%rdi), %eax
    step movl %eax, (%rsi)
    step movl $(ICR_INIT_DEASSERT), APIC_ICR_LOW(%rdi)
    end step_icr

    begin step_read_modify_write
    step orl $0x30, APIC_TPR(%rdi)
    step lock addl $0x10, APIC_TPR(%rdi)
    step xchgl %eax, APIC_TPR(%rdi)
    step lock andl $0, APIC_TPR(%rdi)
    end step_read_modify_write

    begin step_string
    step leaq APIC_TPR(%rdi), %rdi
    step movl $0x10, %eax
    step stosl
    step leaq -4(%rdi), %rdi
    step movsl
    step leaq -4(%rdi), %rdi
    step movl $0, (%rdi)
    end step_string

    begin step_repeated_memory
    step movl $4, %ecx
    step movq %rsi, %rdi
    step_repeated 4, rep stosl
    end step_repeated_memory

    begin step_repeated_apic
    step movl $1, %ecx
    step leaq APIC_TPR(%rdi), %rdi
    step movl $0, %eax
    step_repeated 1, rep stosl
    end step_repeated_apic

    begin step_push_flags
    step pushfq
    step popq %rax
    step movl %eax, (%rsi)
    step movl $0, APIC_EOI(%rdi)
    step pushfq
    step popq %rax
    step movl %eax, 4(%rsi)
    end step_push_flags

    begin step_cpuid
    step movl $0, %eax
    step cpuid
    step nop
    end step_cpuid

    begin step_msr
    step movl $0x1b, %ecx
    step rdmsr
    step wrmsr
    step nop
    end step_msr

    begin step_port
    step movl $0, %eax
    step outb %al, $0x80
    step inb $0x80, %al
    step nop
    end step_port

    begin step_control_register
    step movq %cr0, %rax
    step movq %rax, %cr0
    step movq %cr8, %rax
    step movq %rax, %cr8
    step movq %cr4, %rax
    step movq %rax, %cr4
    end step_control_register

    begin step_mov_ss
    step movl %ss, %eax
    quiet movl %eax, %ss
    step movl $0, APIC_EOI(%rdi)
    step nop
    end step_mov_ss

    begin step_sti
    step cli
    maybe sti                  /* QEMU 7.2 has no trap here */
    step movl $0, APIC_EOI(%rdi)
    step cli
    end step_sti

    begin step_int3
    quiet int3
    step movl $0, APIC_EOI(%rdi)
    step nop
    end step_int3

    begin step_popf
    step pushfq
    step movl $0, APIC_EOI(%rdi)
    step popfq
    step movl $0, APIC_EOI(%rdi)
    end step_popf

    begin step_branch
    quiet jmp 1f
    nop
1:  label
    step movl $0, APIC_EOI(%rdi)
    step call 2f
2:  step popq %rax
    end step_branch

/* The fault is taken before any trap; TF is still set where it goes on. */
    begin step_fault
    step movq %rdi, %rsi
    step movq %rdx, %rdi
    .globl step_fault_at
step_fault_at:
    quiet movsl
step_fault_resume:
    .pushsection .fixup_table, "a"
    .quad step_fault_at, step_fault_resume
    .popsection
    step nop
    end step_fault

/* DR1 watches the word, 0, that is loaded into SS. The trap comes behind the instruction that follows. */
.macro held name instruction:vararg
    begin_plain \name
    pushq %rbx
    movl %ss, %r8d
    step movw (%rsi), %ss
    step \instruction
    nop
    movl %r8d, %ss
    popq %rbx
    end_plain \name
.endm

    held held_icr, movl $(ICR_SELF_IPI), APIC_ICR_LOW(%rdi)
    held held_cpuid, cpuid

/* DR0 watches the task priority, DR1 the memory; watch_fetch puts watch_fetch_at into DR0. */
    begin_plain watch_write
    step movl $0x20, APIC_TPR(%rdi)
    quiet nop
    step movl $0, APIC_TPR(%rdi)
    quiet movl $0, APIC_EOI(%rdi)
    end_plain watch_write

    begin_plain watch_access
    step movl $0x20, APIC_TPR(%rdi)
    step movl APIC_TPR(%rdi), %eax
    step movl $0, APIC_TPR(%rdi)
    quiet movl $0, APIC_EOI(%rdi)
    end_plain watch_access

    begin_plain watch_read_modify_write
    step lock orl $0x30, APIC_TPR(%rdi)
    quiet movl $0, %eax
    step xchgl %eax, APIC_TPR(%rdi)
    end_plain watch_read_modify_write

    begin_plain watch_memory
    quiet movl $0, APIC_TPR(%rdi)
    quiet xchgq %rsi, %rdi
    quiet addq $APIC_TPR, %rsi
    step movsl
    end_plain watch_memory

    begin_plain watch_fetch
    quiet movl $0x40, %eax
    label
    .globl watch_fetch_at
watch_fetch_at:
    quiet addl %eax, APIC_TPR(%rdi)
    quiet movl $0, APIC_EOI(%rdi)
    end_plain watch_fetch
