/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_msr.h"

#include <stddef.h>

#include "apic/local.h"
#include "core/backend.h"
#include "core/hidden_features.h"
#include "core/machine.h"
#include "strategies/operations.h"
#include "x2apic/base.h"
#include "x2apic/msr_rules.h"
#include "x86/cpuid.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define LOW_LAST            0x00001fff
#define HIGH_FIRST          0xc0000000
#define FEATURES_EDX_DS     (1u << 21)

/* A rule returns false for #GP. */
typedef bool read_rule(struct cpu *cpu, uint32_t index, uint64_t *value);
typedef bool write_rule(struct cpu *cpu, uint32_t index, uint64_t value);

/* QEMU's SVM reads 0 here without an intercept. */
static bool read_tsc(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    (void)index;
    *value = tsc_read();
    return true;
}

static bool read_efer(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)index;
    *value = backend->register_read(cpu, GUEST_EFER);
    return true;
}

/* The bits that this processor would accept, from its features; SVME is not among them. */
static uint64_t efer_writable(void)
{
    struct cpuid_result extended = cpuid(0x80000001, 0);
    uint64_t bits = EFER_SCE | EFER_LME | EFER_LMA;

    bits |= extended.edx & 1u << 20 ? EFER_NXE : 0;
    bits |= extended.edx & 1u << 25 ? EFER_FFXSR : 0;
    bits |= extended.ecx & 1u << 17 ? EFER_TCE : 0;
    return bits;
}

/* LMA is read-only and ignored (SDM Vol 4, IA32_EFER); LME cannot change while paging is on. LMSLE
 * is tried on the hardware, which knows whether it has it. */
static bool write_efer(struct cpu *cpu, uint32_t index, uint64_t value)
{
    uint64_t old = backend->register_read(cpu, GUEST_EFER);
    uint64_t legal = efer_writable() | EFER_LMSLE;

    (void)index;
    if (value & ~legal)
        return false;
    if ((value ^ old) & EFER_LME && backend->register_read(cpu, GUEST_CR0) & CR0_PG)
        return false;
    if (value & EFER_LMSLE & ~old) {
        uint64_t host = msr_read(MSR_EFER);

        if (!msr_write_safe(MSR_EFER, host | EFER_LMSLE))
            return false;
        msr_write(MSR_EFER, host);
    }
    backend->register_write(cpu, GUEST_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
    return true;
}

static bool read_debug_control(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    if (!msr_read_safe(index, value))
        return false;
    *value = backend->register_read(cpu, GUEST_DEBUG_CONTROL);
    return true;
}

/* Remembered because a step has to take BTF away for one instruction. */
static bool write_debug_control(struct cpu *cpu, uint32_t index, uint64_t value)
{
    if (!hidden_debug_control_legal(value) || !msr_write_safe(index, value))
        return false;
    backend->register_write(cpu, GUEST_DEBUG_CONTROL, value);
    cpu->guest_debug_control = value;
    return true;
}

static bool read_misc_enable(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    if (!msr_read_safe(index, value))
        return false;
    *value = hidden_misc_enable_read(*value, cpuid(1, 0).edx & FEATURES_EDX_DS);
    return true;
}

static bool write_misc_enable(struct cpu *cpu, uint32_t index, uint64_t value)
{
    uint64_t old;

    (void)cpu;
    return msr_read_safe(index, &old)
        && msr_write_safe(index, hidden_misc_enable_write(value, old));
}

static bool read_perf_capabilities(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    if (!msr_read_safe(index, value))
        return false;
    *value = hidden_perf_capabilities_read(*value);
    return true;
}

static bool read_core_capabilities(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    if (!msr_read_safe(index, value))
        return false;
    *value = hidden_core_capabilities_read(*value);
    return true;
}

static bool write_test_control(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)cpu;
    return hidden_test_control_legal(value) && msr_write_safe(index, value);
}

static bool write_xss(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)cpu;
    return hidden_xss_legal(value) && msr_write_safe(index, value);
}

static bool read_apic_base(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)index;
    *value = guest_apic_base_read(cpu);
    return true;
}

static bool write_apic_base(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)index;
    return guest_apic_base_write(cpu, value);
}

static bool read_x2apic(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    return cpu->apic.mode == APIC_MODE_X2APIC && binding.x2apic->msr_read(cpu, index, value);
}

static bool write_x2apic(struct cpu *cpu, uint32_t index, uint64_t value)
{
    return cpu->apic.mode == APIC_MODE_X2APIC && binding.x2apic->msr_write(cpu, index, value);
}

/* guest.x2apic=only: the machine that the manual calls locked in x2APIC mode. */
static bool read_architectural_capabilities(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    bool there = msr_read_safe(index, value);

    (void)cpu;
    if (!machine.x2apic_only)
        return there;
    *value = (there ? *value : 0) | ARCHITECTURAL_XAPIC_DISABLE;
    return true;
}

static bool read_xapic_disable_status(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    (void)cpu;
    *value = LEGACY_XAPIC_DISABLED;
    return machine.x2apic_only || msr_read_safe(index, value);
}

static bool write_xapic_disable_status(struct cpu *cpu, uint32_t index, uint64_t value)
{
    (void)cpu;
    return !machine.x2apic_only && msr_write_safe(index, value);
}

struct rule {
    uint32_t first, last;
    read_rule *read;            /* NULL: passed through */
    write_rule *write;
};

/* Registers with an answer of their own, the most frequent first. Those that the guest does not have at all
 * are in hidden_features.def. */
