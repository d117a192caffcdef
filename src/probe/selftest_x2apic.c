/* SPDX-License-Identifier: BSD-2-Clause */
/* That the intercept of ICR comes before the processor's own #GP (APM Vol 2: Secure Virtual Machine >
 * Intercept Operation; SDM Vol 3: VMX Non-Root Operation > Relative Priority of Faults and VM Exits): the
 * APIC stays in xAPIC mode, since there is no way back from the other that every emulator knows. */
#include "probe/selftest_x2apic.h"

#include "core/cpu.h"
#include "probe/selftest.h"
#include "strategies/bind.h"
#include "strategies/operations.h"

#define NO_MESSAGE      0x8500          /* ICR: INIT with level 0, which nobody gets */
#define NO_DESTINATION  0x7654321

extern const char selftest_x2apic[];

void selftest_x2apic_begin(struct cpu *cpu, struct selftest_x2apic_state *before)
{
    *before = (struct selftest_x2apic_state){ .apic = cpu->apic, .startup = binding.startup };
    strategies_bind(STRATEGY_STARTUP_ICR);
    cpu->apic.mode = APIC_MODE_X2APIC;
    cpu->apic.reads_closed = false;
    binding.x2apic->mode_changed(cpu);
}

void selftest_x2apic_end(struct cpu *cpu, const struct selftest_x2apic_state *before)
{
    if (binding.x2apic->detach)
        binding.x2apic->detach(cpu);
    cpu->apic = before->apic;
    binding.x2apic->mode_changed(cpu);
    binding.startup = before->startup;
}

void selftest_x2apic_prepare_write(struct cpu *cpu)
{
    selftest_reset(cpu, selftest_x2apic);
    cpu->registers->rax = NO_MESSAGE;
    cpu->registers->rdx = NO_DESTINATION;
}

const char *selftest_x2apic_msr(struct cpu *cpu)
{
    uint64_t exits = cpu->counters[COUNTER_EXIT_MSR];
    struct selftest_x2apic_state before;
    const char *problem;

    selftest_x2apic_begin(cpu, &before);
    selftest_x2apic_prepare_write(cpu);
    problem = selftest_enter(cpu);
    selftest_x2apic_end(cpu, &before);
    if (!problem && cpu->counters[COUNTER_EXIT_MSR] != exits + 1)
        return "a write of ICR in x2APIC mode was not seen";
    return problem;
}
