/* SPDX-License-Identifier: BSD-2-Clause */
/* step=dbstep: one instruction by RFLAGS.TF and the #DB intercept, with interrupts off (SDM Vol 3:
 * Debug Exceptions > Single-Step Exception Condition). Works on every processor.
 *
 * Changed for the step, and put back: TF and IF, DR6, DEBUGCTL.BTF (which would turn the step into a
 * branch trace), blocking by STI or MOV SS (one instruction ends it), the exception intercepts.
 * RF is set, because the breakpoints on the instruction itself were reported before the exit that
 * led here. */
#include "core/backend.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define STEP_FLAGS          (RFLAGS_TF | RFLAGS_IF)
#define ALL_EXCEPTIONS      (~(1u << VECTOR_NMI))

/* IRET and POPF leave IF alone when CPL is above IOPL (SDM Vol 2: POPF/POPFD/POPFQ - Pop Stack Into
 * EFLAGS Register). */
static bool if_is_kept(struct cpu *cpu, uint64_t rflags)
{
    struct segment_state ss;

    backend->segment_read(cpu, GUEST_SS, &ss);
    return (backend->register_read(cpu, GUEST_CR0) & CR0_PE)
           && (ss.attributes >> SEGMENT_DPL_SHIFT & 3) > (rflags >> RFLAGS_IOPL_SHIFT & 3);
}

static void begin(struct cpu *cpu)
{
    struct step_state *step = &cpu->step;
    uint64_t rflags = backend->register_read(cpu, GUEST_RFLAGS);

    step->saved_rflags = rflags;
    step->keeps_if = if_is_kept(cpu, rflags);
    step->saved_dr6 = backend->register_read(cpu, GUEST_DR6);
    step->saved_interrupt_shadow = backend->interrupt_shadow_read(cpu);
    backend->interrupt_shadow_write(cpu, 0);
    backend->register_write(cpu, GUEST_DR6, DR6_INIT);
    backend->register_write(cpu, GUEST_RFLAGS, (rflags & ~RFLAGS_IF) | RFLAGS_TF | RFLAGS_RF);
    backend->exceptions_intercept(cpu, ALL_EXCEPTIONS);
    if (cpu->guest_debug_control & DEBUGCTL_BTF)
        backend->register_write(cpu, GUEST_DEBUG_CONTROL,
                                cpu->guest_debug_control & ~DEBUGCTL_BTF);
}

static void restore_common(struct cpu *cpu)
{
    backend->exceptions_intercept(cpu, 0);
    if (cpu->guest_debug_control & DEBUGCTL_BTF)
        backend->register_write(cpu, GUEST_DEBUG_CONTROL, cpu->guest_debug_control);
}

/* Breakpoints of the guest that the instruction hit: the low bits of DR6 that DR7 enables. DR6 shows
 * hits of disabled breakpoints too, but those alone make no trap. */
static uint64_t enabled_hits(uint64_t dr6, uint64_t dr7)
{
    uint64_t hits = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (dr7 >> (2 * i) & 3)
            hits |= dr6 & 1u << i;
    }
    return hits;
}

static void finish(struct cpu *cpu)
{
    struct step_state *step = &cpu->step;
    uint64_t dr6 = backend->register_read(cpu, GUEST_DR6);
    uint64_t hits = enabled_hits(dr6, backend->register_read(cpu, GUEST_DR7));
    uint64_t rflags = backend->register_read(cpu, GUEST_RFLAGS);
    uint64_t restored = 0;
    bool guest_steps = step->saved_rflags & RFLAGS_TF;

    step->cause_shown = dr6 & DR6_BS;
    restore_common(cpu);
    if (!step->loads_rflags)
        restored = STEP_FLAGS;
    else if (step->keeps_if)
        restored = RFLAGS_IF;
    backend->register_write(cpu, GUEST_RFLAGS,
                            (rflags & ~restored) | (step->saved_rflags & restored));
    if (!guest_steps && !hits) {
        backend->register_write(cpu, GUEST_DR6, step->saved_dr6);
        return;
    }
    backend->register_write(cpu, GUEST_DR6, (step->saved_dr6 & ~DR6_B0_B3) | (dr6 & DR6_B0_B3)
                            | (guest_steps ? DR6_BS : 0));
    event_raise(cpu, VECTOR_DB, false, 0);
}

static void cancel(struct cpu *cpu)
{
    struct step_state *step = &cpu->step;
    uint64_t rflags = backend->register_read(cpu, GUEST_RFLAGS);

    restore_common(cpu);
    backend->register_write(cpu, GUEST_DR6, step->saved_dr6);
    backend->register_write(cpu, GUEST_RFLAGS,
                            (rflags & ~STEP_FLAGS) | (step->saved_rflags & STEP_FLAGS));
}

const struct step_operations dbstep_operations = {
    .name = "dbstep",
    .begin = begin,
    .finish = finish,
    .cancel = cancel,
};
