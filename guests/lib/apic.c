/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC in both modes (SDM Vol 3: Advanced Programmable Interrupt Controller). */
#include "apic.h"

#include "cpus.h"
#include "delay.h"
#include "tap.h"

uint32_t apic_get(unsigned offset)
{
    if (!this_cpu()->x2apic)
        return apic_read(offset);
    if (offset == APIC_ICR_HIGH)
        return (uint32_t)(x2apic_read(APIC_ICR_LOW) >> 32);
    return offset == APIC_DFR ? 0 : (uint32_t)x2apic_read(offset);
}

void apic_put(unsigned offset, uint32_t value)
{
    if (this_cpu()->x2apic)
        x2apic_write(offset, value);
    else
        apic_write(offset, value);
}

void apic_end_of_interrupt(void)
{
    apic_put(APIC_EOI, 0);
}

void apic_enable(void)
{
    apic_put(APIC_LVT_TIMER, LVT_MASKED);
    apic_put(APIC_TPR, 0);
    apic_put(APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
}

bool apic_bits_empty(unsigned first_register)
{
    for (unsigned i = 0; i < 8; i++)
        if (apic_get(first_register + 16 * i) != 0)
            return false;
    return true;
}

bool apic_bit(unsigned first_register, uint8_t vector)
{
    return (apic_get(first_register + vector / 32 * 16) >> vector % 32 & 1) != 0;
}

void apic_wait_idle(void)
{
    if (!WAIT_UNTIL((apic_read(APIC_ICR_LOW) & ICR_DELIVERY_PENDING) == 0))
        fatal("the delivery status of ICR does not become idle");
}

void apic_send(uint8_t destination, uint32_t command)
{
    if (this_cpu()->x2apic) {
        x2apic_send(destination, command);
        return;
    }
    apic_write(APIC_ICR_HIGH, (uint32_t)destination << 24);
    apic_write(APIC_ICR_LOW, command);
    apic_wait_idle();
}
