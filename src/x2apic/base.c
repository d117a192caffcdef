/* SPDX-License-Identifier: BSD-2-Clause */
#include "x2apic/base.h"

#include "apic/forward.h"
#include "apic/local.h"
#include "apic/policy.h"
#include "core/backend.h"
#include "core/guest_code.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/step.h"
#include "strategies/operations.h"
#include "x86/msr.h"

#define SPURIOUS_VECTOR     0xff
#define HIGHEST_PRIORITY    0xff
#define LVT_EXTINT          0x700
#define LVT_NMI             0x400

/* Senders read these words while they change, one after the other, as they would race with the
 * hardware's own registers. */
void guest_apic_refresh_identity(struct cpu *cpu)
{
    struct apic_identity *identity = &cpu->apic.identity;

    identity->enabled = cpu->apic.mode != APIC_MODE_DISABLED;
    identity->x2apic = cpu->apic.mode == APIC_MODE_X2APIC;
    identity->id = cpu->apic_id;
    if (identity->x2apic) {
        identity->ldr = x2apic_logical_id(cpu->apic_id);
    } else if (cpu->apic.hardware_x2apic) {
        identity->ldr = 0;
        identity->dfr = UINT32_MAX;
    } else {
        identity->ldr = local_apic_read(APIC_LDR);
        identity->dfr = local_apic_read(APIC_DFR);
    }
}

static bool enter_x2apic(struct cpu *cpu)
{
    uint64_t base = msr_read(MSR_IA32_APIC_BASE);

    if (!cpu->apic.hardware_x2apic) {
        if (!msr_write_safe(MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD))
            return false;
        local_apic_follow_mode();
        cpu->apic.hardware_x2apic = msr_read(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD;
    }
    return cpu->apic.hardware_x2apic;
}

/* Whatever the guest does to its page, nothing may show it the registers themselves for writing: the
 * override of the real page comes first and stays. */
static void show_page(struct cpu *cpu)
{
    uint64_t hardware = cpu->apic.hardware_base;

    if (cpu->apic.mode == APIC_MODE_XAPIC)
        guest_apic_page(cpu)->attach(cpu);
    else
        backend->page_map(cpu, hardware, hardware, PAGE_NONE);
    binding.x2apic->mode_changed(cpu);
}

static void hide_page(struct cpu *cpu)
{
    if (cpu->apic.mode == APIC_MODE_XAPIC && cpu->apic.base != cpu->apic.hardware_base)
        backend->page_restore(cpu, cpu->apic.base);
}

/* A CPU without a local APIC takes INTR and NMI from its pins (SDM Vol 3: APIC > Local APIC > Enabling
 * or Disabling the Local APIC): those of LINT0 and LINT1. Messages are kept away by forward.c, and what
 * comes all the same waits behind the priority until the APIC is reset. (With VMX that has no "Use TPR shadow" the
 * guest's CR8 still is that priority, and lets it in.) */
static void connect_pins(struct cpu *cpu)
{
    backend->cr8_separate(cpu, true);
    local_apic_write(APIC_SVR, APIC_SVR_ENABLE | SPURIOUS_VECTOR);
    local_apic_write(APIC_TPR, HIGHEST_PRIORITY);
    local_apic_write(APIC_LVT_LINT0, LVT_EXTINT);
    local_apic_write(APIC_LVT_LINT1, LVT_NMI);
}

static void reset_registers(struct cpu *cpu)
{
    /* The drain needs interrupts, which SVM holds together with NMIs. */
    backend->host_nmi_allow();
    local_apic_init_state();
    backend->host_nmi_hold();
    cpu->apic.icr_low = 0;
    cpu->apic.icr_high = 0;
    if (cpu->apic.mode == APIC_MODE_DISABLED)
        connect_pins(cpu);
}

void guest_apic_init(struct cpu *cpu)
{
    reset_registers(cpu);
    guest_apic_refresh_identity(cpu);
    if (cpu->apic.mode == APIC_MODE_XAPIC && guest_apic_page(cpu)->reset)
        guest_apic_page(cpu)->reset(cpu);
    if (cpu->apic.mode == APIC_MODE_X2APIC && binding.x2apic->reset)
        binding.x2apic->reset(cpu);
    apic_policy_icr_disturbed(cpu);
}

static void leave_mode(struct cpu *cpu)
{
    if (cpu->apic.mode == APIC_MODE_XAPIC && guest_apic_page(cpu)->detach)
        guest_apic_page(cpu)->detach(cpu);
    if (cpu->apic.mode == APIC_MODE_X2APIC && binding.x2apic->detach)
        binding.x2apic->detach(cpu);
}

static void change_mode(struct cpu *cpu, enum apic_mode mode)
{
    enum apic_mode before = cpu->apic.mode;

    cpu->apic.mode = mode;
    /* INIT's state is the one in which an APIC comes back. */
    if (mode == APIC_MODE_DISABLED || before == APIC_MODE_DISABLED) {
        reset_registers(cpu);
        cpu->apic.reads_closed = true;
    }
    if (before == APIC_MODE_DISABLED)
        backend->cr8_separate(cpu, false);
    if (mode == APIC_MODE_X2APIC)
        cpu->apic.icr_high = 0;
    guest_apic_refresh_identity(cpu);
    apic_set_irregular(cpu, mode == APIC_MODE_DISABLED || guest_apic_is_translated(cpu));
}

void guest_apic_prepare(struct cpu *cpu)
{
    uint64_t base = msr_read(MSR_IA32_APIC_BASE);
    struct apic_page_state *apic = &cpu->apic;

    apic->hardware_base = apic_base_address(base);
    apic->base = apic->hardware_base;
    apic->hardware_x2apic = apic_mode_of(base) == APIC_MODE_X2APIC;
    if (machine.x2apic_only)
        enter_x2apic(cpu);
    apic->mode = apic->hardware_x2apic && binding.x2apic->offers_x2apic ? APIC_MODE_X2APIC
                                                                         : APIC_MODE_XAPIC;
    apic->reads_closed = guest_apic_is_translated(cpu);
    guest_apic_refresh_identity(cpu);
    apic_set_irregular(cpu, guest_apic_is_translated(cpu));
    show_page(cpu);
}

/* BSP is what it is. */
uint64_t guest_apic_base_read(struct cpu *cpu)
{
    return cpu->apic.base | apic_mode_bits(cpu->apic.mode)
         | (msr_read(MSR_IA32_APIC_BASE) & APIC_BASE_BSP);
}

bool guest_apic_base_write(struct cpu *cpu, uint64_t value)
{
    struct apic_base_rules rules = {
        .physical_address_bits = machine.physical_address_bits,
        .x2apic = binding.x2apic->offers_x2apic,
        .locked = machine.x2apic_only,
    };
    uint64_t address = apic_base_address(value);
    enum apic_mode mode = apic_mode_of(value);

    if (!apic_base_write_legal(&rules, cpu->apic.mode, value) || hidden_contains(address)
        || (mode == APIC_MODE_X2APIC && !enter_x2apic(cpu)))
        return false;
    if (address == cpu->apic.base && mode == cpu->apic.mode)
        return true;
    /* The WRMSR itself may be what is stepped on the page: none of its registers is to be written then. */
    step_dismiss(cpu, STEP_OWNER_APIC);
    guest_code_forget(cpu);
    hide_page(cpu);
    cpu->apic.base = address;
    if (mode != cpu->apic.mode) {
        leave_mode(cpu);
        change_mode(cpu, mode);
    }
    show_page(cpu);
    return true;
}