static const struct rule rules[] = {
    { MSR_X2APIC_FIRST, MSR_X2APIC_LAST, read_x2apic, write_x2apic },
    { MSR_IA32_TSC, MSR_IA32_TSC, read_tsc, NULL },
    { MSR_IA32_APIC_BASE, MSR_IA32_APIC_BASE, read_apic_base, write_apic_base },
    { MSR_IA32_DEBUGCTL, MSR_IA32_DEBUGCTL, read_debug_control, write_debug_control },
    { MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE, read_misc_enable, write_misc_enable },
    { MSR_IA32_PERF_CAPABILITIES, MSR_IA32_PERF_CAPABILITIES, read_perf_capabilities, NULL },
    { MSR_IA32_XSS, MSR_IA32_XSS, NULL, write_xss },
    { MSR_TEST_CTRL, MSR_TEST_CTRL, NULL, write_test_control },
    { MSR_IA32_CORE_CAPABILITIES, MSR_IA32_CORE_CAPABILITIES, read_core_capabilities, NULL },
    { MSR_IA32_XAPIC_DISABLE_STATUS, MSR_IA32_XAPIC_DISABLE_STATUS, read_xapic_disable_status,
      write_xapic_disable_status },
    { MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_ARCH_CAPABILITIES, read_architectural_capabilities,
      NULL },
    { MSR_EFER, MSR_EFER, read_efer, write_efer },
};

#define RULES (sizeof rules / sizeof rules[0])

static bool is_open(enum msr_view view, uint32_t index)
{
    return view != MSR_VIEW_CLOSED && index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST;
}

/* Outside the ranges that the permission maps of both vendors cover. */
static bool always_exits(uint32_t index)
{
    return index > LOW_LAST && index < HIGH_FIRST;
}

/* Registers that do not exist must raise #GP, which the processor does not where it virtualizes; the
 * timer's count is the hardware's (SDM Vol 3: APIC Virtualization and Virtual Interrupts >
 * Virtualizing MSR-Based APIC Accesses). */
static void each_not_virtualized(enum msr_view view,
                                 void (*each)(void *context, uint32_t index, bool read, bool write),
                                 void *context)
{
    uint32_t version = local_apic_read(APIC_VERSION);

    for (uint32_t index = MSR_X2APIC_FIRST; index <= MSR_X2APIC_LAST; index++) {
        bool read = x2apic_msr_readable(index, version) && index != X2APIC_MSR_TIMER_COUNT;
        bool write = index == X2APIC_MSR_TPR
                  || (view == MSR_VIEW_VIRTUAL
                      && (index == X2APIC_MSR_EOI || index == X2APIC_MSR_SELF_IPI));

        each(context, index, !read, !write);
    }
}

static void each_hidden(void (*each)(void *context, uint32_t index, bool read, bool write),
                        void *context)
{
    const struct hidden_registers *row;

    for (unsigned i = 0; (row = hidden_registers_row(i)); i++) {
        for (uint32_t index = row->first; index <= row->last && !always_exits(row->first); index++)
            each(context, index, row->read != REGISTER_PASS, row->write != REGISTER_PASS);
    }
}

void guest_msr_each(enum msr_view view,
                    void (*each)(void *context, uint32_t index, bool read, bool write),
                    void *context)
{
    for (unsigned i = 0; i < RULES; i++) {
        for (uint32_t index = rules[i].first; index <= rules[i].last; index++) {
            if (!is_open(view, index))
                each(context, index, rules[i].read, rules[i].write);
        }
    }
    each_hidden(each, context);
    if (view == MSR_VIEW_VIRTUAL || view == MSR_VIEW_VIRTUAL_SHUT)
        each_not_virtualized(view, each, context);
    if (view == MSR_VIEW_ICR_WRITE || view == MSR_VIEW_ICR)
        each(context, X2APIC_MSR_ICR, view == MSR_VIEW_ICR, true);
}

static const struct rule *rule_for(uint32_t index)
{
    for (unsigned i = 0; i < RULES; i++) {
        if (index - rules[i].first <= rules[i].last - rules[i].first)
            return &rules[i];
    }
    return NULL;
}

/* MSRs outside the ranges of the permission maps always exit; those without a rule are tried. */
static bool read_msr(struct cpu *cpu, uint32_t index, uint64_t *value)
{
    const struct rule *rule = rule_for(index);
    const struct hidden_registers *hidden;

    if (rule && rule->read)
        return rule->read(cpu, index, value);
    hidden = hidden_registers_of(index);
    return (!hidden || hidden->read == REGISTER_PASS) && msr_read_safe(index, value);
}

static bool write_msr(struct cpu *cpu, uint32_t index, uint64_t value)
{
    const struct rule *rule = rule_for(index);
    const struct hidden_registers *hidden;

    if (rule && rule->write)
        return rule->write(cpu, index, value);
    hidden = hidden_registers_of(index);
    if (hidden && hidden->write != REGISTER_PASS)
        return hidden->write == REGISTER_IGNORE;
    return msr_write_safe(index, value);
}

bool guest_msr_read(struct cpu *cpu)
{
    struct general_registers *registers = cpu->registers;
    uint64_t value = 0;

    if (!read_msr(cpu, (uint32_t)registers->rcx, &value)) {
        event_raise_gp(cpu);
        return false;
    }
    registers->rax = value & 0xffffffff;
    registers->rdx = value >> 32;
    return true;
}

bool guest_msr_write(struct cpu *cpu)
{
    if (write_msr(cpu, (uint32_t)cpu->registers->rcx, guest_msr_value(cpu)))
        return true;
    event_raise_gp(cpu);
    return false;
}
