/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of apic=apicv: writes to TPR and EOI do not exit, one to ICR exits once it is done and
 * leaves its value on the virtual-APIC page; an external interrupt exits, becomes a virtual one and
 * is delivered; EOI exits where that was asked for. In between two things are measured that some
 * emulators do not do: a virtual interrupt that is requested already wakes a guest that halts; an
 * external interrupt exits from a guest that was entered with interrupts off.
 *
 * That of x2apic=apicv: writes to TPR, EOI and SELF IPI do not exit, one to ICR does.
 *
 * The 8259 is masked meanwhile: its interrupts are for the guest that comes. */
#include "probe/selftest_apicv.h"

#include "apic/icr.h"
#include "apic/local.h"
#include "core/cpu.h"
#include "core/exceptions.h"
#include "core/machine.h"
#include "probe/selftest.h"
#include "probe/selftest_x2apic.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"
#include "x86/io.h"

extern const char selftest_x2apic_virtual[];

#define TEST_VECTOR         0xe1
#define TEST_PRIORITY       0x10
/* INIT level de-assert, which no current processor acts on. */
#define HARMLESS_COMMAND    (5u << APIC_ICR_DELIVERY_MODE_SHIFT | APIC_ICR_LEVEL_TRIGGERED)
#define PATIENCE            10000       /* units of the preemption timer */
#define PORT_MASTER_MASK    0x21
#define PORT_SLAVE_MASK     0xa1

const char selftest_apicv_limited[] =
    "it works, but a guest that is entered with interrupts off is not left for one here: they "
    "are looked for, and it may see one late in IRR";

static const char *registers_work(struct cpu *cpu)
{
    uint64_t exits = cpu->counters[COUNTER_EXITS];
    uint64_t writes = cpu->counters[COUNTER_EXIT_APIC_WRITE];
    const char *ended_by;

    selftest_reset(cpu, selftest_apicv);
    cpu->registers->rax = TEST_PRIORITY;
    cpu->registers->rcx = HARMLESS_COMMAND;
    ended_by = selftest_enter(cpu);
    if (ended_by)
        return ended_by;
    if (cpu->counters[COUNTER_EXIT_APIC_WRITE] != writes + 1)
        return "a write to ICR did not cause an APIC-write VM exit";
    if (cpu->apic.icr_low != HARMLESS_COMMAND)
        return "the APIC-write VM exit of ICR did not leave the value on the virtual-APIC page";
    if ((uint32_t)cpu->registers->rbx != TEST_PRIORITY)
        return "TPR did not show what was written";
    /* ICR and the hypercall. */
    return cpu->counters[COUNTER_EXITS] == exits + 2 ? NULL
        : "a write to TPR or EOI caused a VM exit";
}

/* A processor that does not answer is not asked where nothing could end that. */
static const char *measure_halt(struct cpu *cpu)
{
    if (!vmx_control_allowed(CAPABILITY_VMX_PREEMPTION_TIMER))
        return NULL;
    vmx_virtual_apic_stop(cpu);
    machine.halt_needs_exit = false;
    binding.apic->attach(cpu);
    selftest_reset(cpu, selftest_halt);
    cpu->registers->rcx = APIC_ICR_ASSERT | TEST_VECTOR
                        | ICR_SHORTHAND_SELF << APIC_ICR_SHORTHAND_SHIFT;
    vmx_exit_within(cpu, PATIENCE);
    machine.halt_needs_exit = selftest_enter(cpu) != NULL;
    vmx_exit_within(cpu, VMX_NEVER);
    return NULL;
}

/* Requested before the entry, interrupts off. */
static const char *measure(struct cpu *cpu)
{
    uint64_t exits = cpu->counters[COUNTER_EXIT_INTERRUPT];
    const char *ended_by;

    selftest_reset(cpu, selftest_nop);
    local_apic_send(cpu->apic_id, APIC_ICR_ASSERT | TEST_VECTOR);
    ended_by = selftest_enter(cpu);
    machine.interrupts_need_if = cpu->counters[COUNTER_EXIT_INTERRUPT] == exits;
    exceptions_drain_interrupts();
    return ended_by;
}

