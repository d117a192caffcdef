/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers: offsets in the xAPIC page, their bits, and one table that says which
 * registers exist, what may be read and written, and what INIT leaves in them.
 *
 * SDM Vol 3: Advanced Programmable Interrupt Controller (APIC) > Local APIC > The Local APIC Block
 * Diagram (Local APIC Register Address Map); x2APIC Register Address Space.
 * APM Vol 2: Advanced Programmable Interrupt Controller (APIC) > Local APIC > Local APIC Registers.
 *
 * Pure: constants only, no hardware access.
 */
#ifndef SEXTANT_APIC_REGISTERS_H
#define SEXTANT_APIC_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#define APIC_PAGE_SIZE          0x1000u
#define APIC_DEFAULT_BASE       0xFEE00000u     /* after power-up and RESET */
#define APIC_REGISTER_STRIDE    0x10u           /* every register owns 16 bytes, uses the first 4 */
#define APIC_X2APIC_MSR_BASE    0x800u          /* x2APIC MSR = base + (xAPIC offset >> 4) */

/* The IA32_APIC_BASE MSR. */
#define MSR_IA32_APIC_BASE              0x01Bu
#define     APIC_BASE_BSP                   (1ull << 8)     /* bootstrap processor */
#define     APIC_BASE_EXTD                  (1ull << 10)    /* x2APIC mode */
#define     APIC_BASE_EN                    (1ull << 11)    /* globally enabled */
#define     APIC_BASE_ADDRESS_SHIFT         12

/* Identification and priority. */
#define APIC_ID                         0x020u
#define     APIC_ID_SHIFT                   24              /* xAPIC; x2APIC: all 32 bits */
#define APIC_VERSION                    0x030u
#define     APIC_VERSION_NUMBER             0x000000FFu
#define     APIC_VERSION_MAX_LVT_SHIFT      16              /* number of LVT entries minus one */
#define     APIC_VERSION_MAX_LVT            0x00FF0000u
#define     APIC_VERSION_EOI_SUPPRESSION    0x01000000u     /* SVR bit 12 may be set */
#define     APIC_VERSION_EXTENDED_SPACE     0x80000000u     /* AMD: registers from 400h on exist */
#define APIC_TPR                        0x080u
#define APIC_APR                        0x090u
#define APIC_PPR                        0x0A0u
#define APIC_EOI                        0x0B0u
#define APIC_RRD                        0x0C0u
#define APIC_LDR                        0x0D0u
#define     APIC_LDR_SHIFT                  24              /* xAPIC: logical APIC ID */
#define APIC_DFR                        0x0E0u
#define     APIC_DFR_MODEL_SHIFT            28
#define     APIC_DFR_MODEL_CLUSTER          0x0u
#define     APIC_DFR_MODEL_FLAT             0xFu
#define APIC_SVR                        0x0F0u
#define     APIC_SVR_VECTOR                 0x000000FFu
#define     APIC_SVR_ENABLE                 0x00000100u     /* software enable */
#define     APIC_SVR_FOCUS_DISABLE          0x00000200u
#define     APIC_SVR_SUPPRESS_EOI           0x00001000u

/* 256 bits each, 32 per register. */
#define APIC_ISR0                       0x100u
#define APIC_TMR0                       0x180u
#define APIC_IRR0                       0x200u
#define     APIC_VECTOR_REGISTERS           8
#define APIC_ESR                        0x280u
#define     APIC_ESR_SEND_CHECKSUM          0x01u
#define     APIC_ESR_RECEIVE_CHECKSUM       0x02u
#define     APIC_ESR_SEND_ACCEPT            0x04u
#define     APIC_ESR_RECEIVE_ACCEPT         0x08u
#define     APIC_ESR_REDIRECTABLE_IPI       0x10u
#define     APIC_ESR_SEND_ILLEGAL_VECTOR    0x20u
#define     APIC_ESR_RECEIVE_ILLEGAL_VECTOR 0x40u
#define     APIC_ESR_ILLEGAL_REGISTER       0x80u

/* Interrupt command register. */
#define APIC_ICR_LOW                    0x300u
#define     APIC_ICR_VECTOR                 0x000000FFu
#define     APIC_ICR_DELIVERY_MODE          0x00000700u
#define     APIC_ICR_DELIVERY_MODE_SHIFT    8
#define     APIC_ICR_LOGICAL                0x00000800u     /* destination mode */
#define     APIC_ICR_SEND_PENDING           0x00001000u     /* delivery status, read-only, xAPIC */
#define     APIC_ICR_ASSERT                 0x00004000u     /* level */
#define     APIC_ICR_LEVEL_TRIGGERED        0x00008000u     /* trigger mode */
#define     APIC_ICR_REMOTE_READ_STATUS     0x00030000u     /* AMD, read-only */
#define     APIC_ICR_SHORTHAND              0x000C0000u
#define     APIC_ICR_SHORTHAND_SHIFT        18
#define     APIC_ICR_WRITABLE               0x000CCFFFu
#define APIC_ICR_HIGH                   0x310u              /* xAPIC only */
#define     APIC_ICR_DESTINATION_SHIFT      24

