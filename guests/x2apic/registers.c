/* SPDX-License-Identifier: BSD-2-Clause */
/* Into x2APIC mode, and the registers there (SDM Vol 3: APIC > Extended XAPIC (x2APIC) > x2APIC Register
 * Availability; Reserved Bit Checking). */
#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "sextant.h"
#include "string.h"
#include "tap.h"
#include "x2apic_test.h"
#include "x86.h"

#define MSR(offset)   (0x800u + (offset) / 16)
#define VERSION_SPACE 0x80000000u
#define VECTOR_ENTER  0x72

#define LEAF_BINDING  0x40000003u
#define   AXIS_APIC   1u
#define   AXIS_X2APIC 2u

static uint32_t logical_id(uint32_t id)
{
    return id >> 4 << 16 | 1u << id % 16;
}

static bool page_is_gone(void)
{
    return apic_read(APIC_ID) == 0xffffffff && apic_read(APIC_VERSION) == 0xffffffff;
}

static uint32_t served_before, served_after, priority_within;

static uint32_t served_bit(uint32_t word)
{
    return word >> VECTOR_ENTER % 32 & 1;
}

static void enter_handler(struct frame *frame)
{
    (void)frame;
    served_before = served_bit(apic_read(APIC_ISR + VECTOR_ENTER / 32 * 0x10));
    cpu_enter_x2apic(NULL);
    served_after = served_bit(x2apic_read(APIC_ISR + VECTOR_ENTER / 32 * 0x10));
    priority_within = x2apic_read(APIC_PPR);
    apic_end_of_interrupt();
}

/* Sextant's apic=apicv has ended an edge-triggered interrupt in hardware when the handler runs, and the registers
 * of x2apic=msr are the hardware's: there the vector is gone (docs/architecture.md, Virtual interrupts). */
static bool service_is_lost(void)
{
    return sextant_present() && memcmp(&(uint32_t){ cpuid(LEAF_BINDING, AXIS_APIC).ebx }, "apic", 4) == 0 &&
           memcmp(&(uint32_t){ cpuid(LEAF_BINDING, AXIS_X2APIC).ebx }, "msr", 4) == 0;
}

/* Within a handler: what is in service stays so. */
static void enter_in_service(void)
{
    bool lost = service_is_lost();

    interrupts_set_handler(VECTOR_ENTER, enter_handler);
    interrupts_on();
    /* There is no page to wait at afterwards. */
    apic_write(APIC_ICR_LOW, ICR_FIXED | ICR_ASSERT | ICR_SELF | VECTOR_ENTER);
    (void)WAIT_UNTIL(this_cpu()->x2apic);
    interrupts_off();
    if (lost && served_after == 0)
        tap_differs("what was in service is not in x2APIC mode");
    tap_check(served_before == 1 && (served_after == 1 || lost), "a vector in service, kept");
    tap_check(priority_within == (VECTOR_ENTER & 0xf0) || lost, "the processor's priority with it, kept");
}

/* Registers stay where the mode changes, but for those that x2APIC mode does not have. */
static void check_kept(void)
{
    const uint64_t base = rdmsr(MSR_APIC_BASE);
    uint64_t value;

    tap_check(is_general_protection(try_rdmsr(MSR(APIC_ID), &value)) && is_general_protection(try_wrmsr(MSR(APIC_TPR), 0)),
              "in xAPIC mode the MSRs raise #GP");
    apic_write(APIC_TPR, 0x30);
    apic_write(APIC_SVR, SVR_ENABLE | 0xdf);
    apic_write(APIC_LVT_ERROR, LVT_MASKED | 0x45);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    tap_check(is_general_protection(try_wrmsr(MSR_APIC_BASE, (base & ~APIC_BASE_ENABLE) | APIC_BASE_X2APIC)) &&
                  rdmsr(MSR_APIC_BASE) == base, "x2APIC without enable is #GP");
    enter_in_service();
    tap_equal(rdmsr(MSR_APIC_BASE), base | APIC_BASE_X2APIC, "IA32_APIC_BASE in x2APIC mode");
    tap_equal(x2apic_read(APIC_TPR), 0x30, "task priority, kept");
    tap_equal(x2apic_read(APIC_SVR), SVR_ENABLE | 0xdf, "spurious vector, kept");
    tap_equal(x2apic_read(APIC_LVT_ERROR), LVT_MASKED | 0x45, "LVT error, kept");
    tap_equal(x2apic_read(APIC_TIMER_DIVIDE), DIVIDE_BY_1, "timer's divide configuration, kept");
}

