/* SPDX-License-Identifier: BSD-2-Clause */
/* The micro-guest writes to the APIC's page, which is closed; what the VMCB gives of the instruction is
 * compared with the instruction, before anything else is done about the fault. Two of them, since what
 * is left over from the first is no answer to the second. */
#include "probe/selftest_decode_assists.h"

#include <stdbool.h>
#include <stdint.h>

#include "apic/shadow.h"
#include "core/machine.h"
#include "probe/selftest.h"
#include "strategies/operations.h"
#include "svm/instruction_bytes.h"
#include "svm/svm.h"

extern const char selftest_tpr[], selftest_tpr_end[];
extern const char selftest_immediate[], selftest_immediate_end[];

static struct {
    bool seen;
    unsigned count;
    uint8_t bytes[SVM_INSTRUCTION_BYTES];
} fault;

static void take(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    (void)guest_physical;
    (void)write;
    fault.seen = true;
    fault.count = svm_instruction_bytes_of(vmcb_of(cpu), fault.bytes);
    selftest_ends(cpu, NULL);
}

static const struct apic_operations take_operations = {
    .name = "decode assists",
    .attach = apic_shadow_attach,
    .fault = take,
    .step_finished = apic_shadow_step_finished,
    .step_cancelled = apic_shadow_step_cancelled,
    .icr_disturbed = apic_shadow_icr_disturbed,
    .icr_restored = apic_shadow_icr_restored,
};

static const char *faults_at(struct cpu *cpu, const char *label, const char *end)
{
    const char *ended_by;

    selftest_reset(cpu, label);
    fault.seen = false;
    ended_by = selftest_enter(cpu);
    if (ended_by)
        return ended_by;
    if (!fault.seen)
        return "a write to the APIC page was not seen";
    return svm_instruction_bytes_problem(fault.bytes, fault.count, (const uint8_t *)label,
                                         (unsigned)(end - label));
}

const char *selftest_decode_assists(struct cpu *cpu)
{
    const struct apic_operations *bound = binding.apic;
    const char *problem;

    binding.apic = &take_operations;
    binding.apic->attach(cpu);
    problem = faults_at(cpu, selftest_tpr, selftest_tpr_end);
    if (!problem)
        problem = faults_at(cpu, selftest_immediate, selftest_immediate_end);
    backend->page_restore(cpu, cpu->apic.base);
    binding.apic = bound;
    binding.apic->attach(cpu);
    machine.decode_assists = !problem;
    return problem;
}
