/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery and start of CPUs.
 * Source: SDM Vol 3: Multiple-Processor (MP) Initialization > MP Initialization Protocol Algorithm.
 */
#include "cpus.h"

#include "acpi.h"
#include "apic.h"
#include "delay.h"
#include "multiboot.h"
#include "string.h"
#include "tap.h"
#include "x86.h"

#define INIT_MICROSECONDS    10000
#define STARTUP_MICROSECONDS 200

extern const char trampoline_start[], trampoline_end[];

struct cpu cpus[MAX_CPUS];
unsigned cpus_count;

/* trampoline.S finds a CPU's structure here. */
struct cpu *cpus_by_apic_id[256];

static void add_cpu(uint32_t apic_id)
{
    if (apic_id >= NO_APIC_ID || cpus_by_apic_id[apic_id] != NULL || cpus_count == MAX_CPUS)
        return;
    struct cpu *cpu = &cpus[cpus_count];
    cpu->self = cpu;
    cpu->index = cpus_count;
    cpu->apic_id = apic_id;
    cpu->stack_top = cpu->stack + sizeof(cpu->stack);
    cpus_by_apic_id[apic_id] = cpu;
    cpus_count++;
}

static void note_mode(struct cpu *cpu)
{
    cpu->x2apic = (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC) != 0;
}

void cpu_enter_x2apic(void *argument)
{
    (void)argument;
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
    note_mode(this_cpu());
}

static void wake_handler(struct frame *frame)
{
    (void)frame;
    apic_end_of_interrupt();
}

static void spurious_handler(struct frame *frame)
{
    (void)frame;
}

void cpus_initialise(void)
{
    add_cpu(cpuid(1, 0).ebx >> 24);
    interrupts_load(&cpus[0]);
    note_mode(&cpus[0]);
    interrupts_set_handler(VECTOR_WAKE, wake_handler);
    interrupts_set_handler(SPURIOUS_VECTOR, spurious_handler);
    acpi_for_each_cpu(add_cpu);
}

static volatile uint32_t *start_page_field(unsigned n, unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(multiboot_start_page(n) + offset);
}

uint8_t cpus_prepare_start_page(unsigned n, bool stay_real)
{
    uint8_t *page = (uint8_t *)(uintptr_t)multiboot_start_page(n);
    memset(page, 0, 4096);
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    *start_page_field(n, START_PAGE_MAGIC) = START_PAGE_MAGIC_VALUE;
    *start_page_field(n, START_PAGE_STAY_REAL) = stay_real;
    memory_barrier();
    return (uint8_t)((uintptr_t)page >> 12);
}

uint32_t cpus_start_page_count(unsigned n)
{
    return *start_page_field(n, START_PAGE_COUNT);
}

uint32_t cpus_start_page_state(unsigned n, unsigned index)
{
    return *start_page_field(n, START_PAGE_STATE + 4 * index);
}

static void store_apic_state(uint32_t *state)
{
    static const uint16_t offsets[] = {
        [APIC_STATE_SVR] = APIC_SVR,
        [APIC_STATE_TPR] = APIC_TPR,
        [APIC_STATE_LDR] = APIC_LDR,
        [APIC_STATE_DFR] = APIC_DFR,
        [APIC_STATE_ESR] = APIC_ESR,
        [APIC_STATE_ICR_LOW] = APIC_ICR_LOW,
        [APIC_STATE_ICR_HIGH] = APIC_ICR_HIGH,
        [APIC_STATE_LVT_TIMER] = APIC_LVT_TIMER,
        [APIC_STATE_LVT_LINT0] = APIC_LVT_LINT0,
        [APIC_STATE_LVT_LINT1] = APIC_LVT_LINT1,
        [APIC_STATE_LVT_ERROR] = APIC_LVT_ERROR,
        [APIC_STATE_TIMER_INITIAL] = APIC_TIMER_INITIAL,
        [APIC_STATE_TIMER_DIVIDE] = APIC_TIMER_DIVIDE,
    };
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
        state[i] = apic_get(offsets[i]);
    state[APIC_STATE_IN_SERVICE] = !apic_bits_empty(APIC_ISR);
    state[APIC_STATE_REQUESTED] = !apic_bits_empty(APIC_IRR);
}

