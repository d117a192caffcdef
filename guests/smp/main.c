/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp: every way to start, stop and not start a CPU.
 *
 * Matters because a hypervisor that watches INIT and SIPI has to understand each form of an ICR
 * write, on each CPU, and to put a CPU into the manual's state by itself. Forms: physical, logical
 * flat and logical cluster destination, the shorthands, physical broadcast, an application CPU as
 * sender, edge and level INIT, one SIPI and two, the whole sequence twice. Ignored: SIPI to a
 * running CPU, INIT de-assert, a destination that nobody has. INIT stops a CPU whatever it does:
 * idle, halted with IF clear, counting in 64-bit or in real mode. State at each start: state.c.
 *
 * INIT to oneself is left out (self, all including self, physical broadcast): it resets the boot
 * CPU, and the manual calls the first two invalid. SIPI with these forms is sent: the running
 * sender must ignore it.
 *
 * With fewer CPUs than a form needs its lines are SKIP. `# differs:` lines: CR0.CD and CR0.NW,
 * which INIT leaves alone by the manual while QEMU sets them. Source: SDM Vol 3: APIC > Issuing
 * Interprocessor Interrupts; Multiple-Processor Management > MP Initialization.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "sextant.h"
#include "smp.h"
#include "tap.h"
#include "x86.h"

#define FLAT_CPUS    8
#define CLUSTER_SIZE 4
#define CLUSTER_CPUS 60

#define VECTOR_COUNT 0x50

static unsigned starts_before[MAX_CPUS];
static unsigned received[MAX_CPUS];

void note_starts(void)
{
    for (unsigned i = 0; i < cpus_count; i++)
        starts_before[i] = cpu_starts(&cpus[i]);
}

static void no_work(void *argument)
{
    (void)argument;
}

/* Every application CPU answers, so whatever was sent to it before has been taken. */
static void all_answer(void)
{
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], no_work, NULL);
}

unsigned started_cpus(unsigned times, unsigned first, unsigned last, unsigned step)
{
    unsigned right = 0;
    unsigned wrong = 0;
    for (unsigned i = first; i <= last && i < cpus_count; i += step)
        (void)WAIT_UNTIL(cpu_starts(&cpus[i]) == starts_before[i] + times);
    all_answer();
    for (unsigned i = 0; i < cpus_count; i++) {
        unsigned expected = i >= first && i <= last && (i - first) % step == 0 ? times : 0;
        unsigned seen = cpu_starts(&cpus[i]) - starts_before[i];
        if (seen != expected)
            tap_note("CPU %u started %u times (expected %u)", i, seen, expected);
        wrong += seen != expected;
        right += seen == expected && expected != 0;
    }
    return wrong == 0 ? right : 1000 + wrong;
}

/* INIT to all application CPUs, one by one. */
static void stop_all(uint32_t command)
{
    for (unsigned i = 1; i < cpus_count; i++)
        apic_send((uint8_t)cpus[i].apic_id, command);
    delay_microseconds(10000);
}

static void startup_all(unsigned times, uint8_t vector)
{
    while (times-- > 0) {
        for (unsigned i = 1; i < cpus_count; i++)
            cpu_send_startup(&cpus[i], vector);
        delay_microseconds(200);
    }
}

static void expect_all(unsigned times, const char *form)
{
    tap_count(started_cpus(times, 1, MAX_CPUS, 1), times == 0 ? 0 : cpus_count - 1,
              "%s: CPUs started %s", form,
              times == 0   ? "at all"
              : times == 1 ? "once"
                           : "twice");
}

