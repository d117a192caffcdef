/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/forward.h"

#include <stdatomic.h>

#include "apic/icr.h"
#include "apic/local.h"
#include "core/cold.h"
#include "core/cpu.h"

_Atomic uint32_t apic_irregular_cpus;

void apic_set_irregular(struct cpu *cpu, bool irregular)
{
    if (cpu->apic.irregular == irregular)
        return;
    cpu->apic.irregular = irregular;
    if (irregular)
        atomic_fetch_add(&apic_irregular_cpus, 1);
    else
        atomic_fetch_sub(&apic_irregular_cpus, 1);
}

/* While some CPU is irregular. Of those that a message of lowest priority is for, one gets it: the first,
 * since nobody else can ask the others for their priority. */
COLD bool apic_send_one_by_one(struct cpu *cpu, uint64_t icr, bool x2apic)
{
    const struct icr_command command = icr_decode_write(icr, x2apic);
    bool lowest = command.delivery_mode == ICR_DELIVERY_LOWEST_PRIORITY;
    uint32_t low = APIC_ICR_ASSERT | command.vector;

    /* It does nothing on these processors; asserted, as all that follows, it would be an INIT. */
    if (command.class == ICR_INIT_DEASSERT)
        return false;
    if (!lowest)
        low |= (uint32_t)command.delivery_mode << APIC_ICR_DELIVERY_MODE_SHIFT;
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (!destination_matches(&command, &cpus[i]->apic.identity, cpus[i] == cpu))
            continue;
        local_apic_send(cpus[i]->apic_id, low);
        if (lowest)
            break;
    }
    return false;
}
