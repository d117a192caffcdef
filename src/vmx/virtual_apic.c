/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual interrupts (SDM Vol 3: APIC Virtualization and Virtual Interrupts). The processor keeps
 * TPR, PPR, ISR and IRR of the guest on the virtual-APIC page and delivers from there; everything
 * else of the APIC is the hardware's: timer, LVT, destinations, errors, messages.
 *
 * External interrupts exit. An edge-triggered one is ended in hardware at once, so that the next
 * comes; a level-triggered one when the guest ends it, else its line would ask again. The hardware
 * ends the highest vector in service, which need not be the guest's: what was ended out of order
 * waits for its turn. A vector that the hardware did not put into service is the 8259's, or spurious:
 * no APIC holds it, and it is injected as it is.
 *
 * The exit acknowledges the interrupt, but for a CPU that an 8259 can interrupt: that one must not
 * be acknowledged before the guest would take it (which may mask it first), so there the host lets
 * interrupts in itself, and while an 8259 waits for the guest, interrupts do not exit (`shut`).
 *
 * While interrupts do not exit, because of that or because the machine does not leave a guest that
 * was entered with IF=0 (machine.interrupts_need_if), what is requested is looked for before each
 * entry with IF=0 and by the preemption timer: the guest could see it in IRR. */
#include "vmx/virtual_apic.h"

#include <string.h>

#include "apic/local.h"
#include "apic/policy.h"
#include "core/advance.h"
#include "core/exceptions.h"
#include "core/guest_msr.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/step.h"
#include "vmx/vmx.h"
#include "x2apic/base.h"
#include "x2apic/msr_rules.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define PAGE                4096
#define RECHECK_TICKS       50000   /* of the TSC, while interrupts are off and do not exit */
#define RECHECK_TURNS       16      /* interrupts taken at a time: they may come for ever */
#define NO_VECTOR           0       /* of RVI and SVI */

#define SEALED __attribute__((section(".sealed")))
SEALED static uint8_t *pages;       /* one a CPU, then the APIC-access page */
SEALED static uint32_t recheck_units;

static struct virtual_apic *of(struct cpu *cpu)
{
    return &vmx_of(cpu)->virtual_apic;
}

static uint32_t *register_at(struct cpu *cpu, uint32_t offset)
{
    return (uint32_t *)(of(cpu)->page + offset);
}

void vmx_virtual_apic_prepare(const struct capabilities *capabilities)
{
    if (!vmx_control_allowed(CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY))
        return;
    pages = hidden_allocate((cpu_count + 1) * PAGE, PAGE);
    /* Until the self-test knows better. */
    machine.interrupts_need_if = true;
    machine.halt_needs_exit = true;
    /* 0 would exit before the first instruction, each time. */
    recheck_units = (RECHECK_TICKS >> capabilities->vmx_preemption_timer_shift) + 1;
}

uint64_t vmx_apic_access_page(void)
{
    return physical_of(pages + cpu_count * PAGE);
}

void vmx_virtual_apic_initialise(struct cpu *cpu)
{
    of(cpu)->on = false;
    of(cpu)->shut = false;
    of(cpu)->windowed = false;
    of(cpu)->watched = false;
    of(cpu)->rechecks = false;
}

/* ---- the state of the page ---- */

static void set_watched(struct cpu *cpu)
{
    of(cpu)->watched = (of(cpu)->on && (machine.interrupts_need_if || of(cpu)->shut))
                    || of(cpu)->waits || of(cpu)->windowed;
    if (of(cpu)->watched)
        entry_look_again(cpu);
}

/* Virtual interrupts can only be delivered while external ones exit. */
static void set_shut(struct cpu *cpu, bool shut)
{
    of(cpu)->shut = shut;
    vmx_control_set(cpu, CAPABILITY_VMX_EXTERNAL_INTERRUPT_EXITING, !shut);
    vmx_control_set(cpu, CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY, !shut);
    if (of(cpu)->x2apic)
        backend->msr_view(cpu, shut ? MSR_VIEW_VIRTUAL_SHUT : MSR_VIEW_VIRTUAL);
    set_watched(cpu);
}

