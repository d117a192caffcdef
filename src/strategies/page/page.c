/* SPDX-License-Identifier: BSD-2-Clause */
/* apic=page: the xAPIC page is read-only in the nested paging structures; an instruction that writes
 * to it is stepped on a shadow page, and the register that faulted (and only that) is then
 * replayed through the policy (apic/policy.c). The real APIC is never open for writing, so a wide,
 * repeated or page-crossing store cannot reach a register behind the policy's back.
 *
 * Reads cost nothing while the hardware's ICR shows what the guest wrote last. After an INIT, SIPI
 * or NMI that was emulated, or a message of the host's own, it does not: until the next forwarded
 * command reads are stepped on the shadow page too. */
#include "apic/shadow.h"
#include "strategies/operations.h"

const struct apic_operations apic_page_operations = {
    .name = "page",
    .attach = apic_shadow_attach,
    .fault = apic_shadow_fault,
    .step_finished = apic_shadow_step_finished,
    .step_cancelled = apic_shadow_step_cancelled,
    .icr_disturbed = apic_shadow_icr_disturbed,
    .icr_restored = apic_shadow_icr_restored,
};
