/* SPDX-License-Identifier: BSD-2-Clause */
/* apic=decode: the xAPIC page is read-only in the nested paging structures; the instruction that writes
 * to it is fetched once (by the processor, where it gives what it fetched, else from the guest's
 * memory), decoded, and carried out (apic/emulate.c): the register through the policy
 * (apic/policy.c), the rest as its processor would have done it. One exit a write, and none for reads,
 * but while the hardware's ICR does not show what the guest wrote last. What cannot be carried out is
 * stepped (apic/shadow.c). */
#include "apic/emulate.h"
#include "apic/policy.h"
#include "apic/shadow.h"
#include "strategies/operations.h"

static const struct apic_emulation registers = {
    .show = apic_policy_show,
    .write = apic_policy_write,
    .otherwise = apic_shadow_fault,
};

static void fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    apic_emulate(cpu, guest_physical, write, &registers);
}

const struct apic_operations apic_decode_operations = {
    .name = "decode",
    .attach = apic_shadow_attach,
    .fault = fault,
    .step_finished = apic_shadow_step_finished,
    .step_cancelled = apic_shadow_step_cancelled,
    .icr_disturbed = apic_shadow_icr_disturbed,
    .icr_restored = apic_shadow_icr_restored,
};