/* Firmware and systems connect an 8259 to the bootstrap processor: by LINT0, or through an I/O APIC. */
static void choose_acknowledgement(struct cpu *cpu)
{
    uint32_t lint0 = *register_at(cpu, APIC_LVT_LINT0);
    bool external = (lint0 & APIC_LVT_DELIVERY_MODE) == APIC_LVT_EXTINT && !(lint0 & APIC_LVT_MASKED);

    vmx_control_set(cpu, CAPABILITY_VMX_EXIT_ACKNOWLEDGE_INTERRUPT,
                    !external && !(msr_read(MSR_IA32_APIC_BASE) & APIC_BASE_BSP));
}

static void set_eoi_exit(struct cpu *cpu, uint8_t vector, bool exits)
{
    uint64_t *word = &of(cpu)->eoi_exits[vector >> 6], bit = UINT64_C(1) << (vector & 63);

    if (!(*word & bit) == !exits)
        return;
    *word ^= bit;
    vmcs_write(VMCS_EOI_EXIT_BITMAP0 + 2 * (vector >> 6), *word);
}

static void load_x2apic(struct cpu *cpu)
{
    uint32_t version = local_apic_read(APIC_VERSION);
    uint64_t value;

    memset(of(cpu)->page, 0, PAGE);
    for (uint32_t index = X2APIC_MSR_FIRST; index <= X2APIC_MSR_LAST; index++) {
        if (x2apic_msr_readable(index, version) && msr_read_safe(index, &value))
            memcpy(of(cpu)->page + (index - X2APIC_MSR_FIRST) * APIC_REGISTER_STRIDE, &value,
                   sizeof value);
    }
}

static void set_served(int vector)
{
    vmcs_write(VMCS_GUEST_INTERRUPT_STATUS,
               (vector < 0 ? NO_VECTOR : (uint32_t)vector) << INTERRUPT_STATUS_SVI_SHIFT);
}

/* What was in service before the guest came is the hardware's to end, too. */
static void load(struct cpu *cpu)
{
    struct virtual_apic *apic = of(cpu);

    if (apic->x2apic)
        load_x2apic(cpu);
    else
        apic_policy_snapshot(cpu, apic->page);
    memset(&apic->ended, 0, sizeof apic->ended);
    memset(&apic->direct, 0, sizeof apic->direct);
    apic->waits = false;
    memset(apic->eoi_exits, 0, sizeof apic->eoi_exits);
    for (unsigned i = 0; i < APIC_VECTOR_REGISTERS; i++) {
        apic->in_service.word[i] = *register_at(cpu, APIC_ISR0 + i * APIC_REGISTER_STRIDE);
        *register_at(cpu, APIC_IRR0 + i * APIC_REGISTER_STRIDE) = 0;
        apic->eoi_exits[i / 2] |= (uint64_t)apic->in_service.word[i] << (i & 1) * 32;
    }
    for (unsigned i = 0; i < 4; i++)
        vmcs_write(VMCS_EOI_EXIT_BITMAP0 + 2 * i, apic->eoi_exits[i]);
    set_served(vector_set_highest(&apic->in_service));
    local_apic_write(APIC_TPR, 0);
    set_shut(cpu, false);
    choose_acknowledgement(cpu);
}

/* From xAPIC into x2APIC mode: what the guest has in service is mostly ended in hardware already, and what
 * hardware still has in service the guest may have ended. */
static void carry_in_service(struct cpu *cpu)
{
    struct virtual_apic *apic = of(cpu);

    for (unsigned i = 0; i < APIC_VECTOR_REGISTERS; i++) {
        *register_at(cpu, APIC_ISR0 + i * APIC_REGISTER_STRIDE) = apic->kept.word[i];
        apic->ended.word[i] = apic->in_service.word[i] & ~apic->kept.word[i];
    }
    set_served(vector_set_highest(&apic->kept));
}

static void keep_in_service(struct cpu *cpu)
{
    for (unsigned i = 0; i < APIC_VECTOR_REGISTERS; i++)
        of(cpu)->kept.word[i] = *register_at(cpu, APIC_ISR0 + i * APIC_REGISTER_STRIDE);
    of(cpu)->keeps = !of(cpu)->x2apic;
}

