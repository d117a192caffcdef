/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench: what an operation costs, in exits and in executed instructions.
 *
 * Matters because the price of watching the APIC is paid at every interrupt of the guest. Each
 * operation is done in rounds, by itself between two readings: of the hypervisor's counter of exits
 * (CPUID leaf 0x40000002, whose own exit is taken off), and of the time-stamp counter, which on an
 * emulator that counts instructions is a count of executed instructions. The count includes the
 * guest's own instructions, so the same operation on the bare emulator is what has to be taken off:
 * tools/bench.py does that and prints the tables.
 *
 * The interrupt of an external source is the timer's, which comes while the guest spins, and its
 * handler sends no EOI within the measurement.
 *
 * `# differs:` lines: all figures. Result lines say that the operations did what they are for.
 * Sources: docs/hypervisor-leaves.md; SDM Vol 3: APIC > Local APIC; Extended XAPIC (x2APIC).
 */
#include "guest.h"

#include "apic.h"
#include "delay.h"
#include "interrupts.h"
#include "sextant.h"
#include "tap.h"
#include "x86.h"

#define ROUNDS          51u     /* odd: one of them is the median */
#define VECTOR          0x61
#define TIMER_COUNT     20000u  /* long after it was set, long before the spinning ends */
#define SPIN            40000u
#define FEATURE_X2APIC  (1u << 21)
#define COMMAND         (ICR_FIXED | ICR_ASSERT | VECTOR)

struct operation {
    const char *name;
    void (*prepare)(void);      /* not measured */
    void (*run)(void);
    void (*finish)(void);       /* not measured */
    unsigned interrupts;        /* that a round takes, all in all */
};

static unsigned taken;          /* interrupts; written by the handler */
static unsigned before_timer;   /* of these, when the timer was set */
static bool present;            /* the hypervisor */
static unsigned exits_number;   /* of its counter */
static uint32_t own_id;

static void count_interrupt(struct frame *frame)
{
    (void)frame;
    taken++;
}

static unsigned taken_now(void)
{
    return __atomic_load_n(&taken, __ATOMIC_SEQ_CST);
}

static void nothing(void)
{
}

/* ---- the operations ---- */

static void run_cpuid(void)
{
    cpuid(0, 0);
}

static void run_cpuid_features(void)
{
    cpuid(1, 0);
}

static void run_read_timer(void)
{
    apic_read(APIC_TIMER_CURRENT);
}

static void run_read_priority(void)
{
    apic_read(APIC_PPR);
}

/* Every other register that all processors have; those two change by themselves. */
static void run_read_registers(void)
{
    static const uint16_t single[] = {
        APIC_ID, APIC_VERSION, APIC_TPR, APIC_LDR, APIC_DFR, APIC_SVR, APIC_ESR,
        APIC_ICR_LOW, APIC_ICR_HIGH, APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1,
        APIC_LVT_ERROR, APIC_TIMER_INITIAL, APIC_TIMER_DIVIDE,
    };

    for (unsigned i = 0; i < sizeof(single) / sizeof(single[0]); i++)
        apic_read(single[i]);
    for (unsigned i = 0; i < 3 * 8; i++)
        apic_read(APIC_ISR + 16 * i);
}

static void run_tpr(void)
{
    apic_write(APIC_TPR, 0x20);
}

static void finish_tpr(void)
{
    apic_write(APIC_TPR, 0);
}

static void run_eoi(void)
{
    apic_eoi();
}

/* A command to this CPU itself, by its ID: the shorthand is not what kernels send. */
static void prepare_icr(void)
{
    apic_write(APIC_ICR_HIGH, own_id << 24);
}

static void run_icr(void)
{
    apic_write(APIC_ICR_LOW, COMMAND);
}

static void take_interrupt(void)
{
    unsigned before = taken_now();

    interrupts_on();
    (void)WAIT_UNTIL(taken_now() != before);
    interrupts_off();
}

static void finish_icr(void)
{
    take_interrupt();
    apic_eoi();
}

static void prepare_eoi(void)
{
    prepare_icr();
    run_icr();
    take_interrupt();
}

/* Where time is not a count of instructions, the spinning may end first. */
static void await_timer(void)
{
    if (taken_now() == before_timer)
        take_interrupt();
}

static void finish_timer(void)
{
    await_timer();
    apic_eoi();
}

static void prepare_timer(void)
{
    before_timer = taken_now();
    apic_write(APIC_TIMER_INITIAL, TIMER_COUNT);
}

static void run_spin(void)
{
    unsigned count = SPIN;

    interrupts_on();
    __asm__ volatile("1:\tdecl %0\n\tjnz 1b" : "+r"(count) : : "cc");
    interrupts_off();
}

static void run_x2apic_read(void)
{
    x2apic_read(APIC_TPR);
}

