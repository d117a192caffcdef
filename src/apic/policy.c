/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/policy.h"

#include <string.h>

#include "apic/icr.h"
#include "apic/local.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "strategies/operations.h"
#include "x2apic/base.h"
#include "x86/msr.h"

#define APIC_LAST_REGISTER  0x530       /* the last of the extended space */

#define REGISTERS           (APIC_LAST_REGISTER / APIC_REGISTER_STRIDE + 1)
#define SEALED              __attribute__((section(".sealed")))

/* The registers that a snapshot reads: the offset of each, and whether one is among them. */
SEALED static uint16_t readable[REGISTERS];
SEALED static unsigned readable_count;
SEALED static bool is_readable[REGISTERS];

static COLD void change_reads(struct cpu *cpu, bool closed)
{
    if (cpu->apic.mode != APIC_MODE_XAPIC) {
        cpu->apic.reads_closed = closed;
        binding.x2apic->mode_changed(cpu);
    } else if (closed) {
        guest_apic_page(cpu)->icr_disturbed(cpu);
    } else {
        guest_apic_page(cpu)->icr_restored(cpu);
    }
}

static void show_icr(struct cpu *cpu, bool closed)
{
    if (cpu->apic.reads_closed != closed)
        change_reads(cpu, closed);
}

void apic_policy_icr_disturbed(struct cpu *cpu)
{
    show_icr(cpu, true);
}

static SEPARATE void write_icr_low(struct cpu *cpu, uint32_t value)
{
    const volatile uint32_t *registers = cpu->apic.registers;
    uint32_t high = registers ? registers[APIC_ICR_HIGH / sizeof registers[0]] : cpu->apic.icr_high;

    cpu->apic.icr_low = icr_low_as_read(value);
    show_icr(cpu, !binding.startup->icr_write(cpu, (uint64_t)high << 32 | value, false));
}

void apic_policy_write_icr(struct cpu *cpu, uint64_t icr)
{
    cpu->apic.icr_low = (uint32_t)icr;
    cpu->apic.icr_high = (uint32_t)(icr >> 32);
    show_icr(cpu, !binding.startup->icr_write(cpu, icr, true));
}

/* What x2APIC mode has no register for is kept in software; reserved bits, which are #GP there, were
 * nothing in xAPIC mode. */
static void write_translated(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    const struct apic_register *row = apic_register_at(offset);

    switch (offset) {
    case APIC_LDR:
        cpu->apic.identity.ldr = value & row->writable;
        return;
    case APIC_DFR:
        cpu->apic.identity.dfr = value | ~row->writable;
        return;
    case APIC_ICR_HIGH:
        cpu->apic.icr_high = value & row->writable;
        return;
    default:
        if (row && row->xapic != APIC_ACCESS_NONE)
            msr_write_safe(APIC_X2APIC_MSR_BASE + (offset >> 4), value & row->writable);
    }
}

static uint32_t read_translated(const struct cpu *cpu, uint32_t offset)
{
    uint64_t value = 0;

    switch (offset) {
    case APIC_ID:
        return cpu->apic_id << APIC_ID_SHIFT;
    case APIC_LDR:
        return cpu->apic.identity.ldr;
    case APIC_DFR:
        return cpu->apic.identity.dfr;
    case APIC_ICR_HIGH:
        return cpu->apic.icr_high;
    default:
        msr_read_safe(APIC_X2APIC_MSR_BASE + (offset >> 4), &value);
        return (uint32_t)value;
    }
}

uint32_t apic_policy_read(const struct cpu *cpu, uint32_t offset)
{
    return guest_apic_is_translated(cpu) ? read_translated(cpu, offset) : local_apic_read(offset);
}

static void write_register(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    if (guest_apic_is_translated(cpu)) {
        write_translated(cpu, offset, value);
        return;
    }
    local_apic_write(offset, value);
    if (offset == APIC_LDR || offset == APIC_DFR)
        guest_apic_refresh_identity(cpu);
}