static void check_page(void)
{
    bool gone = page_is_gone();

    if (!gone && bare_qemu_present())
        tap_differs("QEMU shows the registers in the page");
    tap_check(gone || bare_qemu_present(), "the page is no APIC any more: nothing to read");
    x2apic_write(APIC_TPR, 0x20);
    if (!bare_qemu_present())
        apic_write(APIC_TPR, 0x70);
    tap_equal(x2apic_read(APIC_TPR), 0x20, "nor to write: task priority");
    x2apic_write(APIC_TPR, 0);
}

void check_entry(void)
{
    uint32_t id = cpuid(1, 0).ebx >> 24;

    if (this_cpu()->x2apic)
        tap_skip(9, "handed over in x2APIC mode", "into x2APIC mode");
    else
        check_kept();
    apic_enable();
    tap_equal(x2apic_read(APIC_ID), id, "APIC ID");
    tap_equal(x2apic_read(APIC_LDR), logical_id(id), "logical ID, derived from it");
    tap_equal(x2apic_read(APIC_VERSION) & 0xf0, 0x10, "version, an integrated APIC");
    tap_check(cpuid(1, 0).edx & 1u << 9, "CPUID shows an APIC");
    check_page();
}

/* ---- every MSR ---- */

static bool listed(const uint16_t *list, unsigned count, uint32_t msr)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] == msr)
            return true;
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* That every implementation has, and that none has. Others depend on the version or are wrong in some
 * emulator; the note shows what they do. */
static const uint16_t readable[] = {
    0x802, 0x803, 0x808, 0x80a, 0x80d, 0x80f, 0x810, 0x811, 0x812, 0x813, 0x814, 0x815, 0x816,
    0x817, 0x818, 0x819, 0x81a, 0x81b, 0x81c, 0x81d, 0x81e, 0x81f, 0x820, 0x821, 0x822, 0x823,
    0x824, 0x825, 0x826, 0x827, 0x828, 0x830, 0x832, 0x835, 0x836, 0x837, 0x838, 0x839, 0x83e,
};
static const uint16_t depends[] = { 0x809, 0x80b, 0x80c, 0x80e, 0x82f, 0x831, 0x833, 0x834, 0x83f };

static void check_reads(void)
{
    bool extended = (x2apic_read(APIC_VERSION) & VERSION_SPACE) != 0;
    unsigned right = 0, refused = 0, absent = 0;
    uint64_t odd = 0, value;

    for (uint32_t msr = 0x800; msr <= 0x8ff; msr++) {
        struct fault fault = try_rdmsr(msr, &value);

        if (listed(readable, COUNT(readable), msr)) {
            right += !fault.taken;
        } else if (listed(depends, COUNT(depends), msr)) {
            odd = odd << 1 | !fault.taken;
        } else if (msr < 0x840 || msr > 0x853 || !extended) {
            absent++;
            refused += is_general_protection(fault);
        }
    }
    tap_count(right, COUNT(readable), "registers that can be read");
    tap_check(refused == absent, "MSRs of 800h to 8FFh that are no register raise #GP");
    tap_note("of 809 80b 80c 80e 82f 831 833 834 83f can be read: %x", (unsigned)odd);
}

/* Which single bits of a value raise #GP, besides those in `with`. */
static uint64_t refused_bits(uint32_t msr, uint64_t with)
{
    uint64_t refused = 0;

    for (unsigned bit = 0; bit < 64; bit++)
        if (try_wrmsr(msr, with | 1ul << bit).taken)
            refused |= 1ul << bit;
    return refused;
}