/* Local vector table. */
#define APIC_LVT_CMCI                   0x2F0u
#define APIC_LVT_TIMER                  0x320u
#define     APIC_LVT_TIMER_MODE             0x00060000u     /* one-shot, periodic, TSC deadline */
#define APIC_LVT_THERMAL                0x330u
#define APIC_LVT_PERFORMANCE            0x340u
#define APIC_LVT_LINT0                  0x350u
#define APIC_LVT_LINT1                  0x360u
#define APIC_LVT_ERROR                  0x370u
#define     APIC_LVT_VECTOR                 0x000000FFu
#define     APIC_LVT_DELIVERY_MODE          0x00000700u
#define       APIC_LVT_EXTINT                 0x00000700u   /* the vector is an 8259's */
#define     APIC_LVT_SEND_PENDING           0x00001000u     /* read-only */
#define     APIC_LVT_ACTIVE_LOW             0x00002000u
#define     APIC_LVT_REMOTE_IRR             0x00004000u     /* read-only */
#define     APIC_LVT_LEVEL_TRIGGERED        0x00008000u
#define     APIC_LVT_MASKED                 0x00010000u

/* Timer. */
#define APIC_TMICT                      0x380u              /* initial count; 0 stops the timer */
#define APIC_TMCCT                      0x390u              /* current count */
#define APIC_TMDCR                      0x3E0u              /* divide configuration */
#define     APIC_TMDCR_DIVISOR              0x0000000Bu
#define APIC_SELF_IPI                   0x3F0u              /* x2APIC only */

/* AMD's extended space, there if APIC_VERSION_EXTENDED_SPACE is set. */
#define APIC_EXTENDED_FEATURE           0x400u
#define APIC_EXTENDED_CONTROL           0x410u
#define APIC_SPECIFIC_EOI               0x420u
#define APIC_INTERRUPT_ENABLE0          0x480u
#define APIC_EXTENDED_LVT0              0x500u
#define     APIC_EXTENDED_LVTS              4

/* How a register may be accessed. */
enum apic_access {
    APIC_ACCESS_NONE,           /* does not exist in this mode */
    APIC_ACCESS_READ,
    APIC_ACCESS_WRITE,
    APIC_ACCESS_READ_WRITE,
};

/* What a register's existence depends on. */
enum apic_presence {
    APIC_PRESENT_ALWAYS,
    APIC_PRESENT_LVT4,          /* Max LVT Entry of the version register is at least 4 */
    APIC_PRESENT_LVT5,
    APIC_PRESENT_LVT6,
    APIC_PRESENT_EXTENDED,      /* the version register's extended space bit (AMD) */
};

/*
 * X(name, offset, xAPIC access, x2APIC access, writable bits, value after INIT, presence)
 *
 * Writable bits are those that a write can change and a read gives back; 0 for a register whose
 * write is a command (EOI) or only latches (ESR). The value after INIT of a register that INIT does
 * not define (identification, AMD's feature and control words) is given as 0 and is excluded from
 * the list of apic/reset.h. RRD, APR and ID are read/write or absent on some models: the widest
 * documented form stands here.
 *
 * SDM Vol 3: APIC > Local APIC > Local APIC Status and Location > Local APIC State After It
 * Receives an INIT Reset ("Wait-for-SIPI" State); x2APIC > x2APIC Register Address Space.
 */
