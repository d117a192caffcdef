/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts and exceptions of the test guests: descriptor tables, C handlers, and faults that a
 * test expects.
 *
 * An instruction that may fault carries a fixup: when it raises an exception that has no handler,
 * the exception is recorded for its CPU and execution goes on at the fixup's second label. The RIP
 * of the record is therefore always the address of that very instruction. An exception without
 * handler and without fixup ends the run.
 */
#ifndef GUEST_INTERRUPTS_H
#define GUEST_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

#define VECTOR_DE  0
#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_UD  6
#define VECTOR_NM  7
#define VECTOR_DF  8
#define VECTOR_TS  10
#define VECTOR_NP  11
#define VECTOR_SS  12
#define VECTOR_GP  13
#define VECTOR_PF  14

/*
 * What a handler sees; changes to it are loaded when the handler returns. The order is that of
 * vectors.S.
 */
struct frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* An exception that a fixup caught. */
struct fault {
    bool taken;
    uint8_t vector;
    uint64_t error_code, rip, cs, rflags, rsp, cr2, dr6;
};

typedef void interrupt_handler(struct frame *frame);

/*
 * In an asm statement: an exception at label `at` is recorded and execution goes on at label
 * `resume`.
 */
#define FIXUP(at, resume)                                                                          \
    ".pushsection .fixup_table, \"a\"\n\t.quad " at ", " resume "\n\t.popsection\n\t"

/*
 * Executes one instruction that may fault, and yields a pointer to this CPU's record of it. The
 * trailing arguments are the input operands of the asm statement, %1 and up; the instruction may
 * change RAX, memory and the flags.
 */
#define TRY(instruction, ...)                                                                      \
    ({                                                                                             \
        uint64_t changed_;                                                                         \
        fault_clear();                                                                             \
        __asm__ volatile("771:\t" instruction "\n772:\n\t" FIXUP("771b", "772b")                   \
                         : "=a"(changed_)                                                          \
                         : __VA_ARGS__                                                             \
                         : "memory", "cc");                                                        \
        (void)changed_;                                                                            \
        fault_taken();                                                                             \
    })

/*
 * Loads GDT, TSS and IDT on this CPU and its GS base with `cpu`. Each CPU calls it once after every
 * start.
 */
void interrupts_load(struct cpu *cpu);

/*
 * Sets the handler of a vector on all CPUs; NULL takes it away. The handler runs with IF clear and
 * sends its own EOI.
 */
void interrupts_set_handler(uint8_t vector, interrupt_handler *handler);

/*
 * Makes a vector enter at an address of the test's own instead of the library's, on all CPUs; NULL: at
 * the library's again. The code there runs with IF clear on whatever stack the CPU has chosen.
 */
void interrupts_set_entry(uint8_t vector, const void *entry);

/* Forgets this CPU's recorded fault. */
void fault_clear(void);

/* This CPU's fault record; `taken` is false when nothing has faulted since fault_clear(). */
const struct fault *fault_taken(void);

/*
 * Jumps to an address where the first instruction (or its fetch) has to raise an exception, and
 * yields the record of it.
 */
const struct fault *fault_jump(uint64_t target);

#endif
