/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction sequences of the shadow guest.
 * Contract of each: called in 64-bit mode as void name(volatile uint32_t *apic) with one interrupt
 * pending that IF or the task priority holds back; lets it in and returns with IF clear. It may be
 * taken at addresses from NAME_first to NAME_last; `at` marks both, `from` and `until` one each.
 */
#define APIC_TPR      0x080
#define APIC_EOI      0x0b0
#define APIC_ICR_HIGH 0x310
#define APIC_ICR_LOW  0x300
#define ICR_SELF_HIGH 0x44061

    .section .text
    .code64

.macro begin name
    .globl \name, \name\()_first, \name\()_last
\name:
    pushq %rbx
.endm

.macro at name
\name\()_first:
\name\()_last:
.endm

.macro from name
\name\()_first:
.endm

.macro until name
\name\()_last:
.endm

.macro end
    nop
    nop
    cli
    popq %rbx
    ret
.endm

    begin sti_eoi
    sti
    movl $0, APIC_EOI(%rdi)
    at sti_eoi
    end

    begin sti_priority
    sti
    movl $0, APIC_TPR(%rdi)
    at sti_priority
    end

    begin sti_read
    sti
    movl APIC_TPR(%rdi), %eax
    at sti_read
    end

    begin sti_read_modify_write
    sti
    lock orl $0, APIC_TPR(%rdi)
    at sti_read_modify_write
    end

    begin sti_exchange
    xorl %eax, %eax
    sti
    xchgl %eax, APIC_TPR(%rdi)
    at sti_exchange
    end

    begin sti_string
    leaq APIC_EOI(%rdi), %rdi
    xorl %eax, %eax
    sti
    stosl
    at sti_string
    end

    begin sti_nop_eoi
    sti
    nop
    at sti_nop_eoi
    movl $0, APIC_EOI(%rdi)
    end

    begin popf_eoi
    pushq $0x202
    popfq
    at popf_eoi
    movl $0, APIC_EOI(%rdi)
    end

    begin sti_cpuid
    xorl %eax, %eax
    sti
    cpuid
    at sti_cpuid
    end

    begin sti_rdmsr
    movl $0x1b, %ecx
    sti
    rdmsr
    at sti_rdmsr
    end

    begin sti_wrmsr
    movl $0x1b, %ecx
    rdmsr
    sti
    wrmsr
    at sti_wrmsr
    end

    begin sti_out
    xorl %eax, %eax
    sti
    outb %al, $0x80
    at sti_out
    end

    begin sti_hlt
    sti
    hlt
    at sti_hlt
    end

/* A jump ends QEMU's translation block; only there it looks for what an access let in. */
    begin priority
    sti
    nop
    movl $0, APIC_TPR(%rdi)
    from priority
    jmp 1f
1:  until priority
    end

    begin mov_ss_priority
    movl %ss, %eax
    sti
    nop
    movl %eax, %ss
    movl $0, APIC_TPR(%rdi)
    at mov_ss_priority
    end

    begin mov_ss_priority_by_or
    movl %ss, %eax
    sti
    nop
    movl %eax, %ss
    andl $0, APIC_TPR(%rdi)
    at mov_ss_priority_by_or
    end

    begin cr8_priority
    xorl %eax, %eax
    sti
    nop
    movq %rax, %cr8
    from cr8_priority
    jmp 1f
1:  until cr8_priority
    end

    begin sti_cli_eoi
    sti
    cli
    movl $0, APIC_EOI(%rdi)
    at sti_cli_eoi
    end

    begin sti_icr
    movl $0, APIC_ICR_HIGH(%rdi)
    sti
    movl $ICR_SELF_HIGH, APIC_ICR_LOW(%rdi)
    at sti_icr
    end
