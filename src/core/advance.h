/* SPDX-License-Identifier: BSD-2-Clause */
/* Going past an instruction that was carried out for the guest. Exit context of the CPU named. */
#ifndef SEXTANT_CORE_ADVANCE_H
#define SEXTANT_CORE_ADVANCE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Intercepted instructions whose length may have to be found from their bytes: 0F and this. */
enum instruction {
    INSTRUCTION_INVD = 0x08,
    INSTRUCTION_MOV_TO_CR = 0x22,
    INSTRUCTION_WRMSR = 0x30,
    INSTRUCTION_RDMSR = 0x32,
    INSTRUCTION_CPUID = 0xa2,
};

/* True when the guest's next instruction is that one. */
bool guest_is_at(struct cpu *cpu, enum instruction which);

/* True when it is VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT or INVLPGA. */
bool guest_is_at_svm_instruction(struct cpu *cpu);

/* True when the guest's next instruction is POPF or IRET, which take RFLAGS from memory. */
bool guest_loads_rflags(struct cpu *cpu);

/* True when what the guest does next is a store of a register or an immediate value, which reads no
 * memory. */
bool guest_only_stores(struct cpu *cpu);

/* Length of the guest's next instruction when it is INT n, INT3, INTO or INT1; 0 when not. */
unsigned guest_int_length(struct cpu *cpu);

/* Where that instruction, which has exited, ends. False when another CPU has changed the code since it
 * was fetched: the guest then executes what is there now. */
bool guest_find_next(struct cpu *cpu, enum instruction which, uint64_t *next_rip);

/* Goes past the instruction: RIP, RF, the interrupt shadow, and the guest's own single-step trap,
 * which the processor does not make for an intercepted instruction. False, with nothing changed,
 * when another CPU has changed the code since it was fetched: the guest then executes what is
 * there now. */
bool guest_advance_over(struct cpu *cpu, enum instruction which);

/* The same when the processor has said where the next instruction is. */
void guest_advance_to(struct cpu *cpu, uint64_t next_rip);

#endif
