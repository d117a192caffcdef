/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor state after INIT (with or without a SIPI) and after RESET, and how software brings
 * a local APIC to its INIT state.
 *
 * SDM Vol 3: Processor Management and Initialization > Initialization Overview > Processor State
 * After Reset (IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT); APIC >
 * Local APIC > Local APIC Status and Location > Local APIC State After It Receives an INIT Reset.
 * APM Vol 2: Processor Initialization and Long Mode Activation > Processor Initialization >
 * Processor Initialization State (Initial Processor State).
 *
 * Pure: no hardware access, no globals.
 */
#ifndef SEXTANT_APIC_RESET_H
#define SEXTANT_APIC_RESET_H

#include <stdbool.h>
#include <stdint.h>

/* A segment register with its hidden part. */
struct segment_state {
    uint16_t selector;
    uint16_t attributes;    /* VMCB format: type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11 */
    uint32_t limit;
    uint64_t base;
};

/*
 * Every register that INIT sets. What is not here INIT leaves as it was: x87, MMX, SSE and AVX
 * state, XCR0, MTRRs, PAT, TSC, TSC_AUX, SYSENTER_*, STAR and its group, the other MSRs, the
 * caches, and the CD and NW bits of CR0 (see cr0_after_init). INIT also ends blocking of NMIs, STI
 * and MOV SS shadows, halt and shutdown, and flushes the TLBs. FS and GS bases are those of the
 * segments here.
 *
 * EFER is 0: the APM's table has it so; the SDM's "all other MSRs: INIT unchanged" does not hold
 * for it, or a CPU could not turn on 32-bit paging after INIT. CS is a writable data segment
 * (type 3), as real mode has it. TR is a busy 32-bit TSS, the type that VM entry wants; no
 * instruction can see it. The rows of the two manuals agree otherwise.
 */
struct initial_state {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t efer;
    uint64_t dr0, dr1, dr2, dr3, dr6, dr7;
    struct segment_state es, cs, ss, ds, fs, gs;
    struct segment_state gdtr, idtr;        /* base and limit only */
    struct segment_state ldtr, tr;
};

/*
 * CR0 after INIT of a CPU whose CR0 was `cr0_before`: ET set, CD and NW kept, all others clear.
 */
uint64_t cr0_after_init(uint64_t cr0_before);

/*
 * The state of a CPU that a SIPI with `vector` (0 to FFh) starts after INIT: execution begins at
 * physical address vector << 12, CS = vector << 8 : 0. `cpuid_signature` is EAX of CPUID leaf 1,
 * which RDX receives; `cr0_before` is the guest's CR0 before INIT. Any CPU, any context.
 */
void initial_state_for_sipi(uint8_t vector, uint32_t cpuid_signature, uint64_t cr0_before,
                            struct initial_state *state);

/*
 * The same for a CPU that restarts at the reset vector (the bootstrap processor after INIT): CS
 * selector F000h with base FFFF0000h, RIP FFF0h. After RESET or power-up pass CR0_AFTER_RESET as
 * `cr0_before`.
 */
void initial_state_for_reset_vector(uint32_t cpuid_signature, uint64_t cr0_before,
                                    struct initial_state *state);

#define CR0_AFTER_RESET     0x60000010u     /* CD, NW, ET */

/* One write to a local APIC. */
struct apic_register_write {
    uint16_t offset;        /* in the xAPIC page; in x2APIC mode MSR 800h + (offset >> 4) */
    uint32_t value;
};

#define APIC_INIT_WRITE_MAX     32

/*
 * The writes that bring a local APIC to its INIT state by software, in order. `version` is what its
 * version register reads (absent registers are left out), `x2apic` its mode (which INIT keeps, as
 * it keeps IA32_APIC_BASE and the APIC ID). Returns the number of writes in `list`, and in
 * *drain_at the index before which the caller has to drain:
 *
 *   writes [0, drain_at)   close the sources. The error LVT entry is masked first, since masking
 *                          another with vector 0 may itself raise an APIC error; the timer is
 *                          stopped; TPR becomes 0 so that every request can be accepted.
 *   drain                  Vectors in service (ISR) end by one EOI write each. Requested vectors
 *                          (IRR) no write can clear: the CPU has to accept each one (host context,
 *                          interrupts open, a handler that only writes EOI), while the APIC is
 *                          still software-enabled, since a software-disabled one holds them and
 *                          some implementations never offer them again before it is enabled.
 *                          A level-triggered source may come back after its EOI: take at most 256
 *                          turns, and never loop until empty.
 *   writes [drain_at, n)   the rest; SVR, which disables the APIC by software, is last.
 *
 * What writes cannot do: the low half of ICR (every write sends; who answers ICR reads for the
 * guest answers 0), TMR, and IA32_TSC_DEADLINE (an MSR: write 0 before the list if the timer is in
 * TSC-deadline mode). Any context.
 *
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Local APIC > Local APIC Status and
 * Location > Local APIC State After It Receives an INIT Reset ("Wait-for-SIPI" State).
 */
unsigned apic_init_writes(uint32_t version, bool x2apic,
                          struct apic_register_write list[APIC_INIT_WRITE_MAX], unsigned *drain_at);

#endif
