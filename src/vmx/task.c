/* SPDX-License-Identifier: BSD-2-Clause */
/* Task switches of the guest: every attempt exits, after the processor has judged the new TSS (SDM
 * Vol 3: VMX Non-Root Operation > Treatment of Task Switches; VM Exits > Recording VM-Exit
 * Information). core/task_switch.c carries it out. */
#include "core/guest_access.h"
#include "core/machine.h"
#include "core/step.h"
#include "core/task_switch.h"
#include "vmx/vmx.h"
#include "x86/registers.h"

#define QUALIFICATION_TASK_SELECTOR     0xffffu
#define QUALIFICATION_TASK_SOURCE_SHIFT 30
#define PDPTE_PRESENT                   UINT64_C(1)
#define PDPTE_RESERVED                  UINT64_C(0x1e6)
#define PDPTES                          4

static bool to_fault(bool done, const struct guest_page_fault *page, struct task_fault *fault)
{
    if (!done)
        *fault = (struct task_fault){ VECTOR_PF, page->error, page->address };
    return done;
}

static bool read(void *context, uint32_t linear, void *to, size_t size, struct task_fault *fault)
{
    struct guest_page_fault page;

    return to_fault(guest_copy(context, linear, to, size, 0, &page), &page, fault);
}

static bool write(void *context, uint32_t linear, const void *from, size_t size,
                  struct task_fault *fault)
{
    struct guest_page_fault page;

    return to_fault(guest_copy(context, linear, (void *)from, size, GUEST_ACCESS_WRITE, &page),
                    &page, fault);
}

static bool reach(void *context, uint32_t linear, size_t size, struct task_fault *fault)
{
    struct guest_page_fault page;

    return to_fault(guest_copy(context, linear, NULL, size, GUEST_ACCESS_WRITE, &page), &page,
                    fault);
}

static bool push(void *context, uint32_t linear, const void *from, size_t size, bool user,
                 struct task_fault *fault)
{
    uint32_t access = GUEST_ACCESS_WRITE | (user ? GUEST_ACCESS_USER : 0);
    struct guest_page_fault page;

    return to_fault(guest_copy(context, linear, (void *)from, size, access, &page), &page, fault);
}

/* With PAE, MOV to CR3 loads four entries that the processor then keeps; VM entry takes them from the
 * VMCS, and refuses what the instruction would have refused. */
static bool load_cr3(void *context, uint32_t cr3)
{
    uint64_t beyond = ~((UINT64_C(1) << machine.physical_address_bits) - 1);
    const uint64_t *table = guest_memory_at(context, cr3 & ~31u, PDPTES * 8);
    uint64_t entry[PDPTES];

    vmx_register_write(context, GUEST_CR3, cr3);
    if (!(vmx_register_read(context, GUEST_CR4) & CR4_PAE))
        return true;
    for (unsigned i = 0; i < PDPTES; i++) {
        entry[i] = table ? *(const volatile uint64_t *)&table[i] : ~UINT64_C(0);
        if (entry[i] & PDPTE_PRESENT && entry[i] & (PDPTE_RESERVED | beyond))
            return false;
    }
    for (unsigned i = 0; i < PDPTES; i++)
        vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, entry[i]);
    return true;
}

/* The order of struct task_state is that of the encodings, as in the registers and in the VMCS. */
static void collect(struct cpu *cpu, struct task_state *state)
{
    const uint64_t *registers = &cpu->registers->rax;

    state->eip = (uint32_t)vmcs_read(VMCS_GUEST_RIP);
    state->eflags = (uint32_t)vmcs_read(VMCS_GUEST_RFLAGS);
    for (unsigned i = 0; i < 8; i++)
        state->registers[i] = (uint32_t)registers[i];
    state->registers[4] = (uint32_t)vmcs_read(VMCS_GUEST_RSP);
    for (unsigned i = 0; i < TASK_SEGMENTS; i++)
        vmx_segment_read(cpu, GUEST_ES + i, &state->segment[i]);
    vmx_segment_read(cpu, GUEST_LDTR, &state->ldtr);
    vmx_segment_read(cpu, GUEST_TR, &state->tr);
    vmx_segment_read(cpu, GUEST_GDTR, &state->gdtr);
    state->cr0 = (uint32_t)vmx_register_read(cpu, GUEST_CR0);
    state->cr3 = (uint32_t)vmx_register_read(cpu, GUEST_CR3);
    state->dr7 = (uint32_t)vmx_register_read(cpu, GUEST_DR7);
}

