/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits are exact. Of the ticks the least of some rounds counts, less those of the same way into the
 * micro-guest and out without the operation: what disturbs a round only makes it longer. */
#include "probe/selftest_measure.h"

#include "apic/local.h"
#include "core/cpu.h"
#include "core/step.h"
#include "probe/selftest.h"
#include "probe/selftest_x2apic.h"
#include "strategies/operations.h"
#include "x86/registers.h"

#define ROUNDS      16

extern const char selftest_tpr[], selftest_hypercall[], selftest_x2apic[];

/* How the micro-guest is entered for a round: without the operation and with it. */
struct measured_operation {
    const char *label[2];
    bool step;
};

static const struct measured_operation operations[AXIS_COUNT] = {
    [AXIS_APIC] = { .label = { selftest_hypercall, selftest_tpr } },
    [AXIS_X2APIC] = { .label = { selftest_hypercall, selftest_x2apic } },
    /* Without a step there is no way out that is as short: nothing is taken off. */
    [AXIS_STEP] = { .label = { NULL, selftest_nop }, .step = true },
};

static void enter(struct cpu *cpu, const struct measured_operation *operation, bool with)
{
    if (operation == &operations[AXIS_X2APIC] && with) {
        selftest_x2apic_prepare_write(cpu);
    } else {
        selftest_reset(cpu, operation->label[with]);
        cpu->registers->rax = local_apic_read(APIC_TPR);
    }
    if (with && operation->step)
        step_begin(cpu, STEP_OWNER_SELFTEST, false);
    selftest_enter(cpu);
}

static struct strategy_cost rounds(struct cpu *cpu, const struct measured_operation *operation, bool with)
{
    struct strategy_cost cost = { .measured = true, .ticks = UINT64_MAX };

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t exits = cpu->counters[COUNTER_EXITS], start = tsc_read(), ticks;

        enter(cpu, operation, with);
        ticks = tsc_read() - start;
        if (ticks < cost.ticks)
            cost.ticks = ticks;
        cost.exits = (uint32_t)(cpu->counters[COUNTER_EXITS] - exits);
    }
    return cost;
}

struct strategy_cost selftest_measure(struct cpu *cpu, enum axis axis)
{
    const struct measured_operation *operation = &operations[axis];
    struct strategy_cost cost, without = { .measured = false };
    struct selftest_x2apic_state before;

    if (!rank_operation(axis))
        return without;
    if (axis == AXIS_APIC)
        binding.apic->attach(cpu);
    if (axis == AXIS_X2APIC)
        selftest_x2apic_begin(cpu, &before);
    cost = rounds(cpu, operation, true);
    if (operation->label[0])
        without = rounds(cpu, operation, false);
    if (axis == AXIS_APIC && binding.apic->detach)
        binding.apic->detach(cpu);
    if (axis == AXIS_X2APIC)
        selftest_x2apic_end(cpu, &before);
    cost.exits -= without.exits;
    cost.ticks -= without.ticks < cost.ticks ? without.ticks : cost.ticks;
    return cost;
}
