/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's interrupt descriptor table: guarded instructions, NMIs, and everything unexpected
 * (SDM Vol 3: Interrupt and Exception Handling > Exception and Interrupt Reference). */
#ifndef SEXTANT_CORE_EXCEPTIONS_H
#define SEXTANT_CORE_EXCEPTIONS_H

#ifdef __ASSEMBLER__

/* An NMI that finds RIP from \start on and before \end goes on at \landing. */
        .macro NMI_WINDOW start, end, landing
        .pushsection .window_table, "a"
        .quad   \start, \end, \landing
        .popsection
        .endm

#else

#include <stdbool.h>
#include <stdint.h>

/* What exceptions.S pushes; the last five words are the processor's. */
struct exception_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Fills the table; boot CPU, once. */
void exceptions_prepare(void);

/* Loads the host's GDT, segment registers and IDT on the CPU that calls it. */
void exceptions_load(void);

/* Lets pending external interrupts in and answers each with an EOI, at most 256 of them: how
 * software empties the request register of a local APIC. Host context, host NMIs allowed. */
void exceptions_drain_interrupts(void);

/* Lets one pending external interrupt in, if there is one, and hands its vector to handler(), which
 * sees to the EOI; false when none came. Host context. */
bool exceptions_take_interrupt(void (*handler)(uint8_t vector));

#endif
#endif
