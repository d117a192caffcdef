/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs of the machine: who they are (ACPI MADT), their start by INIT and SIPI, and work for
 * them.
 *
 * A started CPU stores the state in which it arrived, enables its local APIC and waits in HLT with
 * IF set for work. Everything is sized for the 255 CPUs that xAPIC mode can address; nothing spins
 * that could halt.
 */
#ifndef GUEST_CPUS_H
#define GUEST_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "interrupts.h"
#include "trampoline.h"

#define MAX_CPUS   255
#define NO_APIC_ID 255

/* The vector that wakes a CPU out of its idle loop. */
#define VECTOR_WAKE 0xf0

/* Local APIC registers that a CPU stores at its start before it writes any. */
enum apic_state {
    APIC_STATE_SVR,
    APIC_STATE_TPR,
    APIC_STATE_LDR,
    APIC_STATE_DFR,
    APIC_STATE_ESR,
    APIC_STATE_ICR_LOW,
    APIC_STATE_ICR_HIGH,
    APIC_STATE_LVT_TIMER,
    APIC_STATE_LVT_LINT0,
    APIC_STATE_LVT_LINT1,
    APIC_STATE_LVT_ERROR,
    APIC_STATE_TIMER_INITIAL,
    APIC_STATE_TIMER_DIVIDE,
    APIC_STATE_IN_SERVICE, /* 1: some bit of ISR was set */
    APIC_STATE_REQUESTED,  /* 1: some bit of IRR was set */
    APIC_STATE_COUNT
};

struct cpu {
    void *stack_top;  /* first: trampoline.S reads it */
    struct cpu *self; /* what GS:offset reads */
    unsigned index;   /* in cpus[]; the boot CPU is 0 */
    uint32_t apic_id;
    bool x2apic;                       /* its local APIC is in x2APIC mode; the CPU itself says so */
    struct fault fault;                /* the last exception that a fixup caught */
    uint64_t jump_target, jump_resume; /* fault_jump() under way: where, and where to go on */
    uint64_t user_resume, user_stack;  /* user_run() under way: where to go on */
    unsigned starts;                   /* arrivals in cpus_application_entry() */
    uint32_t start_page;               /* where the last one began */
    uint32_t state[STATE_COUNT];       /* registers at the last start (trampoline.h) */
    uint32_t apic_state[APIC_STATE_COUNT];
    void (*work)(void *argument); /* what the CPU is to do, or NULL */
    void *argument;
    uint64_t counter; /* for the tests: counted by work that runs without end */
    uint8_t privileged_stack[2048] __attribute__((aligned(16)));
    uint8_t stack[8192] __attribute__((aligned(16)));
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned cpus_count;

/* The calling CPU's own structure. */
static inline struct cpu *this_cpu(void)
{
    struct cpu *self;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(self) : "i"(offsetof(struct cpu, self)));
    return self;
}

/* Finds all CPUs and makes the caller cpus[0]. The boot CPU calls it once. */
void cpus_initialise(void);

/*
 * Takes the calling CPU from xAPIC mode to x2APIC mode; the functions of apic.h that follow the mode
 * then use its MSRs. `argument` is not used: cpu_run() may call this.
 */
void cpu_enter_x2apic(void *argument);

/*
 * Prepares the n-th start page for a start and returns its SIPI vector. With `stay_real` a CPU that
 * starts there counts in the page's counter in real mode and does nothing else. No CPU may be under
 * way in that page.
 */
uint8_t cpus_prepare_start_page(unsigned n, bool stay_real);

/* The counter and a stored register of a start page, for CPUs that stay in real mode. */
uint32_t cpus_start_page_count(unsigned n);
uint32_t cpus_start_page_state(unsigned n, unsigned index);

/* Number of starts so far, readable while the CPU may be starting. */
static inline unsigned cpu_starts(const struct cpu *cpu)
{
    return __atomic_load_n(&cpu->starts, __ATOMIC_SEQ_CST);
}

/* Sends INIT, then waits the 10 ms of SDM Vol 3: MP Initialization Protocol. */
void cpu_send_init(const struct cpu *cpu);

/* Sends one SIPI, physical destination. */
void cpu_send_startup(const struct cpu *cpu, uint8_t vector);

/*
 * Starts or restarts a CPU by INIT and one SIPI; true when it has arrived exactly once. Any other
 * CPU may call it.
 */
bool cpu_restart(struct cpu *cpu, unsigned start_page);

/*
 * Starts all application CPUs, INIT-SIPI-SIPI with physical destination; true when each has
 * arrived.
 */
bool cpus_start_all(void);

/* Gives an idle CPU work and wakes it. */
void cpu_post(struct cpu *cpu, void (*work)(void *argument), void *argument);

/* Waits until the CPU is idle again; false when that does not happen. */
bool cpu_wait_idle(struct cpu *cpu);

/* Both. A CPU that does not come back ends the run. */
void cpu_run(struct cpu *cpu, void (*work)(void *argument), void *argument);

#endif
