/* SPDX-License-Identifier: BSD-2-Clause */
/* Read-back of the writable registers, on every CPU, and registers that a write does not change. */
#include "apic.h"
#include "apic_registers.h"
#include "apic_test.h"
#include "cpus.h"
#include "tap.h"
#include "x86.h"

static const struct {
    unsigned offset;
    const char *name;
} read_only[] = {
    { APIC_VERSION, "version" },
    { APIC_APR, "arbitration priority" },
    { APIC_PPR, "processor priority" },
    { APIC_ISR, "in service" },
    { APIC_TMR, "trigger mode" },
    { APIC_IRR, "interrupt request" },
    { APIC_TIMER_CURRENT, "timer's current count" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
_Static_assert(2 + APIC_WRITABLE_COUNT + COUNT(read_only) + 9 == REGISTER_LINES, "REGISTER_LINES");

/* What EOI shows is 0, not what was written there before. */
static uint32_t exchange_with_eoi(uint32_t value)
{
    __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(*apic_register(APIC_EOI)) : : "memory");
    return value;
}

/* Writes both values, then the resting one, and reads each back. */
static unsigned right_read_backs(unsigned i)
{
    unsigned right = 0;
    for (unsigned k = 0; k < 3; k++) {
        uint32_t value = k < 2 ? apic_writable[i].other[k] : apic_writable[i].resting;
        apic_write(apic_writable[i].offset, value);
        right += apic_read(apic_writable[i].offset) == value &&
                 apic_changed(apic_writable[i].offset) == 0;
    }
    return right;
}

static void walk_registers(void *argument)
{
    unsigned *right = argument;
    apic_rest();
    for (unsigned i = 0; i < APIC_WRITABLE_COUNT; i++)
        *right += right_read_backs(i);
}

static void set_own_priority(void *argument)
{
    (void)argument;
    apic_write(APIC_TPR, this_cpu()->index % 0xe0 + 1);
}

static void compare_own_priority(void *argument)
{
    unsigned *right = argument;
    *right += apic_read(APIC_TPR) == this_cpu()->index % 0xe0 + 1;
    apic_write(APIC_TPR, 0);
}

/* Reads of what does not exist, and what ESR says then. QEMU's never becomes clear again. */
static void read_what_is_not_there(void *argument)
{
    uint32_t *status = argument;
    for (unsigned i = 0; i < 2; i++) {
        apic_write(APIC_ESR, 0);
        apic_read(i ? 0x3f0 : 0x040);
        apic_write(APIC_ESR, 0);
        status[i] = apic_read(APIC_ESR);
    }
}

/* On a CPU that has sent nothing: a hypervisor may have to watch its reads, too, to hide its own messages. */
static void errors_of_reads(void)
{
    uint32_t status[2] = { 0 };
    cpu_run(&cpus[1], read_what_is_not_there, status);
    tap_equal(status[0], ESR_ILLEGAL_REGISTER, "error status of CPU 1 after its read of 0x040");
    tap_equal(status[1], ESR_ILLEGAL_REGISTER, "error status of CPU 1 after its read of 0x3f0");
}

static void every_cpu(void)
{
    if (cpus_count < 2) {
        tap_skip(4, "needs 2 CPUs", "registers of every CPU");
        return;
    }
    unsigned right = 0;
    bool started = cpus_start_all();
    errors_of_reads();
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], walk_registers, &right);
    tap_check(started && right == 3 * APIC_WRITABLE_COUNT * (cpus_count - 1),
              "read-back on the application CPUs: %u (expected %u)", right,
              3 * APIC_WRITABLE_COUNT * (cpus_count - 1));

    right = 0;
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], set_own_priority, NULL);
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], compare_own_priority, &right);
    tap_count(right, cpus_count - 1, "each CPU keeps its own task priority");
}

void check_registers(void)
{
    tap_equal(apic_read(APIC_ID) >> 24, cpuid(1, 0).ebx >> 24, "APIC ID as in CPUID");
    tap_check((apic_read(APIC_VERSION) & 0xf0) == 0x10 &&
                  (apic_read(APIC_VERSION) >> 16 & 0xff) >= 5,
              "an integrated APIC with 6 or more LVT entries: version register %#x",
              apic_read(APIC_VERSION));

    apic_write(APIC_ESR, 0);
    tap_equal(apic_read(APIC_ESR), 0, "no error so far");

    apic_rest();
    for (unsigned i = 0; i < APIC_WRITABLE_COUNT; i++)
        tap_count(right_read_backs(i), 3,
                  "%03x %s: read-backs that are right and change nothing else",
                  apic_writable[i].offset, apic_writable[i].name);
    for (unsigned i = 0; i < COUNT(read_only); i++) {
        uint32_t before = apic_read(read_only[i].offset);
        apic_write(read_only[i].offset, ~before);
        tap_equal(apic_read(read_only[i].offset), before, "%03x %s after a write of the complement",
                  read_only[i].offset, read_only[i].name);
    }
    apic_eoi();
    tap_check(apic_bits_empty(APIC_ISR) && apic_changed(0) == 0,
              "EOI with nothing in service changes nothing");
    uint32_t shown = exchange_with_eoi(0x5a);
    shown |= exchange_with_eoi(0x5a);
    tap_equal(shown, 0, "what XCHG reads from EOI, twice");
    every_cpu();

    apic_read(0x040);
    apic_write(APIC_ESR, 0);
    tap_equal(apic_read(APIC_ESR), ESR_ILLEGAL_REGISTER, "error status after a read of 0x040");
    apic_write(0x040, 0x55);
    apic_write(APIC_ESR, 0);
    tap_equal(apic_read(APIC_ESR), ESR_ILLEGAL_REGISTER, "error status after a write of 0x040");
}
