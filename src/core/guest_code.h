/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction that the guest is at: its bytes, where it ends, and what it is when it accesses
 * memory. Guest memory is copied once and judged afterwards; hidden memory and the APIC's page are
 * never touched.
 *
 * The same few instructions exit again and again, so a CPU keeps the last of them, and how the walks
 * through the guest's paging structures went. Nothing of that is trusted: it is used only when the
 * state that decides the walk is the same, every entry on the way still reads the same, and so do the
 * bytes. Kept is what a kernel looks like: 64-bit code, four levels or fewer. All the rest is found
 * anew each time. */
#ifndef SEXTANT_CORE_GUEST_CODE_H
#define SEXTANT_CORE_GUEST_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/bytes.h"
#include "core/cold.h"
#include "core/cpu.h"

/* Finds the instruction at the guest's CS:RIP anew. It ends where the processor could fetch no more. Exit
 * context of the CPU named; the result is valid until the guest is entered. */
struct guest_code *guest_code_fetch(struct cpu *cpu);

/* The same where the processor has left the first `count` bytes (at most GUEST_CODE_BYTES) of it: when memory
 * has others now, those count as long as the whole instruction is among them. */
struct guest_code *guest_code_given(struct cpu *cpu, const uint8_t *bytes, unsigned count);

/* Where an operand of 4 bytes is that was looked for at one physical address. */
enum operand {
    OPERAND_THERE,
    OPERAND_ELSEWHERE,          /* for certain */
    OPERAND_UNKNOWN             /* the access would fault, is not aligned, or cannot be judged here */
};

/* Does a linear address lead to `physical` (a multiple of 16) for an access of that instruction (PAGING_WRITE or 0) at
 * CPL 0 to 2? Exit context of the CPU named; guest_code_operand() looks at what is kept first. */
enum operand guest_code_find_operand(struct cpu *cpu, struct guest_code *code, uint64_t linear,
                                     unsigned access, uint64_t physical);

/* Forgets what is kept: what this CPU's view shows at some page has changed. */
void guest_code_forget(struct cpu *cpu);

/* What an instruction that `stores_word` stores. */
static inline uint32_t guest_code_word(const struct cpu *cpu, const struct guest_code *code)
{
    const struct instruction *instruction = &code->instruction;

    return (uint32_t)(instruction->other == OTHER_REGISTER ? (&cpu->registers->rax)[instruction->reg]
                                                           : (uint64_t)instruction->immediate);
}

/* 16, 32 or 64: the width of the code that the guest executes. */
unsigned guest_code_width(struct cpu *cpu);

static inline bool kept_entry_holds(const struct kept_entry *entry)
{
    return *entry->place == entry->value;
}

/* True when the walk would come along the same entries again and find the same there. */
static inline bool kept_walk_holds(const struct kept_walk *walk)
{
    return kept_entry_holds(&walk->entry[0]) && kept_entry_holds(&walk->entry[1])
           && kept_entry_holds(&walk->entry[2]) && kept_entry_holds(&walk->entry[3]);
}

static inline struct guest_code *guest_code_slot(struct cpu *cpu, uint64_t rip)
{
    return &cpu->code[rip % GUEST_CODES];
}

/* The same place of the same address space, in 64-bit code. */
static inline bool guest_code_is_at(const struct guest_code *code, const struct execution_state *state)
{
    return code->rip == state->rip && code->cr3 == state->cr3 && code->cr4 == state->cr4
           && code->efer == state->efer && state->cs_attributes & SEGMENT_CODE_64;
}

/* What is kept of the instruction, NULL when it has to be fetched. The rights of the fetch are not asked for
 * again: the processor has made it. The state is a copy, so that a backend reads no more of it than is used. */
WITHIN struct guest_code *guest_code_kept(struct cpu *cpu, const struct execution_state state)
{
    struct guest_code *code = guest_code_slot(cpu, state.rip);

    if (guest_code_is_at(code, &state) && kept_walk_holds(&code->walk)
        && load64(code->memory) == load64(code->bytes)
        && load64(code->memory + 8) == load64(code->bytes + 8))
        return code;
    return NULL;
}

static inline enum operand guest_code_operand(struct cpu *cpu, struct guest_code *code,
                                              uint64_t linear, unsigned access, uint64_t physical)
{
    if (code->operand_linear == linear && code->operand_physical == physical
        && kept_walk_holds(&code->operand_walk))
        return OPERAND_THERE;
    return guest_code_find_operand(cpu, code, linear, access, physical);
}

#endif
