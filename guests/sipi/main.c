/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sipi: does every SIPI start its CPU, however soon it follows the INIT?
 *
 * Matters because a processor drops a SIPI that reaches it while the hypervisor runs: where INIT
 * and SIPI cause VM exits (startup=sipi), the exit of the INIT must have ended before the SIPI
 * comes. Kernels of today wait 10 ms, 10 us or not at all between the two, and send one SIPI or
 * two. Each round sends INIT to a CPU that is idle, then what the line says, and looks whether the
 * CPU has started; thousands of rounds, so that what is lost now and then is counted, too. A
 * processor and a hypervisor that loses none have every line ok.
 *
 * A round in which nothing came is ended by a SIPI long after, and the line after ten of them.
 *
 * One line does it to a CPU whose APIC is in x2APIC mode (where INIT takes the CPU out of it, the CPU goes back), since
 * a hypervisor has other registers to reset there.
 *
 * And does every INIT arrive? One that a hypervisor takes for another leaves the CPU running, and the SIPI has
 * no effect: the last line has a CPU that does nothing which could exit between its SIPI and the INIT.
 *
 * Needs 2 CPUs. No `# differs:` lines.
 * Source: SDM Vol 3: Multiple-Processor Management > MP Initialization; VMX Non-Root Operation >
 * Other Causes of VM Exits.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "multiboot.h"
#include "string.h"
#include "tap.h"
#include "x86.h"

#define FORMS 5
#define LINES (FORMS + 1)

#define CPUID_1_ECX_X2APIC (1u << 21)

/* After this long, a start that has not come will not; and so many of them tell enough. */
#define LATE_MICROSECONDS 1000000
#define LOOK_MICROSECONDS 100
#define LOST_ENOUGH       10

/* It has left the start page, and is idle. */
static void no_work(void *argument)
{
    (void)argument;
}

static void enter_x2apic(void *argument)
{
    if (cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC)
        cpu_enter_x2apic(argument);
}

static const struct {
    unsigned rounds, wait, startups; /* wait: microseconds after INIT, and between SIPIs */
    const char *what;
    void (*work)(void *argument); /* what the CPU does before each INIT */
} forms[FORMS] = {
    { 1000, 0, 1, "INIT and one SIPI back to back", no_work },
    { 1000, 0, 2, "INIT and two SIPIs back to back", no_work },
    { 1000, 10, 2, "INIT and two SIPIs, 10 us between them", no_work },
    { 50, 10000, 1, "INIT and one SIPI, 10 ms between them", no_work },
    { 50, 200, 1, "INIT and one SIPI, 200 us between them, in x2APIC mode where there is one", enter_x2apic },
};

#define SPIN_ROUNDS       20
#define SPIN_COUNT        0x200

/* Counts one start, since INIT clears EBX, and stays at its first instructions, the first one among them. */
static const uint8_t spin[] = {
    0xf3, 0x90,                                     /* 1: pause */
    0x85, 0xdb,                                     /* test %bx, %bx */
    0x75, 0xfa,                                     /* jnz 1b */
    0x43,                                           /* inc %bx */
    0x2e, 0x66, 0xff, 0x06, SPIN_COUNT & 0xff, SPIN_COUNT >> 8, /* incl %cs:SPIN_COUNT */
    0xeb, 0xf1,                                     /* jmp 1b */
};

static bool has_started(const struct cpu *cpu, unsigned before)
{
    for (unsigned waited = 0; waited < LATE_MICROSECONDS; waited += LOOK_MICROSECONDS) {
        if (cpu_starts(cpu) != before)
            return true;
        delay_microseconds(LOOK_MICROSECONDS);
    }
    return false;
}

static void send_pair(const struct cpu *cpu, uint8_t vector, unsigned wait, unsigned startups)
{
    apic_send((uint8_t)cpu->apic_id, ICR_INIT | ICR_ASSERT);
    while (startups-- > 0) {
        if (wait != 0)
            delay_microseconds(wait);
        apic_send((uint8_t)cpu->apic_id, ICR_STARTUP | ICR_ASSERT | vector);
    }
}

static void stress(unsigned form)
{
    struct cpu *cpu = &cpus[1];
    unsigned rounds = 0, came = 0, twice = 0;
    cpu_run(cpu, forms[form].work, NULL);
    while (rounds < forms[form].rounds && rounds - came < LOST_ENOUGH) {
        unsigned before = cpu_starts(cpu);
        uint8_t vector = cpus_prepare_start_page(0, false);
        send_pair(cpu, vector, forms[form].wait, forms[form].startups);
        bool started = has_started(cpu, before);
        rounds++;
        came += started;
        if (!started) {
            cpu_send_startup(cpu, vector);
            (void)WAIT_UNTIL(cpu_starts(cpu) != before);
        }
        cpu_run(cpu, forms[form].work, NULL);
        twice += cpu_starts(cpu) != before + 1;
    }
    tap_check(came == forms[form].rounds && twice == 0, "%s: %u starts in %u rounds, %u more than once",
              forms[form].what, came, rounds, twice);
}

static bool has_counted(const volatile uint32_t *count, uint32_t before)
{
    for (unsigned waited = 0; waited < LATE_MICROSECONDS; waited += LOOK_MICROSECONDS) {
        if (*count != before)
            return true;
        delay_microseconds(LOOK_MICROSECONDS);
    }
    return false;
}

static void without_exits(void)
{
    struct cpu *cpu = &cpus[1];
    uint32_t page = multiboot_start_page(1);
    volatile uint32_t *count = (volatile uint32_t *)(uintptr_t)(page + SPIN_COUNT);
    unsigned rounds = 0, came = 0;
    memset((void *)(uintptr_t)page, 0, 4096);
    memcpy((void *)(uintptr_t)page, spin, sizeof(spin));
    while (rounds < SPIN_ROUNDS && rounds - came < LOST_ENOUGH) {
        uint32_t before = *count;
        cpu_send_init(cpu);
        cpu_send_startup(cpu, (uint8_t)(page >> 12));
        rounds++;
        came += has_counted(count, before) && *count == before + 1;
    }
    tap_check(came == SPIN_ROUNDS, "INIT to a CPU that only spins, and one SIPI: %u starts in %u rounds",
              came, rounds);
}

void guest_main(void)
{
    tap_plan(LINES);
    if (cpus_count < 2) {
        tap_skip(LINES, "needs 2 CPUs", "INIT and SIPI");
        return;
    }
    if (!cpus_start_all())
        fatal("the other CPUs do not start");
    for (unsigned form = 0; form < FORMS; form++)
        stress(form);
    without_exits();
}