static void physical_forms(void)
{
    uint8_t vector = cpus_prepare_start_page(0, false);
    note_starts();
    stop_all(ICR_INIT | ICR_ASSERT);
    startup_all(2, vector);
    expect_all(1, "INIT-SIPI-SIPI, physical destination");
    check_state("first start");

    note_starts();
    stop_all(ICR_INIT | ICR_ASSERT);
    startup_all(1, vector);
    expect_all(1, "INIT and one SIPI");

    note_starts();
    for (unsigned round = 1; round <= 2; round++) {
        stop_all(ICR_INIT | ICR_ASSERT);
        startup_all(2, vector);
        for (unsigned i = 1; i < cpus_count; i++)
            (void)WAIT_UNTIL(cpu_starts(&cpus[i]) == starts_before[i] + round);
    }
    expect_all(2, "INIT-SIPI-SIPI twice over");

    note_starts();
    stop_all(ICR_INIT | ICR_ASSERT);
    stop_all(ICR_INIT | ICR_ASSERT);
    startup_all(1, vector);
    expect_all(1, "INIT-INIT-SIPI");

    note_starts();
    stop_all(ICR_INIT | ICR_ASSERT | ICR_LEVEL_TRIGGER);
    stop_all(ICR_INIT | ICR_LEVEL_TRIGGER);
    for (unsigned i = 1; i < cpus_count; i++)
        apic_send((uint8_t)cpus[i].apic_id, ICR_STARTUP | vector);
    expect_all(1, "level-triggered INIT, its de-assert, SIPI with level 0");
}

static void broadcast_forms(void)
{
    uint8_t vector = cpus_prepare_start_page(1, false);
    note_starts();
    apic_send(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
    delay_microseconds(10000);
    apic_send(0, ICR_OTHERS | ICR_STARTUP | ICR_ASSERT | vector);
    delay_microseconds(200);
    apic_send(0, ICR_OTHERS | ICR_STARTUP | ICR_ASSERT | vector);
    expect_all(1, "INIT-SIPI-SIPI, all excluding self");

    note_starts();
    apic_send(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
    delay_microseconds(10000);
    apic_send(0, ICR_ALL | ICR_STARTUP | ICR_ASSERT | vector);
    expect_all(1, "SIPI, all including self, after INIT of the others");

    note_starts();
    apic_send(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
    delay_microseconds(10000);
    apic_send(0xff, ICR_STARTUP | ICR_ASSERT | vector);
    expect_all(1, "SIPI, physical broadcast, after INIT of the others");
}

/* Nothing of this may start or stop anybody. */
static void ignored_forms(void)
{
    uint8_t vector = cpus_prepare_start_page(1, false);
    static const struct {
        uint32_t command;
        const char *name;
    } forms[] = {
        { ICR_SELF | ICR_STARTUP | ICR_ASSERT, "SIPI to self" },
        { ICR_OTHERS | ICR_STARTUP | ICR_ASSERT, "SIPI to running CPUs, all excluding self" },
        { ICR_ALL | ICR_STARTUP | ICR_ASSERT, "SIPI to running CPUs, all including self" },
        { ICR_ALL | ICR_INIT | ICR_LEVEL_TRIGGER, "INIT de-assert, all including self" },
        { ICR_OTHERS | ICR_INIT | ICR_LEVEL_TRIGGER, "INIT de-assert, all excluding self" },
    };
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        note_starts();
        bool startup = (forms[i].command & 0x700) == ICR_STARTUP;
        apic_send(0, forms[i].command | (startup ? vector : 0));
        expect_all(0, forms[i].name);
    }

    note_starts();
    startup_all(2, vector);
    expect_all(0, "SIPI to running CPUs, physical destination");

    uint8_t nobody = 0xfe;
    for (unsigned i = 0; i < cpus_count; i++)
        if (cpus[i].apic_id == nobody)
            nobody--, i = 0;
    note_starts();
    apic_send(nobody, ICR_INIT | ICR_ASSERT);
    apic_send(nobody, ICR_STARTUP | ICR_ASSERT | vector);
    apic_send(nobody, ICR_LOGICAL | ICR_STARTUP | ICR_ASSERT | vector);
    expect_all(0, "INIT and SIPI to a destination that nobody has");
}

static void count_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&received[this_cpu()->index], 1, __ATOMIC_SEQ_CST);
    apic_eoi();
}

struct logical_id {
    uint32_t dfr, ldr;
};

static void set_logical_id(void *argument)
{
    const struct logical_id *id = argument;
    apic_write(APIC_DFR, id->dfr);
    apic_write(APIC_LDR, id->ldr);
}