#define APIC_REGISTERS(X)                                                                          \
    X(ID,               0x020, READ_WRITE, READ,       0xFF000000, 0x00000000, ALWAYS)             \
    X(VERSION,          0x030, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TPR,              0x080, READ_WRITE, READ_WRITE, 0x000000FF, 0x00000000, ALWAYS)             \
    X(APR,              0x090, READ,       NONE,       0x00000000, 0x00000000, ALWAYS)             \
    X(PPR,              0x0A0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(EOI,              0x0B0, WRITE,      WRITE,      0x00000000, 0x00000000, ALWAYS)             \
    X(RRD,              0x0C0, READ,       NONE,       0x00000000, 0x00000000, ALWAYS)             \
    X(LDR,              0x0D0, READ_WRITE, READ,       0xFF000000, 0x00000000, ALWAYS)             \
    X(DFR,              0x0E0, READ_WRITE, NONE,       0xF0000000, 0xFFFFFFFF, ALWAYS)             \
    X(SVR,              0x0F0, READ_WRITE, READ_WRITE, 0x000013FF, 0x000000FF, ALWAYS)             \
    X(ISR0,             0x100, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR1,             0x110, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR2,             0x120, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR3,             0x130, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR4,             0x140, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR5,             0x150, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR6,             0x160, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ISR7,             0x170, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR0,             0x180, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR1,             0x190, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR2,             0x1A0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR3,             0x1B0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR4,             0x1C0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR5,             0x1D0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR6,             0x1E0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMR7,             0x1F0, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR0,             0x200, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR1,             0x210, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR2,             0x220, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR3,             0x230, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR4,             0x240, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR5,             0x250, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR6,             0x260, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(IRR7,             0x270, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(ESR,              0x280, READ_WRITE, READ_WRITE, 0x00000000, 0x00000000, ALWAYS)             \
    X(LVT_CMCI,         0x2F0, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, LVT6)               \
    X(ICR_LOW,          0x300, READ_WRITE, READ_WRITE, 0x000CCFFF, 0x00000000, ALWAYS)             \
    X(ICR_HIGH,         0x310, READ_WRITE, NONE,       0xFF000000, 0x00000000, ALWAYS)             \
    X(LVT_TIMER,        0x320, READ_WRITE, READ_WRITE, 0x000700FF, 0x00010000, ALWAYS)             \
    X(LVT_THERMAL,      0x330, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, LVT5)               \
    X(LVT_PERFORMANCE,  0x340, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, LVT4)               \
    X(LVT_LINT0,        0x350, READ_WRITE, READ_WRITE, 0x0001A7FF, 0x00010000, ALWAYS)             \
    X(LVT_LINT1,        0x360, READ_WRITE, READ_WRITE, 0x0001A7FF, 0x00010000, ALWAYS)             \
    X(LVT_ERROR,        0x370, READ_WRITE, READ_WRITE, 0x000100FF, 0x00010000, ALWAYS)             \
    X(TMICT,            0x380, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0x00000000, ALWAYS)             \
    X(TMCCT,            0x390, READ,       READ,       0x00000000, 0x00000000, ALWAYS)             \
    X(TMDCR,            0x3E0, READ_WRITE, READ_WRITE, 0x0000000B, 0x00000000, ALWAYS)             \
    X(SELF_IPI,         0x3F0, NONE,       WRITE,      0x00000000, 0x00000000, ALWAYS)             \
    X(EXTENDED_FEATURE, 0x400, READ,       READ,       0x00000000, 0x00000000, EXTENDED)           \
    X(EXTENDED_CONTROL, 0x410, READ_WRITE, READ_WRITE, 0x00000007, 0x00000000, EXTENDED)           \
    X(SPECIFIC_EOI,     0x420, READ_WRITE, READ_WRITE, 0x000000FF, 0x00000000, EXTENDED)           \
    X(INTERRUPT_ENABLE0, 0x480, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE1, 0x490, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE2, 0x4A0, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE3, 0x4B0, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE4, 0x4C0, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE5, 0x4D0, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE6, 0x4E0, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(INTERRUPT_ENABLE7, 0x4F0, READ_WRITE, READ_WRITE, 0xFFFFFFFF, 0xFFFFFFFF, EXTENDED)          \
    X(EXTENDED_LVT0,    0x500, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, EXTENDED)           \
    X(EXTENDED_LVT1,    0x510, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, EXTENDED)           \
    X(EXTENDED_LVT2,    0x520, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, EXTENDED)           \
    X(EXTENDED_LVT3,    0x530, READ_WRITE, READ_WRITE, 0x000107FF, 0x00010000, EXTENDED)

/* One row of the table. */
struct apic_register {
    const char *name;
    uint16_t offset;            /* in the xAPIC page, a multiple of APIC_REGISTER_STRIDE */
    uint8_t xapic;              /* enum apic_access */
    uint8_t x2apic;             /* enum apic_access */
    uint8_t presence;           /* enum apic_presence */
    uint32_t writable;
    uint32_t after_init;
};

/*
 * The row of the register at `offset` (0 to APIC_PAGE_SIZE - 1; any of the register's 16 bytes), or
 * NULL if the manuals define none there. Says nothing of presence. Pure; any CPU, any context.
 */
const struct apic_register *apic_register_at(uint32_t offset);

/*
 * Whether `reg` exists on a local APIC whose version register reads `version`.
 * SDM Vol 3: APIC > Local APIC > Local APIC Version Register. Pure.
 */
bool apic_register_present(const struct apic_register *reg, uint32_t version);

#endif