static void run_x2apic_tpr(void)
{
    x2apic_write(APIC_TPR, 0x20);
}

static void finish_x2apic_tpr(void)
{
    x2apic_write(APIC_TPR, 0);
}

static void run_x2apic_icr(void)
{
    x2apic_write(APIC_ICR_LOW, (uint64_t)own_id << 32 | COMMAND);
}

static void run_x2apic_eoi(void)
{
    x2apic_write(APIC_EOI, 0);
}

static void finish_x2apic_icr(void)
{
    take_interrupt();
    run_x2apic_eoi();
}

static void prepare_x2apic_eoi(void)
{
    run_x2apic_icr();
    take_interrupt();
}

static void finish_x2apic_timer(void)
{
    await_timer();
    run_x2apic_eoi();
}

static void prepare_x2apic_timer(void)
{
    before_timer = taken_now();
    x2apic_write(APIC_TIMER_INITIAL, TIMER_COUNT);
}

static const struct operation xapic_operations[] = {
    { "CPUID", nothing, run_cpuid, nothing, 0 },
    { "CPUID leaf 1", nothing, run_cpuid_features, nothing, 0 },
    { "xAPIC registers, read", nothing, run_read_registers, nothing, 0 },
    { "xAPIC PPR, read", nothing, run_read_priority, nothing, 0 },
    { "xAPIC timer count, read", nothing, run_read_timer, nothing, 0 },
    { "xAPIC EOI", prepare_eoi, run_eoi, nothing, 1 },
    { "xAPIC TPR", nothing, run_tpr, finish_tpr, 0 },
    { "xAPIC ICR", prepare_icr, run_icr, finish_icr, 1 },
    { "external interrupt", prepare_timer, run_spin, finish_timer, 1 },
};

static const struct operation x2apic_operations[] = {
    { "x2APIC TPR, read", nothing, run_x2apic_read, nothing, 0 },
    { "x2APIC EOI", prepare_x2apic_eoi, run_x2apic_eoi, nothing, 1 },
    { "x2APIC TPR", nothing, run_x2apic_tpr, finish_x2apic_tpr, 0 },
    { "x2APIC ICR", nothing, run_x2apic_icr, finish_x2apic_icr, 1 },
    { "external interrupt, x2APIC", prepare_x2apic_timer, run_spin, finish_x2apic_timer, 1 },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- the measurement ---- */

static uint64_t exits_so_far(void)
{
    return present ? sextant_cpu_counter(0, exits_number) : 0;
}

static uint64_t time_stamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static void sort(uint64_t *values, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        for (unsigned j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t swapped = values[j];

            values[j] = values[j - 1];
            values[j - 1] = swapped;
        }
    }
}

static void count_exits(const struct operation *operation, uint64_t values[ROUNDS])
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before;

        operation->prepare();
        before = exits_so_far();
        operation->run();
        values[i] = exits_so_far() - before - present;      /* the reading is an exit itself */
        operation->finish();
    }
}

static void count_ticks(const struct operation *operation, uint64_t values[ROUNDS])
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before;

        operation->prepare();
        before = time_stamp();
        operation->run();
        values[i] = time_stamp() - before;
        operation->finish();
    }
}

/* True when every round took the interrupts that it makes. */
static bool measure(const struct operation *operation)
{
    uint64_t exits[ROUNDS], ticks[ROUNDS];

    taken = 0;
    count_exits(operation, exits);
    count_ticks(operation, ticks);
    sort(exits, ROUNDS);
    sort(ticks, ROUNDS);
    tap_differs("cost of %s: exits %lu to %lu, ticks %lu (%lu to %lu)", operation->name, exits[0],
                exits[ROUNDS - 1], ticks[ROUNDS / 2], ticks[0], ticks[ROUNDS - 1]);
    return taken_now() == 2 * ROUNDS * operation->interrupts;
}

/* The processor may have x2APIC where the guest's has not: one result line for all. */
static void measure_x2apic(void)
{
    bool right = true;

    if (cpuid(1, 0).ecx & FEATURE_X2APIC) {
        wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
        for (unsigned i = 0; i < COUNT(x2apic_operations); i++)
            right &= measure(&x2apic_operations[i]);
    }
    tap_check(right, "x2APIC, where there is one: each round takes its interrupts");
}

void guest_main(void)
{
    tap_plan(COUNT(xapic_operations) + 1);
    present = sextant_present();
    exits_number = (unsigned)sextant_counter_number("exits, all reasons");
    own_id = apic_read(APIC_ID) >> 24;
    interrupts_set_handler(VECTOR, count_interrupt);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR);

    for (unsigned i = 0; i < COUNT(xapic_operations); i++) {
        const struct operation *operation = &xapic_operations[i];

        tap_check(measure(operation), "%s: interrupts in a round: %u", operation->name,
                  operation->interrupts);
    }
    measure_x2apic();
}
