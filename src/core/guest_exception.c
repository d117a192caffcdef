/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_exception.h"

#include "core/backend.h"
#include "core/step.h"
#include "x86/registers.h"

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
        event_raise(cpu, VECTOR_DB, false, 0);
}