static const char *interrupt_arrives(struct cpu *cpu)
{
    uint64_t exits = cpu->counters[COUNTER_EXIT_INTERRUPT];
    const char *ended_by;

    selftest_reset(cpu, selftest_interrupt);
    cpu->registers->rdx = cpu->apic_id << APIC_ICR_DESTINATION_SHIFT;
    cpu->registers->rcx = APIC_ICR_ASSERT | TEST_VECTOR;
    ended_by = selftest_enter(cpu);
    if (ended_by)
        return ended_by;
    if (cpu->counters[COUNTER_EXIT_INTERRUPT] == exits)
        return "an external interrupt did not cause a VM exit";
    return cpu->registers->rsi == 1 ? NULL : "a virtual interrupt did not reach its handler";
}

static const char *eoi_exits(struct cpu *cpu)
{
    uint64_t exits = cpu->counters[COUNTER_EXIT_EOI];
    const char *problem;

    /* The bit of an edge-triggered vector is not cleared that is not known to be set. */
    vmcs_write(VMCS_EOI_EXIT_BITMAP0 + 2 * (TEST_VECTOR >> 6), UINT64_C(1) << (TEST_VECTOR & 63));
    problem = interrupt_arrives(cpu);
    if (problem)
        return problem;
    return cpu->counters[COUNTER_EXIT_EOI] == exits + 1 ? NULL
        : "the EOI-exit bitmap did not cause a VM exit";
}

static const char *test(struct cpu *cpu)
{
    const char *(*const parts[])(struct cpu *cpu) = {
        registers_work, measure_halt, measure, interrupt_arrives, eoi_exits,
    };

    machine.interrupts_need_if = false;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *problem;

        binding.apic->attach(cpu);
        problem = parts[i](cpu);
        vmx_virtual_apic_stop(cpu);
        if (problem)
            return problem;
    }
    return NULL;
}

/* What is requested at the end goes back to the hardware, and is dropped there. */
static const char *test_x2apic(struct cpu *cpu)
{
    struct selftest_x2apic_state before;
    const char *problem;
    uint64_t exits;
    int requested;

    selftest_x2apic_begin(cpu, &before);
    exits = cpu->counters[COUNTER_EXITS];
    selftest_reset(cpu, selftest_x2apic_virtual);
    cpu->registers->rax = TEST_PRIORITY;
    cpu->registers->rdi = TEST_VECTOR;
    problem = selftest_enter(cpu);
    requested = vector_register_highest(vmx_of(cpu)->virtual_apic.page, APIC_IRR0);
    exits = cpu->counters[COUNTER_EXITS] - exits;
    selftest_x2apic_end(cpu, &before);
    exceptions_drain_interrupts();
    if (problem)
        return problem;
    if ((uint32_t)cpu->registers->rbx != TEST_PRIORITY)
        return "TPR did not show what was written in x2APIC mode";
    if (requested != TEST_VECTOR)
        return "a write to SELF IPI did not become a virtual interrupt";
    /* The hypercall. */
    return exits == 1 ? selftest_x2apic_msr(cpu) : "a write to TPR, EOI or SELF IPI caused a VM exit";
}

static const char *run(struct cpu *cpu, const char *(*part)(struct cpu *cpu))
{
    uint8_t master = in8(PORT_MASTER_MASK), slave = in8(PORT_SLAVE_MASK);
    uint32_t spurious = local_apic_read(APIC_SVR);
    const char *answer;

    out8(PORT_MASTER_MASK, 0xff);
    out8(PORT_SLAVE_MASK, 0xff);
    local_apic_write(APIC_SVR, spurious | APIC_SVR_ENABLE);
    answer = part(cpu);
    local_apic_write(APIC_SVR, spurious);
    out8(PORT_SLAVE_MASK, slave);
    out8(PORT_MASTER_MASK, master);
    return !answer && machine.interrupts_need_if ? selftest_apicv_limited : answer;
}

const char *selftest_apicv_run(struct cpu *cpu)
{
    return run(cpu, test);
}

const char *selftest_apicv_x2apic(struct cpu *cpu)
{
    return run(cpu, test_x2apic);
}
