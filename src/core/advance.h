/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's next instruction is, and what going past it means. Exit context of the CPU named. */
#ifndef SEXTANT_CORE_ADVANCE_H
#define SEXTANT_CORE_ADVANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "x86/msr.h"
#include "x86/registers.h"

/* True when the guest's next instruction is that one. */
bool guest_is_at(struct cpu *cpu, enum intercepted which);

/* True when it is VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT or INVLPGA. */
bool guest_is_at_svm_instruction(struct cpu *cpu);

/* True when the guest's next instruction is POPF or IRET, which take RFLAGS from memory. */
bool guest_loads_rflags(struct cpu *cpu);

/* True when what the guest does next is PUSHF. */
bool guest_pushes_rflags(struct cpu *cpu);

/* Length of the guest's next instruction when it is INT n, INT3, INTO or INT1; 0 when not. */
unsigned guest_int_length(struct cpu *cpu);

/* True when the guest with those RFLAGS traps behind every instruction. With DEBUGCTL.BTF it does so behind
 * branches that are taken, which no instruction that exits is (SDM Vol 3: Debug, Branch Profile, TSC >
 * Single-Stepping on Branches). */
static inline bool guest_single_steps(const struct cpu *cpu, uint64_t rflags)
{
    return rflags & RFLAGS_TF && !(cpu->guest_debug_control & DEBUGCTL_BTF);
}

/* What the guest's own debugging and a step make of an instruction that was carried out for the guest,
 * which the processor does not trap for: called by backend->advance() when there may be either. */
void guest_trap(struct cpu *cpu, uint64_t rflags);

#endif
