/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/policy.h"

#include "apic/icr.h"
#include "apic/local.h"
#include "core/cpu.h"
#include "core/physical.h"
#include "strategies/operations.h"
#include "x86/msr.h"

#define APIC_LAST_REGISTER  0x530       /* the last of the extended space */

/* Offsets of the registers that a snapshot reads. */
__attribute__((section(".sealed")))
static uint16_t readable[APIC_LAST_REGISTER / APIC_REGISTER_STRIDE + 1];
__attribute__((section(".sealed"))) static unsigned readable_count;

static void write_icr_low(struct cpu *cpu, uint32_t value)
{
    cpu->apic.icr_low = icr_low_as_read(value);
    if (binding.startup->icr_write(cpu, value, local_apic_read(APIC_ICR_HIGH)))
        binding.apic->icr_restored(cpu);
    else
        binding.apic->icr_disturbed(cpu);
}

void apic_policy_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    cpu->counters[COUNTER_APIC_WRITE]++;
    switch (offset) {
    case 0:
        /* No register; QEMU takes a write there for an interrupt message. */
        return;
    case APIC_ID:
        /* Read-only on current processors. Where it is not, the host's own messages would go astray. */
        return;
    case APIC_ICR_LOW:
        write_icr_low(cpu, value);
        return;
    default:
        local_apic_write(offset, value);
        if (offset == APIC_LDR || offset == APIC_DFR)
            apic_policy_refresh_identity(cpu);
    }
}

/* Registers that the version register does not announce are not read: that would set an error bit
 * that the guest can see. */
void apic_policy_prepare(void)
{
    uint32_t version = local_apic_read(APIC_VERSION);

    readable_count = 0;
    for (uint32_t offset = APIC_ID; offset <= APIC_LAST_REGISTER; offset += APIC_REGISTER_STRIDE) {
        const struct apic_register *row = apic_register_at(offset);

        if (row && row->xapic != APIC_ACCESS_NONE && row->xapic != APIC_ACCESS_WRITE
            && offset != APIC_RRD && apic_register_present(row, version))
            readable[readable_count++] = (uint16_t)offset;
    }
}

void apic_policy_snapshot(struct cpu *cpu, void *page)
{
    const char *registers = physical_pointer(cpu->apic.hardware_base, APIC_PAGE_SIZE);

    for (unsigned i = 0; i < readable_count; i++)
        *(uint32_t *)((char *)page + readable[i]) =
            *(const volatile uint32_t *)(registers + readable[i]);
    if (cpu->apic.reads_closed)
        *(uint32_t *)((char *)page + APIC_ICR_LOW) = cpu->apic.icr_low;
}

/* Senders read these words while they change, one after the other, as they would race with the
 * hardware's own registers. */
void apic_policy_refresh_identity(struct cpu *cpu)
{
    struct apic_identity *identity = &cpu->apic.identity;

    identity->enabled = msr_read(MSR_IA32_APIC_BASE) & APIC_BASE_EN;
    identity->x2apic = local_apic_is_x2apic();
    identity->id = cpu->apic_id;
    identity->ldr = local_apic_read(APIC_LDR);
    identity->dfr = identity->x2apic ? 0 : local_apic_read(APIC_DFR);
}
