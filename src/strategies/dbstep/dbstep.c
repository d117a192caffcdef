/* SPDX-License-Identifier: BSD-2-Clause */
/* step=dbstep: one instruction by RFLAGS.TF and the #DB intercept, with interrupts off (SDM Vol 3:
 * Debug Exceptions > Single-Step Exception Condition). Works on every processor.
 *
 * Changed for the step, and put back: TF and IF, DR6, DEBUGCTL.BTF (which would turn the step into a
 * branch trace), blocking by STI or MOV SS (one instruction ends it), the exception intercepts.
 * RF is set, because the breakpoints on the instruction itself were reported before the exit that
 * led here. */
#include "core/advance.h"
#include "core/backend.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define STEP_FLAGS          (RFLAGS_TF | RFLAGS_IF)
#define LONGEST_INSTRUCTION 15

static COLD void stop_tracing(struct cpu *cpu)
{
    cpu->step.branch_from = backend->register_read(cpu, GUEST_RIP);
    backend->register_write(cpu, GUEST_DEBUG_CONTROL, cpu->guest_debug_control & ~DEBUGCTL_BTF);
}

static COLD void trace_again(struct cpu *cpu)
{
    backend->register_write(cpu, GUEST_DEBUG_CONTROL, cpu->guest_debug_control);
}

/* A guest that steps branches traps behind the stepped instruction when it was one: it went farther than to
 * the next. */
static bool guest_traps(struct cpu *cpu)
{
    uint64_t by = backend->register_read(cpu, GUEST_RIP) - cpu->step.branch_from;

    return guest_single_steps(cpu, cpu->step.saved_rflags)
           || (cpu->step.saved_rflags & RFLAGS_TF && (by == 0 || by > LONGEST_INSTRUCTION));
}

static void begin(struct cpu *cpu)
{
    struct step_registers registers = backend->step_read(cpu);

    cpu->step.saved_rflags = registers.rflags;
    cpu->step.saved_dr6 = registers.dr6;
    registers.rflags = (registers.rflags & ~RFLAGS_IF) | RFLAGS_TF | RFLAGS_RF;
    registers.dr6 = DR6_INIT;
    if (cpu->guest_debug_control & DEBUGCTL_BTF)
        stop_tracing(cpu);
    backend->step_prepare(cpu, registers);
}

static void restore(struct cpu *cpu, struct step_registers registers)
{
    if (cpu->guest_debug_control & DEBUGCTL_BTF)
        trace_again(cpu);
    backend->step_restore(cpu, registers);
}

/* Breakpoints of the guest that the instruction hit: the low bits of DR6 that DR7 enables. DR6 shows
 * hits of disabled breakpoints too, but those alone make no trap. */
static uint64_t enabled_hits(struct cpu *cpu, uint64_t dr6)
{
    uint64_t hits = 0, dr7 = backend->register_read(cpu, GUEST_DR7);

    for (unsigned i = 0; i < 4; i++) {
        if (dr7 >> (2 * i) & 3)
            hits |= dr6 & 1u << i;
    }
    return hits;
}

/* The instruction has loaded RFLAGS, or the guest's own debugging traps for it. */
static COLD void finish_specially(struct cpu *cpu, struct step_registers registers)
{
    struct step_state *step = &cpu->step;
    bool guest_steps = guest_traps(cpu);
    bool traps = guest_steps || enabled_hits(cpu, registers.dr6);
    uint64_t restored = 0, dr6 = registers.dr6;

    if (!step->loads_rflags)
        restored = STEP_FLAGS;
    else if (step->keeps_if)
        restored = RFLAGS_IF;
    registers.rflags = (registers.rflags & ~restored) | (step->saved_rflags & restored);
    registers.dr6 = step->saved_dr6;
    if (traps)
        registers.dr6 = (step->saved_dr6 & ~DR6_B0_B3) | (dr6 & DR6_B0_B3)
                      | (guest_steps ? DR6_BS : 0);
    restore(cpu, registers);
    if (traps)
        event_raise(cpu, VECTOR_DB, false, 0);
}

static inline void put_back(struct cpu *cpu, struct step_registers registers)
{
    const struct step_state *step = &cpu->step;

    registers.rflags = (registers.rflags & ~STEP_FLAGS) | (step->saved_rflags & STEP_FLAGS);
    registers.dr6 = step->saved_dr6;
    restore(cpu, registers);
}

static void finish(struct cpu *cpu)
{
    struct step_registers registers = backend->step_read(cpu);
    struct step_state *step = &cpu->step;

    step->cause_shown = registers.dr6 & DR6_BS;
    if ((step->saved_rflags & RFLAGS_TF) | (registers.dr6 & DR6_B0_B3) | step->loads_rflags)
        finish_specially(cpu, registers);
    else
        put_back(cpu, registers);
}

static void cancel(struct cpu *cpu)
{
    put_back(cpu, backend->step_read(cpu));
}

const struct step_operations dbstep_operations = {
    .name = "dbstep",
    .begin = begin,
    .finish = finish,
    .cancel = cancel,
};