static void set_controls(struct cpu *cpu, bool on)
{
    vmx_control_set(cpu, CAPABILITY_VMX_TPR_SHADOW, on);
    vmx_control_set(cpu, CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION, on);
    vmx_control_set(cpu, of(cpu)->x2apic ? CAPABILITY_VMX_VIRTUALIZE_X2APIC
                                         : CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES, on);
}

void vmx_virtual_apic_start(struct cpu *cpu)
{
    struct virtual_apic *apic = of(cpu);

    if (apic->on)
        return;
    apic->page = pages + cpu->index * PAGE;
    apic->on = true;
    apic->x2apic = cpu->apic.mode == APIC_MODE_X2APIC;
    load(cpu);
    if (apic->keeps && apic->x2apic)
        carry_in_service(cpu);
    apic->keeps = false;
    vmcs_write(VMCS_VIRTUAL_APIC_ADDRESS, physical_of(apic->page));
    vmcs_write(VMCS_APIC_ACCESS_ADDRESS, vmx_apic_access_page());
    vmcs_write(VMCS_TPR_THRESHOLD, 0);
    set_controls(cpu, true);
    vmx_control_set(cpu, CAPABILITY_VMX_HLT_EXITING, machine.halt_needs_exit);
}

void vmx_virtual_apic_reset(struct cpu *cpu)
{
    load(cpu);
    *register_at(cpu, APIC_ICR_LOW) = cpu->apic.icr_low;
    *register_at(cpu, APIC_ICR_LOW + 4) = 0;
}

/* ---- interrupts ---- */

static void request(struct cpu *cpu, uint8_t vector)
{
    uint32_t status = (uint32_t)vmcs_read(VMCS_GUEST_INTERRUPT_STATUS);

    vector_register_add(of(cpu)->page, APIC_IRR0, vector);
    if (vector > (status & INTERRUPT_STATUS_RVI))
        vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, (status & ~INTERRUPT_STATUS_RVI) | vector);
}

static bool in_hardware(uint32_t offset, uint8_t vector)
{
    return local_apic_read(offset + (vector >> 5) * APIC_REGISTER_STRIDE) >> (vector & 31) & 1;
}

/* The hardware masks the performance-monitoring entry when it delivers it, and in those of the pins remote IRR is
 * set until their level-triggered interrupt is ended. */
static void follow(struct cpu *cpu, uint32_t offset, uint32_t bits, uint32_t state)
{
    uint32_t *entry = register_at(cpu, offset);

    if (*entry && (*entry & bits) == state)
        *entry = local_apic_read(offset);
}

static void follow_pins(struct cpu *cpu)
{
    follow(cpu, APIC_LVT_LINT0, APIC_LVT_LEVEL_TRIGGERED, APIC_LVT_LEVEL_TRIGGERED);
    follow(cpu, APIC_LVT_LINT1, APIC_LVT_LEVEL_TRIGGERED, APIC_LVT_LEVEL_TRIGGERED);
}

/* An interrupt that the processor has acknowledged, in whatever context. */
static void accept(struct cpu *cpu, uint8_t vector)
{
    struct virtual_apic *apic = of(cpu);

    if (!in_hardware(APIC_ISR0, vector) || vector_set_has(&apic->in_service, vector)) {
        cpu->counters[COUNTER_INTERRUPT_DIRECT]++;
        vector_set_add(&apic->direct, vector);
        apic->waits = true;
        set_watched(cpu);
        return;
    }
    if (in_hardware(APIC_TMR0, vector)) {
        vector_set_add(&apic->in_service, vector);
        vector_register_add(apic->page, APIC_TMR0, vector);
        set_eoi_exit(cpu, vector, true);
        follow_pins(cpu);
    } else {
        local_apic_write(APIC_EOI, 0);
        vector_register_remove(apic->page, APIC_TMR0, vector);
        set_eoi_exit(cpu, vector, false);
    }
    follow(cpu, APIC_LVT_PERFORMANCE, APIC_LVT_MASKED, 0);
    request(cpu, vector);
}

void vmx_virtual_apic_nmi(struct cpu *cpu)
{
    if (of(cpu)->on)
        follow(cpu, APIC_LVT_PERFORMANCE, APIC_LVT_MASKED, 0);
}

static void accept_here(uint8_t vector)
{
    accept(this_cpu(), vector);
}

