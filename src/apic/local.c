/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/local.h"

#include <stddef.h>

#include "apic/reset.h"
#include "core/cpu.h"
#include "core/exceptions.h"
#include "core/physical.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define BUSY_LIMIT      1000000
#define ISR_VECTORS     256

bool local_apic_is_x2apic(void)
{
    uint64_t both = APIC_BASE_EN | APIC_BASE_EXTD;

    return (msr_read(MSR_IA32_APIC_BASE) & both) == both;
}

void local_apic_follow_mode(void)
{
    uint64_t base = msr_read(MSR_IA32_APIC_BASE);

    this_cpu()->apic.registers = base & APIC_BASE_EXTD ? NULL
        : physical_pointer(base & UINT64_C(0x000ffffffffff000), APIC_PAGE_SIZE);
}

uint32_t local_apic_read(uint32_t offset)
{
    const volatile uint32_t *registers = this_cpu()->apic.registers;

    if (!registers)
        return (uint32_t)msr_read(APIC_X2APIC_MSR_BASE + (offset >> 4));
    return registers[offset / sizeof registers[0]];
}

void local_apic_write(uint32_t offset, uint32_t value)
{
    local_apic_write_of(this_cpu(), offset, value);
}

bool local_apic_wait_until_idle(void)
{
    for (unsigned i = 0; i < BUSY_LIMIT; i++) {
        if (!(local_apic_read(APIC_ICR_LOW) & APIC_ICR_SEND_PENDING))
            return true;
        pause();
    }
    return false;
}

bool local_apic_send(uint32_t apic_id, uint32_t low)
{
    uint32_t high;

    if (local_apic_is_x2apic()) {
        msr_write(APIC_X2APIC_MSR_BASE + (APIC_ICR_LOW >> 4), (uint64_t)apic_id << 32 | low);
        return true;
    }
    if (!local_apic_wait_until_idle())
        return false;
    high = local_apic_read(APIC_ICR_HIGH);
    local_apic_write(APIC_ICR_HIGH, apic_id << APIC_ICR_DESTINATION_SHIFT);
    local_apic_write(APIC_ICR_LOW, low);
    local_apic_wait_until_idle();
    local_apic_write(APIC_ICR_HIGH, high);
    return true;
}

int local_apic_highest_requested(void)
{
    for (int i = APIC_VECTOR_REGISTERS - 1; i >= 0; i--) {
        uint32_t word = local_apic_read(APIC_IRR0 + (uint32_t)i * APIC_REGISTER_STRIDE);

        if (word)
            return i * 32 + 31 - __builtin_clz(word);
    }
    return -1;
}

bool local_apic_requested(void)
{
    return local_apic_highest_requested() >= 0;
}

void local_apic_clear_icr(void)
{
    local_apic_write(APIC_ICR_HIGH, local_apic_read(APIC_ID));
    local_apic_write(APIC_ICR_LOW, 0);
    local_apic_wait_until_idle();
    local_apic_write(APIC_ICR_HIGH, 0);
    /* A write shows what has happened since the last one. */
    local_apic_write(APIC_ESR, 0);
    local_apic_write(APIC_ESR, 0);
}

static void end_all_in_service(void)
{
    for (unsigned i = 0; i < ISR_VECTORS; i++) {
        uint32_t any = 0;

        for (unsigned j = 0; j < APIC_VECTOR_REGISTERS; j++)
            any |= local_apic_read(APIC_ISR0 + j * APIC_REGISTER_STRIDE);
        if (!any)
            return;
        local_apic_write(APIC_EOI, 0);
    }
}

void local_apic_init_state(void)
{
    struct apic_register_write list[APIC_INIT_WRITE_MAX];
    unsigned drain_at;
    unsigned count = apic_init_writes(local_apic_read(APIC_VERSION), local_apic_is_x2apic(), list,
                                      &drain_at);

    for (unsigned i = 0; i < count; i++) {
        if (i == drain_at) {
            /* An APIC that the guest has disabled by software holds its requests: Linux takes a
             * processor off line like that. */
            local_apic_write(APIC_SVR, local_apic_read(APIC_SVR) | APIC_SVR_ENABLE);
            end_all_in_service();
            exceptions_drain_interrupts();
        }
        local_apic_write(list[i].offset, list[i].value);
    }
}
