/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/selftest_step.h"

#include <stddef.h>

#include "apic/local.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/exceptions.h"
#include "core/machine.h"
#include "core/step.h"
#include "probe/selftest.h"
#include "strategies/mtf/pending.h"
#include "strategies/operations.h"
#include "x86/io.h"
#include "x86/registers.h"

#define SCRATCH         0xe00           /* where REP STOS writes */
#define PIC1_MASK       0x21            /* ports of the 8259A interrupt controllers */
#define PIC2_MASK       0xa1
#define PIC_ALL         0xff

extern const char selftest_nop_end[], selftest_rep[], selftest_fault[];
extern const char selftest_pending[], selftest_pending_end[];

static void enter_with_step(struct cpu *cpu)
{
    step_begin(cpu, STEP_OWNER_SELFTEST, false);
    selftest_enter(cpu);
}

static const char *over_a_nop(struct cpu *cpu)
{
    selftest_reset(cpu, selftest_nop);
    enter_with_step(cpu);
    if (!selftest_stepped())
        return selftest_ended_by() ? selftest_ended_by() : "the step over a NOP did not come";
    if (backend->register_read(cpu, GUEST_RIP) != selftest_address(selftest_nop_end))
        return "the step over a NOP ended elsewhere";
    return NULL;
}

static const char *over_a_repeated_store(struct cpu *cpu)
{
    selftest_reset(cpu, selftest_rep);
    cpu->registers->rcx = 3;
    cpu->registers->rdi = SCRATCH;
    enter_with_step(cpu);
    return selftest_stepped() && cpu->registers->rcx == 2
         ? NULL : "a step did not end after one iteration of REP STOS";
}

static const char *over_a_fault(struct cpu *cpu)
{
    selftest_reset(cpu, selftest_fault);
    enter_with_step(cpu);
    if (selftest_stepped() || cpu->registers->rdi != 1 || selftest_ended_by())
        return "a fault inside a step did not reach its handler";
    /* IP, CS, FLAGS: what the handler's IRET took. */
    if (selftest_word(SELFTEST_STACK_TOP - 2) & RFLAGS_TF)
        return "a fault inside a step showed the guest a trap flag that it had not set";
    return NULL;
}

/* It is requested before the step, and the guest has interrupts on. */
static const char *over_a_pending_interrupt(struct cpu *cpu)
{
    selftest_reset(cpu, selftest_pending);
    backend->register_write(cpu, GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    local_apic_send(cpu->apic_id, APIC_ICR_ASSERT | SELFTEST_VECTOR);
    enter_with_step(cpu);
    if (!selftest_stepped() || cpu->registers->rsi != 0
        || backend->register_read(cpu, GUEST_RIP) != selftest_address(selftest_pending_end))
        return "a pending interrupt came into a step";
    if (selftest_enter(cpu) || cpu->registers->rsi != 1)
        return "an interrupt that was pending during a step did not come behind it";
    return NULL;
}

/* Nothing but that interrupt comes: firmware's devices may have some pending, and the micro-guest
 * has no handlers for them. (Bochs connects the interrupt controllers past LINT0.) */
static const char *with_interrupts(struct cpu *cpu)
{
    uint8_t first_mask = in8(PIC1_MASK), second_mask = in8(PIC2_MASK);
    uint32_t spurious = local_apic_read(APIC_SVR), lint0, priority;
    const char *problem;

    out8(PIC1_MASK, PIC_ALL);
    out8(PIC2_MASK, PIC_ALL);
    local_apic_write(APIC_SVR, spurious | APIC_SVR_ENABLE);
    lint0 = local_apic_read(APIC_LVT_LINT0);
    priority = local_apic_read(APIC_TPR);
    local_apic_write(APIC_LVT_LINT0, lint0 | APIC_LVT_MASKED);
    local_apic_write(APIC_TPR, 0);
    backend->host_nmi_allow();
    exceptions_drain_interrupts();
    backend->host_nmi_hold();
    problem = over_a_pending_interrupt(cpu);
    backend->host_nmi_allow();
    exceptions_drain_interrupts();
    backend->host_nmi_hold();
    local_apic_write(APIC_TPR, priority);
    local_apic_write(APIC_LVT_LINT0, lint0);
    local_apic_write(APIC_SVR, spurious);
    out8(PIC2_MASK, second_mask);
    out8(PIC1_MASK, first_mask);
    return problem;
}

/* What steps are for. The page is opened and closed around each by apic=page, whatever is bound. */
static const char *over_apic_writes(struct cpu *cpu)
{
    const struct apic_operations *bound = binding.apic;
    uint64_t steps = cpu->counters[COUNTER_STEP];
    const char *problem;

    binding.apic = &apic_page_operations;
    problem = selftest_apic_page(cpu);
    if (!problem && cpu->counters[COUNTER_STEP] < steps + 2)
        problem = "a write to the APIC page was not stepped";
    backend->page_restore(cpu, cpu->apic.base);
    binding.apic = bound;
    binding.apic->attach(cpu);
    return problem;
}

static const char *step(struct cpu *cpu)
{
    static const char *(*const tests[])(struct cpu *cpu) = {
        over_a_nop, over_a_repeated_store, over_a_fault, with_interrupts, over_apic_writes,
    };

    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        const char *problem = tests[i](cpu);

        if (problem)
            return problem;
    }
    return NULL;
}

static const char cause_hidden[] =
    "a #DB that exits does not say its cause in DR6, so the guest's own do not exit";
static const char pending_before[] =
    "an injected pending MTF exit comes before the instruction, so it cannot step";
static const char pending_never[] =
    "an injected pending MTF exit does not come; steps do not need it";

bool selftest_is_remark(const char *detail)
{
    return detail == pending_before || detail == pending_never || detail == cause_hidden;
}

const char *selftest_step_dbstep(struct cpu *cpu)
{
    const char *problem;

    cpu->step.cause_shown = true;
    problem = step(cpu);
    if (problem || cpu->step.cause_shown)
        return problem;
    machine.debug_cause_hidden = true;
    backend->exceptions_intercept(cpu, 0);
    return cause_hidden;
}

/* A hypervisor below may keep the exit to itself. One that comes elsewhere is not what the manual
 * says of the same exit that ends a step, and such a machine's steps are not to be trusted. */
static const char *pending_exit(struct cpu *cpu)
{
    uint64_t exits = cpu->counters[COUNTER_EXIT_MTF];

    selftest_reset(cpu, selftest_nop);
    mtf_inject_pending(cpu);
    selftest_enter(cpu);
    if (cpu->counters[COUNTER_EXIT_MTF] == exits)
        return selftest_ended_by() ? selftest_ended_by() : pending_never;
    return backend->register_read(cpu, GUEST_RIP) == selftest_address(selftest_nop)
         ? pending_before : "an injected pending MTF exit comes after an instruction, not before";
}

const char *selftest_step_mtf(struct cpu *cpu)
{
    const char *problem = step(cpu);

    return problem ? problem : pending_exit(cpu);
}
