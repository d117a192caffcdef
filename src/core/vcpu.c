/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/vcpu.h"

#include <string.h>

#include "apic/registers.h"
#include "core/backend.h"
#include "core/kick.h"
#include "core/machine.h"
#include "core/rendezvous.h"
#include "core/step.h"
#include "guest/loader.h"
#include "lib/panic.h"
#include "strategies/operations.h"
#include "x2apic/base.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define CODE_LONG       0xa9b       /* G, L, present, ring 0, execute/read, accessed */
#define CODE_32         0xc9b
#define DATA_32         0xc93
#define TASK_BUSY_32    0x08b
#define LDT             0x082

void vcpu_prepare(struct cpu *cpu)
{
    bool bootstrap = msr_read(MSR_IA32_APIC_BASE) & APIC_BASE_BSP;

    startup_mailbox_init(&cpu->mailbox, bootstrap, !bootstrap);
    cpu->waiting = !bootstrap;
    atomic_store(&cpu->waits_in_hardware, 0);
    guest_apic_prepare(cpu);
    binding.nmi->reset(cpu);
}

static void load_general(struct general_registers *registers, const struct initial_state *state)
{
    *registers = (struct general_registers){
        .rax = state->rax, .rcx = state->rcx, .rdx = state->rdx, .rbx = state->rbx,
        .rbp = state->rbp, .rsi = state->rsi, .rdi = state->rdi, .r8 = state->r8,
        .r9 = state->r9, .r10 = state->r10, .r11 = state->r11, .r12 = state->r12,
        .r13 = state->r13, .r14 = state->r14, .r15 = state->r15,
    };
}

static void load_segments(struct cpu *cpu, const struct initial_state *state)
{
    backend->segment_write(cpu, GUEST_ES, &state->es);
    backend->segment_write(cpu, GUEST_CS, &state->cs);
    backend->segment_write(cpu, GUEST_SS, &state->ss);
    backend->segment_write(cpu, GUEST_DS, &state->ds);
    backend->segment_write(cpu, GUEST_FS, &state->fs);
    backend->segment_write(cpu, GUEST_GS, &state->gs);
    backend->segment_write(cpu, GUEST_LDTR, &state->ldtr);
    backend->segment_write(cpu, GUEST_TR, &state->tr);
    backend->segment_write(cpu, GUEST_GDTR, &state->gdtr);
    backend->segment_write(cpu, GUEST_IDTR, &state->idtr);
}

void vcpu_load_state(struct cpu *cpu, const struct initial_state *state)
{
    load_general(cpu->registers, state);
    load_segments(cpu, state);
    backend->register_write(cpu, GUEST_RIP, state->rip);
    backend->register_write(cpu, GUEST_RSP, state->rsp);
    backend->register_write(cpu, GUEST_RFLAGS, state->rflags);
    backend->register_write(cpu, GUEST_CR0, state->cr0);
    backend->register_write(cpu, GUEST_CR2, state->cr2);
    backend->register_write(cpu, GUEST_CR3, state->cr3);
    backend->register_write(cpu, GUEST_CR4, state->cr4);
    backend->register_write(cpu, GUEST_EFER, state->efer);
    backend->register_write(cpu, GUEST_DR6, state->dr6);
    backend->register_write(cpu, GUEST_DR7, state->dr7);
    dr0_write(state->dr0);
    dr1_write(state->dr1);
    dr2_write(state->dr2);
    dr3_write(state->dr3);
    backend->reset_events(cpu);
}

static struct segment_state segment(uint16_t selector, uint16_t attributes)
{
    return (struct segment_state){ .selector = selector, .attributes = attributes,
                                   .limit = 0xffffffff };
}

static void vcpu_load_guest(struct cpu *cpu, const struct guest_start *start)
{
    bool long_mode = start->mode == GUEST_LONG_64;
    struct segment_state data = segment(GUEST_DATA_SELECTOR, DATA_32);
    struct initial_state state = {
        .rax = start->rax, .rbx = start->rbx, .rsi = start->rsi, .rsp = start->rsp,
        .rip = start->rip, .rflags = RFLAGS_FIXED,
        .cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0),
        .cr3 = start->cr3,
        .cr4 = long_mode ? CR4_PAE : 0,
        .efer = long_mode ? EFER_LME | EFER_LMA : 0,
        .dr6 = DR6_INIT, .dr7 = DR7_INIT,
        .es = data, .ss = data, .ds = data, .fs = data, .gs = data,
        .cs = segment(GUEST_CODE_SELECTOR, long_mode ? CODE_LONG : CODE_32),
        .gdtr = { .base = start->gdt_base, .limit = start->gdt_limit },
        .ldtr = { .attributes = LDT, .limit = 0xffff },
        .tr = { .attributes = TASK_BUSY_32, .limit = 0xffff },
    };

    vcpu_load_state(cpu, &state);
}

static void take_init(struct cpu *cpu)
{
    cpu->counters[COUNTER_INIT_TAKEN]++;
    step_cancel(cpu);
    guest_apic_init(cpu);
    binding.nmi->reset(cpu);
    backend->reset_events(cpu);
}

static bool something_to_do(struct cpu *cpu)
{
    return startup_is_pending(&cpu->mailbox) || rendezvous_wanted(cpu);
}

static void start_at(struct cpu *cpu, const struct startup_actions *actions)
{
    struct initial_state state;
    uint64_t cr0 = backend->register_read(cpu, GUEST_CR0);

    if (actions->next == STARTUP_SIPI_VECTOR) {
        cpu->counters[COUNTER_SIPI_TAKEN]++;
        initial_state_for_sipi(actions->vector, machine.cpuid_signature, cr0, &state);
    } else {
        initial_state_for_reset_vector(machine.cpuid_signature, cr0, &state);
    }
    vcpu_load_state(cpu, &state);
    cpu->waiting = false;
}

static void take_once(struct cpu *cpu)
{
    struct startup_actions actions = startup_take(&cpu->mailbox);

    if (actions.init)
        take_init(cpu);
    if (actions.next == STARTUP_WAIT)
        cpu->waiting = true;
    else if (actions.next != STARTUP_CONTINUE)
        start_at(cpu, &actions);
    if (actions.nmi)
        cpu->nmi.pending = true;
}

void vcpu_take_mailbox(struct cpu *cpu)
{
    take_once(cpu);
    while (cpu->waiting) {
        if (binding.startup->wait) {
            binding.startup->wait(cpu);
            return;
        }
        kick_wait(cpu, something_to_do);
        while (rendezvous_wanted(cpu))
            rendezvous_attend(cpu);
        take_once(cpu);
    }
}

_Noreturn void vcpu_run(struct cpu *cpu, const struct guest_start *start)
{
    struct general_registers registers = { 0 };

    cpu->registers = &registers;
    if (start) {
        vcpu_load_guest(cpu, start);
    } else {
        backend->register_write(cpu, GUEST_CR0, CR0_AFTER_RESET);
        vcpu_take_mailbox(cpu);
    }
    backend->run(cpu);
    panic("the guest was left");
}
