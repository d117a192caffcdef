/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/hidden_features.h"

#include <stddef.h>
#include <string.h>

#define EAX     0
#define EBX     1
#define ECX     2
#define EDX     3
#define ANY     UINT32_MAX

/* IA32_DEBUGCTL */
#define DEBUGCTL_TR                 (UINT64_C(1) << 6)
#define DEBUGCTL_BTS                (UINT64_C(1) << 7)
#define DEBUGCTL_BTINT              (UINT64_C(1) << 8)
#define DEBUGCTL_BTS_OFF_OS         (UINT64_C(1) << 9)
#define DEBUGCTL_BTS_OFF_USR        (UINT64_C(1) << 10)
/* MSR_TEST_CTRL, IA32_CORE_CAPABILITIES */
#define TEST_CTRL_UC_LOCK_DISABLE   (UINT64_C(1) << 28)
#define CORE_UC_LOCK_DISABLE        (UINT64_C(1) << 4)
/* IA32_MISC_ENABLE */
#define MISC_ENABLE_BTS_UNAVAILABLE (UINT64_C(1) << 11)
#define MISC_ENABLE_PEBS_UNAVAILABLE (UINT64_C(1) << 12)
#define MISC_ENABLE_XD_DISABLE      (UINT64_C(1) << 34)
/* IA32_PERF_CAPABILITIES: trap, registers, record format, baseline, output to Processor Trace, timing */
#define PERF_CAPABILITIES_PEBS      UINT64_C(0x34fc0)
/* IA32_XSS */
#define XSS_PROCESSOR_TRACE         (UINT64_C(1) << 8)
#define XSS_USER_INTERRUPTS         (UINT64_C(1) << 14)
#define XSS_LBR                     (UINT64_C(1) << 15)
/* SYSCFG; CPUID leaf 0x8000001f EBX: position of the bit, and how many bits fewer an address has */
#define SYSCFG_MEM_ENCRYPT          (UINT64_C(1) << 23)
#define AMD_POSITION                0x3fu
#define AMD_REDUCTION_SHIFT         6
#define AMD_REDUCTION               0x3fu
/* IA32_TME_ACTIVATE */
#define TME_ENABLED                 (UINT64_C(1) << 1)
#define TME_KEYID_BITS_SHIFT        32
#define TME_KEYID_BITS              0xfu

static const struct {
    uint32_t leaf, subleaf;
    uint8_t word, bit;
} bits[] = {
#define FEATURE_BIT(leaf, subleaf, word, bit, name) { leaf, subleaf, word, bit },
#include "core/hidden_features.def"
};

static const struct {
    uint32_t leaf, subleaf;
} leaves[] = {
#define FEATURE_LEAF(leaf, subleaf, name) { leaf, subleaf },
#include "core/hidden_features.def"
};

static const struct hidden_registers registers[] = {
#define REGISTERS(first, last, read, write, name, reason) \
    { first, last, REGISTER_##read, REGISTER_##write },
#include "core/hidden_features.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void hidden_features_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t words[4])
{
    if (!(hidden_features_leaves & HIDDEN_LEAF(leaf)))
        return;
    for (unsigned i = 0; i < COUNT(bits); i++) {
        if (bits[i].leaf == leaf && (bits[i].subleaf == ANY || bits[i].subleaf == subleaf))
            words[bits[i].word] &= ~(UINT32_C(1) << bits[i].bit);
    }
    for (unsigned i = 0; i < COUNT(leaves); i++) {
        if (leaves[i].leaf == leaf && (leaves[i].subleaf == ANY || leaves[i].subleaf == subleaf))
            memset(words, 0, 4 * sizeof words[0]);
    }
}

const struct hidden_registers *hidden_registers_row(unsigned row)
{
    return row < COUNT(registers) ? &registers[row] : NULL;
}

const struct hidden_registers *hidden_registers_of(uint32_t index)
{
    for (unsigned i = 0; i < COUNT(registers); i++) {
        if (index - registers[i].first <= registers[i].last - registers[i].first)
            return &registers[i];
    }
    return NULL;
}

bool hidden_debug_control_legal(uint64_t value)
{
    return !(value & (DEBUGCTL_TR | DEBUGCTL_BTS | DEBUGCTL_BTINT | DEBUGCTL_BTS_OFF_OS
                      | DEBUGCTL_BTS_OFF_USR));
}

bool hidden_test_control_legal(uint64_t value)
{
    return !(value & TEST_CTRL_UC_LOCK_DISABLE);
}

uint64_t hidden_core_capabilities_read(uint64_t value)
{
    return value & ~CORE_UC_LOCK_DISABLE;
}

uint64_t hidden_misc_enable_read(uint64_t value, bool debug_store)
{
    return debug_store ? value | MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE : value;
}

/* What says what is there is read-only in the hardware, too. */
uint64_t hidden_misc_enable_write(uint64_t value, uint64_t old)
{
    uint64_t kept = MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE;

    if (!(old & MISC_ENABLE_XD_DISABLE))
        kept |= MISC_ENABLE_XD_DISABLE;
    return (value & ~kept) | (old & kept);
}

uint64_t hidden_perf_capabilities_read(uint64_t value)
{
    return value & ~PERF_CAPABILITIES_PEBS;
}

bool hidden_xss_legal(uint64_t value)
{
    return !(value & (XSS_PROCESSOR_TRACE | XSS_USER_INTERRUPTS | XSS_LBR));
}

uint8_t hidden_address_bits(uint8_t bits, const struct memory_encryption *encryption)
{
    unsigned reduction = 0;

    if (encryption->syscfg & SYSCFG_MEM_ENCRYPT) {
        unsigned position = encryption->amd_sizes & AMD_POSITION;

        reduction = encryption->amd_sizes >> AMD_REDUCTION_SHIFT & AMD_REDUCTION;
        if (position && position < bits && bits - position > reduction)
            reduction = bits - position;
    }
    if (encryption->tme_activate & TME_ENABLED)
        reduction += encryption->tme_activate >> TME_KEYID_BITS_SHIFT & TME_KEYID_BITS;
    return (uint8_t)(reduction < bits ? bits - reduction : bits);
}