/* CR3 is where load_cr3() has put it. */
static void put_back(struct cpu *cpu, const struct task_state *state)
{
    uint64_t *registers = &cpu->registers->rax;

    vmcs_write(VMCS_GUEST_RIP, state->eip);
    vmcs_write(VMCS_GUEST_RFLAGS, state->eflags);
    for (unsigned i = 0; i < 8; i++)
        registers[i] = state->registers[i];
    vmcs_write(VMCS_GUEST_RSP, state->registers[4]);
    for (unsigned i = 0; i < TASK_SEGMENTS; i++)
        vmx_segment_write(cpu, GUEST_ES + i, &state->segment[i]);
    vmx_segment_write(cpu, GUEST_LDTR, &state->ldtr);
    vmx_segment_write(cpu, GUEST_TR, &state->tr);
    vmx_register_write(cpu, GUEST_CR0, state->cr0);
    vmx_register_write(cpu, GUEST_DR7, state->dr7);
    vmx_interrupt_shadow_write(cpu, 0);
}

/* Where the old task goes on: behind the instruction, unless an exception or an interrupt from
 * outside came through a task gate. */
static uint32_t return_address(const struct cpu *cpu, enum task_switch_source source)
{
    uint32_t rip = (uint32_t)vmcs_read(VMCS_GUEST_RIP);
    const struct event *event = &cpu->interrupted;
    bool instruction = source != TASK_SWITCH_GATE
                    || (event->valid && event->type >= EVENT_SOFTWARE_INTERRUPT);

    return instruction ? rip + (uint32_t)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH) : rip;
}

/* The event has been delivered. An NMI blocks the next one until IRET, of which this may be one. */
static void settle_events(struct cpu *cpu, enum task_switch_source source)
{
    uint64_t state = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

    if (cpu->interrupted.valid && cpu->interrupted.type == EVENT_NMI)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, state | INTERRUPTIBILITY_NMI);
    else if (source == TASK_SWITCH_IRET && state & INTERRUPTIBILITY_NMI)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, state & ~(uint64_t)INTERRUPTIBILITY_NMI);
}

void vmx_exit_task_switch(struct cpu *cpu, const struct past_exit *exit)
{
    const struct task_memory memory = { cpu, read, write, reach, push, load_cr3 };
    uint64_t qualification = exit->info;
    enum task_switch_source source = qualification >> QUALIFICATION_TASK_SOURCE_SHIFT & 3;
    struct task_switch_request request = {
        .source = source, .selector = qualification & QUALIFICATION_TASK_SELECTOR };
    enum task_switch_result result;
    struct task_fault fault;
    struct task_state state;

    cpu->counters[COUNTER_EXIT_OTHER]++;
    vmx_take_interrupted(cpu);
    step_cancel(cpu);
    if (source == TASK_SWITCH_GATE && cpu->interrupted.valid) {
        request.external = cpu->interrupted.type < EVENT_SOFTWARE_INTERRUPT;
        request.has_error = cpu->interrupted.has_error;
        request.error = cpu->interrupted.error;
    }
    collect(cpu, &state);
    state.eip = return_address(cpu, source);
    result = task_switch(&state, &request, &memory, &fault);
    if (result != TASK_REFUSED) {
        put_back(cpu, &state);
        settle_events(cpu, source);
    }
    if (result == TASK_SWITCHED || result == TASK_SWITCHED_TRAP)
        cpu->interrupted.valid = false;
    if (result == TASK_SWITCHED_TRAP) {
        vmx_register_write(cpu, GUEST_DR6, vmx_register_read(cpu, GUEST_DR6) | DR6_BT);
        event_raise(cpu, VECTOR_DB, false, 0);
    } else if (result != TASK_SWITCHED) {
        if (fault.vector == VECTOR_PF)
            vmx_register_write(cpu, GUEST_CR2, fault.address);
        event_raise(cpu, fault.vector, true, fault.error);
    }
}
