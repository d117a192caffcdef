/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of the calling CPU: registers in xAPIC mode (memory-mapped) and x2APIC mode
 * (MSRs).
 * Source: SDM Vol 3: Advanced Programmable Interrupt Controller (APIC).
 */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include <stdbool.h>
#include <stdint.h>

#include "x86.h"

#define APIC_BASE_ADDRESS 0xfee00000ul

#define APIC_ID              0x020
#define APIC_VERSION         0x030
#define APIC_TPR             0x080
#define APIC_APR             0x090
#define APIC_PPR             0x0a0
#define APIC_EOI             0x0b0
#define APIC_RRD             0x0c0
#define APIC_LDR             0x0d0
#define APIC_DFR             0x0e0
    #define DFR_FLAT             0xffffffffu
    #define DFR_CLUSTER          0x0fffffffu
#define APIC_SVR             0x0f0
    #define SVR_ENABLE           0x100u
#define APIC_ISR             0x100
#define APIC_TMR             0x180
#define APIC_IRR             0x200
#define APIC_ESR             0x280
    #define ESR_ILLEGAL_REGISTER 0x80u
#define APIC_ICR_LOW         0x300
#define APIC_ICR_HIGH        0x310
#define APIC_LVT_TIMER       0x320
    #define TIMER_PERIODIC       0x20000u
#define APIC_LVT_THERMAL     0x330
#define APIC_LVT_PERFORMANCE 0x340
#define APIC_LVT_LINT0       0x350
#define APIC_LVT_LINT1       0x360
#define APIC_LVT_ERROR       0x370
    #define LVT_MASKED           0x10000u
#define APIC_TIMER_INITIAL   0x380
#define APIC_TIMER_CURRENT   0x390
#define APIC_TIMER_DIVIDE    0x3e0
    #define DIVIDE_BY_1          0xbu

/* ICR, low half */
#define ICR_FIXED            0x00000u
#define ICR_NMI              0x00400u
#define ICR_INIT             0x00500u
#define ICR_STARTUP          0x00600u
#define ICR_LOGICAL          0x00800u
#define ICR_DELIVERY_PENDING 0x01000u
#define ICR_ASSERT           0x04000u
#define ICR_LEVEL_TRIGGER    0x08000u
#define ICR_SELF             0x40000u
#define ICR_ALL              0x80000u
#define ICR_OTHERS           0xc0000u

#define SPURIOUS_VECTOR 0xff

static inline volatile uint32_t *apic_register(unsigned offset)
{
    return (volatile uint32_t *)(APIC_BASE_ADDRESS + offset);
}

/* One 32-bit MOV each; the compiler may not fold it into another instruction. */
static inline uint32_t apic_read(unsigned offset)
{
    uint32_t value;
    __asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*apic_register(offset)) : "memory");
    return value;
}

static inline void apic_write(unsigned offset, uint32_t value)
{
    __asm__ volatile("movl %1, %0" : "=m"(*apic_register(offset)) : "r"(value) : "memory");
}

/*
 * The same registers in x2APIC mode (SDM Vol 3: Extended XAPIC (x2APIC) > x2APIC Register Address
 * Space).
 */
static inline uint64_t x2apic_read(unsigned offset)
{
    return rdmsr(0x800 + offset / 16);
}

static inline void x2apic_write(unsigned offset, uint64_t value)
{
    wrmsr(0x800 + offset / 16, value);
}

/*
 * A register of the calling CPU in whichever mode its APIC is; registers that x2APIC mode lacks read
 * as 0. ICR-high is the upper half of ICR.
 */
uint32_t apic_get(unsigned offset);
void apic_put(unsigned offset, uint32_t value);

/*
 * Software-enables the APIC with spurious vector 0xFF, TPR 0, timer masked. Every CPU calls it
 * after its start.
 */
void apic_enable(void);

/*
 * True when no bit of the eight registers at APIC_ISR (in service) or APIC_IRR (requested) is set.
 */
bool apic_bits_empty(unsigned first_register);

/* Number of set bits there for one vector: 0 or 1. */
bool apic_bit(unsigned first_register, uint8_t vector);

/* Waits until the delivery status of ICR is idle. */
void apic_wait_idle(void);

/*
 * Sends an interprocessor interrupt: destination into ICR-high, `command` into ICR-low, then waits
 * until idle. In x2APIC mode by one write.
 */
void apic_send(uint8_t destination, uint32_t command);

/*
 * The same in x2APIC mode, where there is nothing to wait for; the destination has 32 bits.
 */
static inline void x2apic_send(uint32_t destination, uint32_t command)
{
    x2apic_write(APIC_ICR_LOW, (uint64_t)destination << 32 | command);
}

/* End of interrupt in whichever mode. */
void apic_end_of_interrupt(void);

/* End of interrupt in xAPIC mode. */
static inline void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

#endif