/* Whether the hardware's APIC has one for the processor now. */
static bool apic_has_interrupt(struct cpu *cpu)
{
    const volatile uint32_t *irr = cpu->apic.registers;
    int requested;

    /* Most of the time there is none. */
    if (irr) {
        irr += APIC_IRR0 / sizeof *irr;
        if (!(irr[0] | irr[4] | irr[8] | irr[12] | irr[16] | irr[20] | irr[24] | irr[28]))
            return false;
    }
    requested = local_apic_highest_requested();
    return requested > (int)(local_apic_read(APIC_PPR) | 0xf);
}

static bool can_take(struct cpu *cpu)
{
    return vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF && !vmx_interrupt_shadow_read(cpu)
        && !cpu->event.valid && !step_active(cpu);
}

void vmx_exit_external_interrupt(struct cpu *cpu, const struct past_exit *exit)
{
    uint32_t information = (uint32_t)vmcs_read(VMCS_EXIT_INTERRUPTION);

    (void)exit;
    cpu->counters[COUNTER_EXIT_INTERRUPT]++;
    if (information & INTERRUPTION_VALID)
        accept(cpu, information & INTERRUPTION_VECTOR);
    else if (can_take(cpu) || apic_has_interrupt(cpu))
        exceptions_take_interrupt(accept_here);
    else
        set_shut(cpu, true);
}

/* The guest's HLT, where the processor would not look for what is requested already. */
void vmx_exit_hlt(struct cpu *cpu, const struct past_exit *exit)
{
    const uint8_t *page = of(cpu)->page;
    int requested = vector_register_highest(page, APIC_IRR0);
    uint32_t priority = vector_processor_priority(page[APIC_TPR],
                                                  vector_register_highest(page, APIC_ISR0));
    bool wakes = vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF && requested > (int)(priority | 0xf);

    cpu->counters[COUNTER_EXIT_HLT]++;
    vmx_go_on(cpu, exit);
    if (!wakes && !cpu->event.valid)
        vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
}

/* The guest has ended `vector`: what can be ended in hardware now is. */
static void end_in_hardware(struct cpu *cpu, uint8_t vector)
{
    struct virtual_apic *apic = of(cpu);
    int highest;

    if (vector_set_has(&apic->in_service, vector))
        vector_set_add(&apic->ended, vector);
    while ((highest = vector_set_highest(&apic->in_service)) >= 0
           && vector_set_has(&apic->ended, (uint8_t)highest)) {
        local_apic_write(APIC_EOI, 0);
        vector_set_remove(&apic->in_service, (uint8_t)highest);
        vector_set_remove(&apic->ended, (uint8_t)highest);
        follow_pins(cpu);
    }
}

void vmx_exit_virtualized_eoi(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_EOI]++;
    end_in_hardware(cpu, (uint8_t)exit->info);
}

/* What the processor does itself when it carries out the guest's write (EOI Virtualization). */
static void end_of_interrupt(struct cpu *cpu)
{
    uint32_t status = (uint32_t)vmcs_read(VMCS_GUEST_INTERRUPT_STATUS);
    uint8_t vector = (uint8_t)(status >> INTERRUPT_STATUS_SVI_SHIFT);
    int next;

    vector_register_remove(of(cpu)->page, APIC_ISR0, vector);
    next = vector_register_highest(of(cpu)->page, APIC_ISR0);
    vmcs_write(VMCS_GUEST_INTERRUPT_STATUS,
               (status & INTERRUPT_STATUS_RVI)
               | (next < 0 ? NO_VECTOR : (uint32_t)next) << INTERRUPT_STATUS_SVI_SHIFT);
    end_in_hardware(cpu, vector);
}

/* What is requested goes back: an edge-triggered one as a message to the CPU itself, a level-triggered
 * one by ending it in hardware, since its line asks again. */
static void hand_back(struct cpu *cpu)
{
    struct virtual_apic *apic = of(cpu);
    int vector;

    while ((vector = vector_register_highest(apic->page, APIC_IRR0)) >= 0) {
        vector_register_remove(apic->page, APIC_IRR0, (uint8_t)vector);
        if (vector_set_has(&apic->in_service, (uint8_t)vector))
            end_in_hardware(cpu, (uint8_t)vector);
        else
            local_apic_send(cpu->apic_id, APIC_ICR_ASSERT | (uint32_t)vector);
    }
}