static void check_writes(void)
{
    static const uint16_t read_only[] = { 0x802, 0x80d };
    static const struct {
        uint16_t offset;
        uint32_t with, rest;
    } writable[] = {
        { APIC_TPR, 0, 0 },
        { APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR, SVR_ENABLE | SPURIOUS_VECTOR },
        { APIC_ESR, 0, 0 },
        { APIC_EOI, 0, 0 },
        { APIC_LVT_TIMER, LVT_MASKED, LVT_MASKED },
        { APIC_LVT_THERMAL, LVT_MASKED, LVT_MASKED },
        { APIC_LVT_PERFORMANCE, LVT_MASKED, LVT_MASKED },
        { APIC_LVT_LINT0, LVT_MASKED, LVT_MASKED },
        { APIC_LVT_LINT1, LVT_MASKED, LVT_MASKED },
        { APIC_LVT_ERROR, LVT_MASKED, LVT_MASKED },
        { APIC_TIMER_INITIAL, 0, 0 },
        { APIC_TIMER_DIVIDE, 0, DIVIDE_BY_1 },
    };
    unsigned refused = 0, accepted = 0;

    for (unsigned i = 0; i < COUNT(read_only); i++)
        refused += is_general_protection(try_wrmsr(read_only[i], 0));
    tap_count(refused, COUNT(read_only), "read-only registers whose write raises #GP");
    for (unsigned i = 0; i < COUNT(writable); i++) {
        uint32_t msr = MSR(writable[i].offset);
        uint64_t bits = refused_bits(msr, writable[i].with);

        accepted += !try_wrmsr(msr, writable[i].rest).taken;
        tap_note("%x: bits that raise #GP: %x %x", (unsigned)msr, (unsigned)(bits >> 32),
                 (unsigned)bits);
    }
    tap_count(accepted, COUNT(writable), "registers that can be written");
}

/* INIT with level 0 is a message that nobody gets: it may carry any other bit. */
static void check_icr(void)
{
    const uint32_t nothing = ICR_INIT | ICR_LEVEL_TRIGGER;
    static const uint32_t reserved = 0xfff33000;
    uint64_t refused = 0, icr;

    for (unsigned bit = 0; bit < 32; bit++)
        if (reserved >> bit & 1 && is_general_protection(try_wrmsr(MSR(APIC_ICR_LOW), nothing | 1u << bit)))
            refused |= 1u << bit;
    tap_differs("reserved bits of ICR that raise #GP: %x", (unsigned)refused);
    tap_check(refused == reserved || refused == 0, "reserved bits of ICR raise #GP, or none does");
    x2apic_write(APIC_ICR_LOW, 0x1234567800000000ul | nothing);
    icr = x2apic_read(APIC_ICR_LOW);
    if (icr >> 32 == 0 && bare_qemu_present())
        tap_differs("QEMU reads the upper half of ICR as 0");
    tap_check(icr >> 32 == 0x12345678 || bare_qemu_present(), "upper half of ICR is its destination");
    tap_equal((uint32_t)icr, nothing, "lower half of ICR");
}

static void check_values(void)
{
    static const struct {
        uint16_t offset;
        uint32_t value, rest;
        const char *name;
    } values[] = {
        { APIC_TPR, 0x5a, 0, "task priority" },
        { APIC_LVT_TIMER, 0x30031, LVT_MASKED, "LVT timer" },
        { APIC_LVT_LINT1, 0x10436, LVT_MASKED, "LVT LINT1" },
        { APIC_LVT_ERROR, 0x10037, LVT_MASKED, "LVT error" },
        { APIC_TIMER_INITIAL, 0xfffffff0, 0, "timer's initial count" },
        { APIC_TIMER_DIVIDE, 0xa, DIVIDE_BY_1, "timer's divide configuration" },
    };

    for (unsigned i = 0; i < COUNT(values); i++) {
        x2apic_write(values[i].offset, values[i].value);
        tap_equal(x2apic_read(values[i].offset), values[i].value, "%s", values[i].name);
        x2apic_write(values[i].offset, values[i].rest);
    }
}

void check_registers(void)
{
    check_reads();
    check_writes();
    check_icr();
    check_values();
    apic_enable();
}
