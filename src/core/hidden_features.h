/* SPDX-License-Identifier: BSD-2-Clause */
/* What of the processor a guest is not shown (hidden_features.def): the answers. Pure. */
#ifndef SEXTANT_CORE_HIDDEN_FEATURES_H
#define SEXTANT_CORE_HIDDEN_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

/* A set of the leaves that have something hidden, by their low bits, so that most answers pass at once: a leaf
 * that is not in it has nothing hidden. */
#define HIDDEN_LEAF(leaf)   (UINT64_C(1) << ((leaf) & 63))
static const uint64_t hidden_features_leaves = 0
#define FEATURE_BIT(leaf, subleaf, word, bit, name) | HIDDEN_LEAF(leaf)
#define FEATURE_LEAF(leaf, subleaf, name) | HIDDEN_LEAF(leaf)
#include "core/hidden_features.def"
    ;

/* Takes away what the table hides of CPUID's answer for any processor: words are EAX, EBX, ECX, EDX. */
void hidden_features_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t words[4]);

/* What becomes of an access to a register. */
enum register_access { REGISTER_PASS, REGISTER_REFUSE, REGISTER_IGNORE };

struct hidden_registers {
    uint32_t first, last;
    enum register_access read, write;
};

/* The rows of the table, ascending in no order and without overlap: NULL at `row` behind the last one. */
const struct hidden_registers *hidden_registers_row(unsigned row);

/* The row of an MSR; NULL when the table has none. */
const struct hidden_registers *hidden_registers_of(uint32_t index);

/* IA32_DEBUGCTL: false where a guest may not write the value: branch trace messages and their store (SDM
 * Vol 3: Debug, Branch Profile, TSC > Branch Trace Messages; Branch Trace Store), whose bits are reserved
 * without a debug store. The hardware judges the rest. */
bool hidden_debug_control_legal(uint64_t value);

/* MSR_TEST_CTRL: false where the value makes locked accesses to uncacheable memory fault, the host's too (SDM
 * Vol 3: Multiple-Processor Management > Features to Disable Bus Locks). */
bool hidden_test_control_legal(uint64_t value);

/* IA32_CORE_CAPABILITIES without that. */
uint64_t hidden_core_capabilities_read(uint64_t value);

/* IA32_MISC_ENABLE as a guest reads it: with "unavailable" of branch trace store and PEBS if the processor
 * has a debug store. */
uint64_t hidden_misc_enable_read(uint64_t value, bool debug_store);

/* What is written when a guest writes IA32_MISC_ENABLE, which now is `old`: it cannot take execute-disable
 * from the host, whose page tables use it. */
uint64_t hidden_misc_enable_write(uint64_t value, uint64_t old);

/* IA32_PERF_CAPABILITIES without PEBS. */
uint64_t hidden_perf_capabilities_read(uint64_t value);

/* IA32_XSS: false where it has a component whose registers are refused: XRSTORS would load them (SDM Vol
 * 1: Managing State Using the XSAVE Feature Set > Enabling the XSAVE Feature Set and XSAVE-Enabled
 * Features). */
bool hidden_xss_legal(uint64_t value);

/* How memory encryption is set up: zeros where there is none. */
struct memory_encryption {
    uint64_t syscfg;            /* AMD: SYSCFG, and CPUID leaf 0x8000001f EBX */
    uint32_t amd_sizes;
    uint64_t tme_activate;      /* Intel: IA32_TME_ACTIVATE */
};

/* Bits of a physical address that name memory, of `bits` that CPUID leaf 0x80000008 shows. Those above
 * choose a key: the same memory, the hypervisor's too, would have several addresses (APM Vol 2: Secure
 * Memory Encryption > Encrypted Memory Overview; SDM Vol 3: Total Memory Encryption). */
uint8_t hidden_address_bits(uint8_t bits, const struct memory_encryption *encryption);

#endif
