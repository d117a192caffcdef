/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC in xAPIC mode (SDM Vol 3: Advanced Programmable Interrupt Controller). */
#include "apic.h"

#include "delay.h"
#include "tap.h"

void apic_enable(void)
{
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
}

bool apic_bits_empty(unsigned first_register)
{
    for (unsigned i = 0; i < 8; i++)
        if (apic_read(first_register + 16 * i) != 0)
            return false;
    return true;
}

bool apic_bit(unsigned first_register, uint8_t vector)
{
    return (apic_read(first_register + vector / 32 * 16) >> vector % 32 & 1) != 0;
}

void apic_wait_idle(void)
{
    if (!WAIT_UNTIL((apic_read(APIC_ICR_LOW) & ICR_DELIVERY_PENDING) == 0))
        fatal("the delivery status of ICR does not become idle");
}

void apic_send(uint8_t destination, uint32_t command)
{
    apic_write(APIC_ICR_HIGH, (uint32_t)destination << 24);
    apic_write(APIC_ICR_LOW, command);
    apic_wait_idle();
}
