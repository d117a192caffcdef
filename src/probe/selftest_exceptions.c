/* SPDX-License-Identifier: BSD-2-Clause */
/* What an exit saves that comes right behind the delivery of an exception: the first instruction of
 * the handler (SDM Vol 3: VM Exits > Saving Guest State > Saving RIP, RSP, RFLAGS, and SSP). Bochs with
 * several processors saves the instruction that raised it, with the handler's stack: the exception
 * would come twice. The preemption timer is let run out at many points of a micro-guest that divides
 * by 0. */
#include "probe/selftest_exceptions.h"

#include "core/backend.h"
#include "core/cpu.h"
#include "core/machine.h"
#include "probe/selftest.h"
#include "vmx/vmx.h"
#include "x86/registers.h"

#define UNITS       256         /* of the timer: long enough for a few instructions of an emulator */

extern const char selftest_fault[];

static bool saves_what_raised(struct cpu *cpu, unsigned units)
{
    const char *ended_by;

    selftest_reset(cpu, selftest_fault);
    vmx_exit_within(cpu, units);
    ended_by = selftest_enter(cpu);
    vmx_exit_within(cpu, VMX_NEVER);
    return ended_by
        && backend->register_read(cpu, GUEST_RIP) == selftest_address(selftest_fault)
        && backend->register_read(cpu, GUEST_RSP) != SELFTEST_STACK_TOP;
}

void selftest_exceptions(struct cpu *cpu)
{
    bool found = false;

    machine.exceptions_exit = false;
    if (!vmx_control_allowed(CAPABILITY_VMX_PREEMPTION_TIMER))
        return;
    for (unsigned units = 0; units < UNITS && !found; units++)
        found = saves_what_raised(cpu, units);
    machine.exceptions_exit = found;
    backend->exceptions_intercept(cpu, 0);
}