void vmx_virtual_apic_stop(struct cpu *cpu)
{
    if (!of(cpu)->on)
        return;
    keep_in_service(cpu);
    hand_back(cpu);
    set_shut(cpu, true);
    set_controls(cpu, false);
    vmx_control_set(cpu, CAPABILITY_VMX_HLT_EXITING, false);
    vmx_control_set(cpu, CAPABILITY_VMX_EXIT_ACKNOWLEDGE_INTERRUPT, false);
    vmx_control_set(cpu, CAPABILITY_VMX_INTERRUPT_WINDOW_EXITING, false);
    if (of(cpu)->rechecks)
        vmx_exit_within(cpu, VMX_NEVER);
    local_apic_write(APIC_TPR, *register_at(cpu, APIC_TPR));
    vmx_virtual_apic_initialise(cpu);
    set_watched(cpu);
}

/* ---- registers ---- */

/* The guest reads what the hardware made of its write: reserved bits, masks, errors. */
static void refresh(struct cpu *cpu, uint32_t offset)
{
    const struct apic_register *row = apic_register_at(offset);
    unsigned access = !row ? APIC_ACCESS_NONE : of(cpu)->x2apic ? row->x2apic : row->xapic;

    if ((access == APIC_ACCESS_READ || access == APIC_ACCESS_READ_WRITE)
        && apic_register_present(row, *register_at(cpu, APIC_VERSION)))
        *register_at(cpu, offset) = apic_policy_read(cpu, offset);
}

/* Disabling the APIC by software masks it. */
static void refresh_lvt(struct cpu *cpu)
{
    refresh(cpu, APIC_LVT_CMCI);
    for (uint32_t offset = APIC_LVT_TIMER; offset <= APIC_LVT_ERROR; offset += APIC_REGISTER_STRIDE)
        refresh(cpu, offset);
}

/* The hardware knows when the message has gone; the guest may have read that it has long ago. */
static void send(struct cpu *cpu, uint32_t low)
{
    cpu->apic.icr_high = *register_at(cpu, APIC_ICR_HIGH);
    if (!guest_apic_is_translated(cpu)) {
        local_apic_wait_until_idle();
        local_apic_write(APIC_ICR_HIGH, cpu->apic.icr_high);
    }
    apic_policy_write(cpu, APIC_ICR_LOW, low);
    *register_at(cpu, APIC_ICR_LOW) = cpu->apic.icr_low;
}

void vmx_virtual_apic_write_icr(struct cpu *cpu, uint64_t icr)
{
    *register_at(cpu, APIC_ICR_LOW) = (uint32_t)icr;
    *register_at(cpu, APIC_ICR_LOW + 4) = (uint32_t)(icr >> 32);
    apic_policy_write_icr(cpu, icr);
}

/* A write to the registers that are virtual goes nowhere else. */
static bool is_virtual(uint32_t offset)
{
    return offset == APIC_PPR || (offset >= APIC_ISR0 && offset < APIC_ESR);
}

void vmx_virtual_apic_written(struct cpu *cpu, uint32_t offset)
{
    if (!is_virtual(offset))
        refresh(cpu, offset);
    if (offset == APIC_SVR)
        refresh_lvt(cpu);
    if (offset == APIC_SVR || offset == APIC_LVT_LINT0)
        choose_acknowledgement(cpu);
}

void vmx_virtual_apic_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case APIC_TPR:
        *register_at(cpu, APIC_TPR) = value & 0xff;     /* the next entry makes PPR of it */
        return;
    case APIC_EOI:
        end_of_interrupt(cpu);
        return;
    case APIC_ICR_HIGH:
        *register_at(cpu, APIC_ICR_HIGH) = value & 0xff000000;
        return;
    case APIC_ICR_LOW:
        send(cpu, value);
        return;
    default:
        apic_policy_write(cpu, offset, value);
        vmx_virtual_apic_written(cpu, offset);
    }
}