static COLD void write_special(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case 0:
        /* No register; QEMU takes a write there for an interrupt message. */
        return;
    case APIC_ID:
        /* Read-only on current processors. Where it is not, the host's own messages would go astray. */
        return;
    default:
        write_register(cpu, offset, value);
    }
}

/* A write to it needs more than to be done: those above, and what addresses the APIC. */
static const bool is_special[APIC_PAGE_SIZE / APIC_REGISTER_STRIDE] = {
    [0] = true,
    [APIC_ID / APIC_REGISTER_STRIDE] = true,
    [APIC_LDR / APIC_REGISTER_STRIDE] = true,
    [APIC_DFR / APIC_REGISTER_STRIDE] = true,
};

/* Where the hardware's registers are in memory the guest's are none but those. */
void apic_policy_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    volatile void *registers = cpu->apic.registers;

    cpu->counters[COUNTER_APIC_WRITE]++;
    if (offset == APIC_ICR_LOW)
        write_icr_low(cpu, value);
    else if (!registers || is_special[offset / APIC_REGISTER_STRIDE])
        write_special(cpu, offset, value);
    else
        *(volatile uint32_t *)((volatile char *)registers + offset) = value;
}

/* The errors since this was asked last. */
static uint32_t errors(void)
{
    local_apic_write(APIC_ESR, 0);
    return local_apic_read(APIC_ESR);
}

/* Bochs announces extended LVT entries that it has not. QEMU's ESR never becomes clear again and proves
 * nothing then; in x2APIC mode no page is watched. */
static bool is_error(uint32_t offset)
{
    if (local_apic_is_x2apic() || (errors(), errors()))
        return false;
    (void)local_apic_read(offset);
    return errors() & APIC_ESR_ILLEGAL_REGISTER;
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
            && offset != APIC_RRD && apic_register_present(row, version) && !is_error(offset))
            readable[readable_count++] = (uint16_t)offset;
    }
    for (unsigned i = 0; i < readable_count; i++)
        is_readable[readable[i] / APIC_REGISTER_STRIDE] = true;
}

static uint32_t read_register(struct cpu *cpu, uint32_t offset)
{
    if (offset == APIC_ICR_LOW && cpu->apic.reads_closed)
        return cpu->apic.icr_low;
    if (guest_apic_is_translated(cpu))
        return read_translated(cpu, offset);
    return cpu->apic.registers[offset / sizeof(uint32_t)];
}

static bool is_shown(uint32_t offset)
{
    return offset <= APIC_LAST_REGISTER && is_readable[offset / APIC_REGISTER_STRIDE];
}

bool apic_policy_show(struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    if (!is_shown(offset))
        return false;
    *value = read_register(cpu, offset);
    return true;
}

void apic_policy_snapshot(struct cpu *cpu, void *page)
{
    memset(page, 0, APIC_PAGE_SIZE);
    for (unsigned i = 0; i < readable_count; i++)
        *(uint32_t *)((char *)page + readable[i]) = read_register(cpu, readable[i]);
}

/* What does not begin at a register is undefined by the manuals. The delivery of an event only stores. */
void apic_policy_snapshot_other(struct cpu *cpu, void *page, uint32_t offset)
{
    if (offset % APIC_REGISTER_STRIDE == 0 && offset != APIC_EOI && !is_shown(offset)
        && !cpu->interrupted.valid)
        *(uint32_t *)((char *)page + offset) = apic_policy_read(cpu, offset);
}

uint32_t *apic_policy_snapshot_register(struct cpu *cpu, void *page, uint32_t offset)
{
    uint32_t start = offset & ~(APIC_REGISTER_STRIDE - 1);
    uint32_t *word = (uint32_t *)((char *)page + start);

    *word = is_shown(start) ? read_register(cpu, start) : 0;
    return word;
}
