/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/step.h"

#include "apic/shadow.h"
#include "core/backend.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "core/hidden_access.h"
#include "probe/selftest.h"
#include "strategies/operations.h"
#include "x2apic/base.h"
#include "x86/registers.h"

/* IRET and POPF leave IF alone when CPL is above IOPL (SDM Vol 2: POPF/POPFD/POPFQ - Pop Stack Into
 * EFLAGS Register). */
static COLD bool if_is_kept(struct cpu *cpu)
{
    uint64_t rflags = backend->register_read(cpu, GUEST_RFLAGS);
    struct segment_state ss;

    backend->segment_read(cpu, GUEST_SS, &ss);
    return (backend->register_read(cpu, GUEST_CR0) & CR0_PE)
           && (ss.attributes >> SEGMENT_DPL_SHIFT & 3) > (rflags >> RFLAGS_IOPL_SHIFT & 3);
}

/* Was it the delivery of an event that touched the page (a stack there), there is no instruction to
 * step: the event is delivered again, and the guest exits before the first instruction of its
 * handler. */
void step_begin(struct cpu *cpu, uint32_t owner, bool loads_rflags)
{
    struct step_state *step = &cpu->step;

    if (loads_rflags)
        step->keeps_if = if_is_kept(cpu);
    step->dismissed &= ~owner;
    if (step_active(cpu)) {
        step->loads_rflags |= loads_rflags;
        step->owners |= owner;
        return;
    }
    step->loads_rflags = loads_rflags;
    step->delivery = cpu->interrupted.valid;
    step->owners = owner;
    if (step->delivery)
        backend->exit_after_delivery(cpu);
    else
        binding.step->begin(cpu);
}

void step_dismiss(struct cpu *cpu, uint32_t owner)
{
    cpu->step.dismissed |= cpu->step.owners & owner;
}

/* Ends the step; who is to be told. */
static uint32_t take_owners(struct cpu *cpu)
{
    uint32_t owners = cpu->step.owners & ~cpu->step.dismissed;

    cpu->step.owners = 0;
    cpu->step.dismissed = 0;
    return owners;
}

void step_delivery_ended(struct cpu *cpu)
{
    if (step_active(cpu) && cpu->step.delivery)
        step_finish(cpu);
}

/* The instruction's own trap, which has been raised already, is the same one. */
static COLD void raise_held_trap(struct cpu *cpu)
{
    uint64_t dr6 = backend->register_read(cpu, GUEST_DR6);

    if (!cpu->event.valid) {
        dr6 &= ~DR6_B0_B3;
        event_raise(cpu, VECTOR_DB, false, 0);
    }
    backend->register_write(cpu, GUEST_DR6, dr6 | cpu->step.held_hits);
}

static COLD void tell_finished(struct cpu *cpu, uint32_t owners)
{
    if (owners & STEP_OWNER_HELD_TRAP)
        raise_held_trap(cpu);
    if (owners & STEP_OWNER_HIDDEN)
        hidden_step_finished(cpu);
    if (owners & STEP_OWNER_IRET)
        binding.nmi->step_ended(cpu);
    if (owners & STEP_OWNER_PUSHF)
        apic_shadow_flags_pushed(cpu);
    if (owners & STEP_OWNER_APIC)
        guest_apic_page(cpu)->step_finished(cpu);
    if (owners & STEP_OWNER_SELFTEST)
        selftest_step_ended(cpu, true);
}

void step_finish(struct cpu *cpu)
{
    uint32_t owners = take_owners(cpu);

    cpu->counters[COUNTER_STEP]++;
    if (!cpu->step.delivery)
        binding.step->finish(cpu);
    if (owners == STEP_OWNER_APIC)
        guest_apic_page(cpu)->step_finished(cpu);
    else
        tell_finished(cpu, owners);
}

/* What waited for the end of the instruction is lost when that raises a fault: an injected one comes without
 * pending debug exceptions, too. */
void step_cancel(struct cpu *cpu)
{
    uint32_t owners;

    if (!step_active(cpu))
        return;
    owners = take_owners(cpu);
    cpu->counters[COUNTER_STEP_CANCELLED]++;
    if (!cpu->step.delivery)
        binding.step->cancel(cpu);
    if (owners & STEP_OWNER_HIDDEN)
        hidden_step_cancelled(cpu);
    if (owners & STEP_OWNER_IRET)
        binding.nmi->step_ended(cpu);
    if (owners & STEP_OWNER_APIC)
        guest_apic_page(cpu)->step_cancelled(cpu);
    if (owners & STEP_OWNER_SELFTEST)
        selftest_step_ended(cpu, false);
}