static uint32_t logical_id_of(unsigned index, bool cluster)
{
    return cluster ? (index / CLUSTER_SIZE << 28 | 1u << (24 + index % CLUSTER_SIZE))
                   : 1u << (24 + index);
}

/*
 * One logical destination: it reaches CPU `first` and, when there is one, the CPU two further on.
 * INIT takes their logical IDs away, so a SIPI to the same destination finds nobody; a physical one
 * does.
 */
static void logical_destination(bool cluster, unsigned first)
{
    const char *model = cluster ? "cluster" : "flat";
    unsigned limit = cluster ? CLUSTER_CPUS : FLAT_CPUS;
    unsigned last = first + 2 < cpus_count && first + 2 < limit ? first + 2 : first;
    uint8_t destination =
        (uint8_t)((logical_id_of(first, cluster) | logical_id_of(last, cluster)) >> 24);
    unsigned expected = last == first ? 1 : 2;

    for (unsigned i = 0; i < cpus_count; i++) {
        struct logical_id id = { cluster ? DFR_CLUSTER : DFR_FLAT,
                                 i < limit ? logical_id_of(i, cluster) : 0 };
        received[i] = 0;
        if (i == 0)
            set_logical_id(&id);
        else
            cpu_run(&cpus[i], set_logical_id, &id);
    }
    apic_send(destination, ICR_FIXED | ICR_LOGICAL | ICR_ASSERT | VECTOR_COUNT);
    all_answer();
    unsigned total = 0;
    for (unsigned i = 0; i < cpus_count; i++)
        total += received[i];
    tap_check(total == expected && received[first] == 1 && received[last] == 1,
              "fixed interrupt, logical %s destination: received by %u CPUs (expected %u)", model,
              total, expected);

    /*
     * They count meanwhile: QEMU 7.2 resets the APIC of a halted CPU only when the SIPI wakes it.
     */
    uint8_t wrong = cpus_prepare_start_page(0, false);
    uint8_t right = cpus_prepare_start_page(1, false);
    note_starts();
    make_count(&cpus[first]);
    if (last != first)
        make_count(&cpus[last]);
    apic_send(destination, ICR_INIT | ICR_LOGICAL | ICR_ASSERT);
    delay_microseconds(10000);
    tap_check(comes_to_rest(&cpus[first]) && comes_to_rest(&cpus[last]),
              "INIT, logical %s destination: stops %u CPUs", model, expected);
    apic_send(destination, ICR_STARTUP | ICR_LOGICAL | ICR_ASSERT | wrong);
    delay_microseconds(200);
    startup_all(1, right);
    tap_count(started_cpus(1, first, last, 2), expected,
              "SIPI, physical destination, after INIT, logical %s destination: CPUs started once",
              model);
    tap_check(cpus[first].start_page == (uint32_t)right << 12 &&
                  cpus[last].start_page == (uint32_t)right << 12,
              "SIPI, logical %s destination, finds nobody after INIT", model);
}

static void logical_forms(void)
{
    struct logical_id none = { DFR_FLAT, 0 };
    interrupts_set_handler(VECTOR_COUNT, count_handler);
    logical_destination(false, 1);
    logical_destination(true, 1);
    set_logical_id(&none);
    stop_all(ICR_INIT | ICR_ASSERT);
    note_starts();
    startup_all(1, cpus_prepare_start_page(0, false));
    expect_all(1, "physical destination after logical ones");
}

static unsigned links;

static void start_next(void *argument)
{
    if (cpu_restart(argument, 1))
        links++;
}

static void start_the_rest(void *argument)
{
    uint8_t vector = cpus_prepare_start_page(1, false);
    for (unsigned i = 2; i < cpus_count; i++)
        apic_send((uint8_t)cpus[i].apic_id, ICR_INIT | ICR_ASSERT);
    delay_microseconds(10000);
    apic_send(0, ICR_OTHERS | ICR_STARTUP | ICR_ASSERT | vector);
    (void)argument;
}

static void startup_boot_cpu(void *argument)
{
    cpu_send_startup(&cpus[0], *(uint8_t *)argument);
}