static _Noreturn void idle(struct cpu *cpu)
{
    for (;;) {
        void (*work)(void *) = __atomic_load_n(&cpu->work, __ATOMIC_SEQ_CST);
        if (work == NULL) {
            halt_once();
            continue;
        }
        work(cpu->argument);
        interrupts_off();
        __atomic_store_n(&cpu->work, NULL, __ATOMIC_SEQ_CST);
    }
}

/* Called by trampoline.S with IF clear. */
_Noreturn void cpus_application_entry(struct cpu *cpu, uint32_t start_page);

_Noreturn void cpus_application_entry(struct cpu *cpu, uint32_t start_page)
{
    memcpy(cpu->state, (const void *)(uintptr_t)(start_page + START_PAGE_STATE),
           sizeof(cpu->state));
    __atomic_store_n((uint32_t *)(uintptr_t)(start_page + START_PAGE_LOCK), 0, __ATOMIC_SEQ_CST);
    interrupts_load(cpu);
    note_mode(cpu);
    store_apic_state(cpu->apic_state);
    apic_enable();
    cpu->start_page = start_page;
    cpu->work = NULL;
    __atomic_add_fetch(&cpu->starts, 1, __ATOMIC_SEQ_CST);
    idle(cpu);
}

void cpu_send_init(const struct cpu *cpu)
{
    apic_send((uint8_t)cpu->apic_id, ICR_INIT | ICR_ASSERT);
    delay_microseconds(INIT_MICROSECONDS);
}

void cpu_send_startup(const struct cpu *cpu, uint8_t vector)
{
    apic_send((uint8_t)cpu->apic_id, ICR_STARTUP | ICR_ASSERT | vector);
}

bool cpu_restart(struct cpu *cpu, unsigned start_page)
{
    unsigned before = cpu_starts(cpu);
    uint8_t vector = cpus_prepare_start_page(start_page, false);
    cpu_send_init(cpu);
    cpu_send_startup(cpu, vector);
    return WAIT_UNTIL(cpu_starts(cpu) != before) && cpu_starts(cpu) == before + 1 &&
           cpu->start_page == (uint32_t)vector << 12;
}

bool cpus_start_all(void)
{
    uint8_t vector = cpus_prepare_start_page(0, false);
    bool all = true;

    for (unsigned i = 1; i < cpus_count; i++)
        apic_send((uint8_t)cpus[i].apic_id, ICR_INIT | ICR_ASSERT);
    delay_microseconds(INIT_MICROSECONDS);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 1; i < cpus_count; i++)
            cpu_send_startup(&cpus[i], vector);
        delay_microseconds(STARTUP_MICROSECONDS);
    }
    for (unsigned i = 1; i < cpus_count; i++)
        all = WAIT_UNTIL(cpu_starts(&cpus[i]) == 1) && all;
    return all;
}

void cpu_post(struct cpu *cpu, void (*work)(void *argument), void *argument)
{
    cpu->argument = argument;
    __atomic_store_n(&cpu->work, work, __ATOMIC_SEQ_CST);
    apic_send((uint8_t)cpu->apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_WAKE);
}

bool cpu_wait_idle(struct cpu *cpu)
{
    return WAIT_UNTIL(__atomic_load_n(&cpu->work, __ATOMIC_SEQ_CST) == NULL);
}

void cpu_run(struct cpu *cpu, void (*work)(void *argument), void *argument)
{
    cpu_post(cpu, work, argument);
    if (!cpu_wait_idle(cpu))
        fatal("CPU %u does not finish its work", cpu->index);
}