/* A write that does not begin at a register is undefined by the manuals and goes nowhere. */
void vmx_exit_apic_write(struct cpu *cpu, const struct past_exit *exit)
{
    uint32_t offset = (uint32_t)(exit->info & QUALIFICATION_APIC_OFFSET);
    uint32_t start = offset & ~(APIC_REGISTER_STRIDE - 1);

    cpu->counters[COUNTER_EXIT_APIC_WRITE]++;
    if (offset == start)
        vmx_virtual_apic_write(cpu, offset, *register_at(cpu, offset));
    else if (start != APIC_ICR_LOW)
        refresh(cpu, start);
}

/* What the hardware's registers do not show: what is virtual, and ICR. */
static bool is_ours(uint32_t offset)
{
    return offset == APIC_TPR || offset == APIC_APR || offset == APIC_ICR_LOW || offset == APIC_ICR_HIGH
        || is_virtual(offset);
}

static uint32_t read_ours(struct cpu *cpu, uint32_t offset)
{
    const uint8_t *page = of(cpu)->page;

    switch (offset) {
    case APIC_PPR:
        return vector_processor_priority(page[APIC_TPR], vector_register_highest(page, APIC_ISR0));
    case APIC_APR:
        return vector_arbitration_priority(page[APIC_TPR], vector_register_highest(page, APIC_ISR0),
                                           vector_register_highest(page, APIC_IRR0));
    default:
        return *register_at(cpu, offset);
    }
}

bool vmx_virtual_apic_show(struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    if (!apic_policy_show(cpu, offset, value))
        return false;
    if (is_ours(offset))
        *value = read_ours(cpu, offset);
    return true;
}

void vmx_virtual_apic_snapshot(struct cpu *cpu, void *page, uint32_t offset)
{
    apic_policy_snapshot(cpu, page);
    for (uint32_t each = APIC_ID; each <= APIC_ICR_HIGH; each += APIC_REGISTER_STRIDE) {
        if (is_ours(each))
            *(uint32_t *)((uint8_t *)page + each) = read_ours(cpu, each);
    }
    apic_policy_snapshot_other(cpu, page, offset);
}

/* ---- before an entry ---- */

static void look_for_interrupts(struct cpu *cpu)
{
    bool blind = !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF);

    for (unsigned i = 0; i < RECHECK_TURNS && blind && apic_has_interrupt(cpu); i++)
        exceptions_take_interrupt(accept_here);
    /* Others need the timer more: their exit comes here, too. */
    if (blind == of(cpu)->rechecks || (step_active(cpu) && cpu->step.delivery)
        || cpu->nmi.pending)
        return;
    vmx_exit_within(cpu, blind ? recheck_units : VMX_NEVER);
    of(cpu)->rechecks = blind;
}

static void deliver_direct(struct cpu *cpu)
{
    struct virtual_apic *apic = of(cpu);
    int vector = vector_set_lowest(&apic->direct);

    if (vector >= 0 && can_take(cpu)) {
        vector_set_remove(&apic->direct, (uint8_t)vector);
        cpu->event = (struct event){ .valid = true, .vector = (uint8_t)vector,
                                     .type = EVENT_EXTERNAL_INTERRUPT };
        vector = vector_set_lowest(&apic->direct);
        apic->waits = vector >= 0;
    }
    apic->windowed = vector >= 0 || apic->shut;
    vmx_control_set(cpu, CAPABILITY_VMX_INTERRUPT_WINDOW_EXITING, apic->windowed);
    set_watched(cpu);
}

/* The 8259's interrupt exits again, at once, when it is no longer shut out. */
void vmx_virtual_apic_before_entry(struct cpu *cpu)
{
    struct virtual_apic *apic = of(cpu);

    if (apic->shut && can_take(cpu))
        set_shut(cpu, false);
    if (apic->on && (machine.interrupts_need_if || apic->shut || apic->rechecks))
        look_for_interrupts(cpu);
    if (apic->waits || apic->shut || apic->windowed)
        deliver_direct(cpu);
}

/* What waited for the window is injected before the entry that follows. */
void vmx_exit_interrupt_window(struct cpu *cpu, const struct past_exit *exit)
{
    (void)exit;
    cpu->counters[COUNTER_EXIT_INTERRUPT_WINDOW]++;
    of(cpu)->windowed = false;
    vmx_control_set(cpu, CAPABILITY_VMX_INTERRUPT_WINDOW_EXITING, false);
}