static void application_senders(void)
{
    uint8_t vector = cpus_prepare_start_page(1, false);
    note_starts();
    cpu_run(&cpus[1], startup_boot_cpu, &vector);
    expect_all(0, "SIPI from CPU 1 to the running boot CPU");

    if (cpus_count < 3) {
        tap_skip(2, "needs 3 CPUs", "an application CPU starts others");
        return;
    }
    links = 0;
    for (unsigned i = 1; i + 1 < cpus_count; i++)
        cpu_run(&cpus[i], start_next, &cpus[i + 1]);
    tap_count(links, cpus_count - 2, "each application CPU restarts the next: restarts");

    note_starts();
    cpu_run(&cpus[1], start_the_rest, NULL);
    tap_count(started_cpus(1, 2, MAX_CPUS, 1), cpus_count - 2,
              "CPU 1: INIT one by one, SIPI all excluding self: CPUs started once");
}

static void icr_read_back(void)
{
    static const struct {
        uint32_t command;
        const char *name;
    } forms[] = {
        { ICR_INIT | ICR_ASSERT, "INIT" },
        { ICR_INIT | ICR_ASSERT | ICR_LEVEL_TRIGGER, "level-triggered INIT" },
        { ICR_INIT | ICR_LEVEL_TRIGGER, "INIT de-assert" },
        { ICR_STARTUP | ICR_ASSERT, "SIPI" },
        { ICR_FIXED | ICR_ASSERT | VECTOR_WAKE, "fixed" },
    };
    uint32_t id = cpus[1].apic_id;
    uint8_t vector = cpus_prepare_start_page(0, false);
    note_starts();
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        uint32_t command = forms[i].command;
        if ((command & 0x700) == ICR_STARTUP)
            command |= vector;
        apic_send((uint8_t)id, command);
        uint32_t low = apic_read(APIC_ICR_LOW) & ~ICR_DELIVERY_PENDING;
        uint32_t high = apic_read(APIC_ICR_HIGH);
        tap_check(low == command && high == id << 24, "ICR after %s: %#x_%08x (expected %#x_%08x)",
                  forms[i].name, high, low, id << 24, command);
        if ((command & 0x700) == ICR_STARTUP)
            (void)WAIT_UNTIL(cpu_starts(&cpus[1]) == starts_before[1] + 1);
    }
    tap_count(started_cpus(1, 1, 1, 1), 1, "CPU 1 started once by these");
}

static uint64_t sum;

static void add_many(void *argument)
{
    for (unsigned i = 0; i < 1000; i++)
        __atomic_add_fetch(&sum, 1, __ATOMIC_SEQ_CST);
    (void)argument;
}

/* At the end all CPUs work at the same time. */
static void work_together(void)
{
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_post(&cpus[i], add_many, NULL);
    for (unsigned i = 1; i < cpus_count; i++)
        if (!cpu_wait_idle(&cpus[i]))
            tap_note("CPU %u does not finish", i);
    tap_count(sum, 1000ul * (cpus_count - 1), "all CPUs add to one number");
}

static unsigned outside;

static void look_for_hypervisor(void *argument)
{
    if (sextant_present() != *(const bool *)argument)
        outside++;
}

/* A CPU that a real INIT or SIPI had reached would have left the hypervisor. */
static void all_inside(void)
{
    bool here = sextant_present();
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], look_for_hypervisor, &here);
    tap_count(outside, 0, "CPUs that see another hypervisor than the boot CPU");
}

void guest_main(void)
{
    unsigned lines = 5 + 3 + 7 + 9 + 3 + 6 + 1 + 1 + 2 * STATE_LINES + STOP_LINES;
    tap_plan(1 + lines);
    tap_check((rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP) != 0,
              "%u CPUs in the MADT, and this one is the boot CPU", cpus_count);
    if (cpus_count < 2) {
        tap_skip(lines, "needs 2 CPUs", "start of application CPUs");
        return;
    }
    physical_forms();
    broadcast_forms();
    ignored_forms();
    logical_forms();
    application_senders();
    icr_read_back();
    stop_forms();
    work_together();
    all_inside();
}
