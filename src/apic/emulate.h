/* SPDX-License-Identifier: BSD-2-Clause */
/* An instruction that accesses the APIC's page, carried out by the host: it is fetched once, decoded, its
 * operand computed and translated, its effect on registers and flags made. What the strategies that do
 * not always step have in common. */
#ifndef SEXTANT_APIC_EMULATE_H
#define SEXTANT_APIC_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* The registers as the strategy has them. `offset` is a multiple of 16. */
struct apic_emulation {
    /* False: nobody knows what the guest would read there; the instruction is then not carried out. */
    bool (*show)(struct cpu *cpu, uint32_t offset, uint32_t *value);
    void (*write)(struct cpu *cpu, uint32_t offset, uint32_t value);
    /* For an instruction that is not carried out: nothing has happened. The rest as apic_emulate(). */
    void (*otherwise)(struct cpu *cpu, uint64_t guest_physical, bool write);
};

/* Carries out the guest's next instruction, whose access to its APIC's page at `guest_physical` (a
 * write, or a read) has caused this exit; hands it to otherwise() when it is none that can be. Nothing is
 * done when it accesses something else by now: the guest executes it again. On the CPU it names, exit
 * context, cpu->interrupted being what the exit said. */
void apic_emulate(struct cpu *cpu, uint64_t guest_physical, bool write,
                  const struct apic_emulation *registers);

#endif
