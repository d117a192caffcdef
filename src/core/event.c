/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/event.h"

#include "core/backend.h"
#include "core/cpu.h"
#include "core/ending.h"
#include "core/entry.h"
#include "core/step.h"
#include "x86/msr.h"
#include "x86/registers.h"

static bool contributory(uint8_t vector)
{
    return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

int event_combine(uint8_t first, uint8_t second)
{
    if (first == VECTOR_DF)
        return contributory(second) || second == VECTOR_PF ? -1 : second;
    if (contributory(first) && contributory(second))
        return VECTOR_DF;
    if (first == VECTOR_PF && (contributory(second) || second == VECTOR_PF))
        return VECTOR_DF;
    return second;
}

/* What the processor does when it delivers #DB, but not when that exits or is injected (SDM Vol 3: Debug, Branch
 * Profile, TSC > Single-Stepping on Branches; Last Branch Recording Mechanism). */
static void end_branch_tracing(struct cpu *cpu)
{
    uint64_t both = DEBUGCTL_BTF | DEBUGCTL_LBR;

    if (!(cpu->guest_debug_control & both))
        return;
    cpu->guest_debug_control &= ~both;
    backend->register_write(cpu, GUEST_DEBUG_CONTROL, cpu->guest_debug_control);
}

void event_raise(struct cpu *cpu, uint8_t vector, bool has_error, uint32_t error)
{
    const struct event *first = cpu->event.valid ? &cpu->event : &cpu->interrupted;
    int combined = vector;

    /* A single-step trap is benign: it is merged with nothing and gives way to a fault. */
    if (first->valid && first->type == EVENT_EXCEPTION && first->vector != VECTOR_DB)
        combined = event_combine(first->vector, vector);
    if (combined < 0)
        ending_reset("the guest shut down (exception while delivering a double fault); "
                     "the machine is reset");
    if (combined == VECTOR_DB)
        end_branch_tracing(cpu);
    entry_post(cpu);
    cpu->interrupted.valid = false;
    cpu->event = (struct event){
        .valid = true,
        .vector = (uint8_t)combined,
        .type = EVENT_EXCEPTION,
        .has_error = combined == vector ? has_error : true,
        .error = combined == vector ? error : 0,
    };
}

/* Raised by an exit handler for the instruction that exited: if it was being stepped, it did not
 * complete, and its frame must not show the step's flags. */
void event_raise_gp(struct cpu *cpu)
{
    step_cancel(cpu);
    event_raise(cpu, VECTOR_GP, true, 0);
}

void event_raise_ud(struct cpu *cpu)
{
    step_cancel(cpu);
    event_raise(cpu, VECTOR_UD, false, 0);
}
