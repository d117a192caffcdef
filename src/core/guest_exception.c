/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_exception.h"

#include "core/backend.h"
#include "core/step.h"
#include "x86/registers.h"

/* A trap of the guest's own debugging. Bochs' SVM leaves DR6.BS clear; with TF set and no other
 * cause there is only one. */
static void debug_trap(struct cpu *cpu)
{
    uint64_t dr6 = backend->register_read(cpu, GUEST_DR6);

    if (!(dr6 & (DR6_B0_B3 | DR6_BD | DR6_BS | DR6_BT))
        && (backend->register_read(cpu, GUEST_RFLAGS) & RFLAGS_TF))
        backend->register_write(cpu, GUEST_DR6, dr6 | DR6_BS);
    event_raise(cpu, VECTOR_DB, false, 0);
}

void guest_exception(struct cpu *cpu, uint8_t vector, uint32_t error)
{
    if (vector != VECTOR_DB) {
        cpu->counters[COUNTER_EXIT_EXCEPTION]++;
        step_cancel(cpu);
        event_raise(cpu, vector, event_exception_has_error(vector), error);
        return;
    }
    cpu->counters[COUNTER_EXIT_DEBUG]++;
    if (step_active(cpu))
        step_finish(cpu);
    else
        debug_trap(cpu);
}
