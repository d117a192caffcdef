/* SPDX-License-Identifier: BSD-2-Clause */
/* Names shared by the sequences in assembly and the C code of the stepping guest. */
#ifndef GUEST_SEQUENCES_H
#define GUEST_SEQUENCES_H

/* Set in an expected address: this trap may be missing. Canonical addresses here have it clear. */
#define OPTIONAL_BIT 63

#ifdef __ASSEMBLER__
/* The same numbers as in apic.h. */
#define APIC_TPR          0x080
#define APIC_EOI          0x0b0
#define APIC_ICR_LOW      0x300
#define APIC_ICR_HIGH     0x310
#define ICR_SELF_IPI      0x44041
#define ICR_INIT_DEASSERT 0x88500
#else

/* With TF set: X(name of the sequence, what its result line says) */
#define STEPPED_SEQUENCES(X)                                                                       \
    X(step_memory, "accesses to memory")                                                           \
    X(step_eoi, "writes of EOI")                                                                   \
    X(step_priority, "a write and a read of the task priority")                                    \
    X(step_icr, "writes and a read of ICR")                                                        \
    X(step_read_modify_write, "OR, LOCK ADD, XCHG, LOCK AND on the task priority")                 \
    X(step_string, "STOS and MOVS to the task priority")                                           \
    X(step_repeated_memory, "REP STOS of 4 words to memory")                                       \
    X(step_repeated_apic, "REP STOS of 1 word to the task priority")                               \
    X(step_push_flags, "PUSHF before and after a write of EOI")                                    \
    X(step_cpuid, "CPUID")                                                                         \
    X(step_msr, "RDMSR and WRMSR of IA32_APIC_BASE")                                               \
    X(step_port, "OUT and IN")                                                                     \
    X(step_control_register, "MOV to and from CR0, CR8, CR4")                                      \
    X(step_mov_ss, "MOV SS before a write of EOI")                                                 \
    X(step_sti, "STI before a write of EOI")                                                       \
    X(step_int3, "INT3 before a write of EOI")                                                     \
    X(step_popf, "POPF that keeps TF, after a write of EOI")                                       \
    X(step_branch, "JMP and CALL around a write of EOI")                                           \
    X(step_fault, "MOVS from the APIC to an unmapped page")

/* With breakpoints: X(name, DR7, DR6 at each trap, what its result line says) */
#define WATCHED_SEQUENCES(X)                                                                       \
    X(watch_write, DR7_WRITE_0, DR6_INIT | 1, "write breakpoint on the task priority")             \
    X(watch_access, DR7_ACCESS_0, DR6_INIT | 1, "access breakpoint on the task priority")          \
    X(watch_read_modify_write, DR7_WRITE_0, DR6_INIT | 1, "write breakpoint, LOCK OR and XCHG")    \
    X(watch_memory, DR7_WRITE_1, DR6_INIT | 2, "write breakpoint on memory, MOVS from the APIC")   \
    X(watch_fetch, DR7_EXECUTE_0, DR6_INIT | 1, "instruction breakpoint on a write of the APIC")

/* A breakpoint on the word that MOV SS reads: X(name, what its result line says) */
#define HELD_SEQUENCES(X)                                                                          \
    X(held_icr, "access breakpoint on what MOV SS reads, write of ICR")                            \
    X(held_cpuid, "access breakpoint on what MOV SS reads, CPUID")

#endif
#endif
