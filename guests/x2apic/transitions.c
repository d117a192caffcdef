/* SPDX-License-Identifier: BSD-2-Clause */
/* Out of x2APIC mode, off, on again (SDM Vol 3: APIC > Extended XAPIC (x2APIC) > x2APIC State
 * Transitions; Local APIC > Local APIC Status and Location > Enabling or Disabling the Local APIC). */
#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "pic.h"
#include "sextant.h"
#include "tap.h"
#include "x2apic_test.h"
#include "x86.h"

#define MODES            (APIC_BASE_ENABLE | APIC_BASE_X2APIC)
#define CPUID_1_EDX_APIC (1u << 9)
#define VECTOR_HERE      0x71

static unsigned here, there;

static void here_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(this_cpu()->index == 0 ? &here : &there, 1, __ATOMIC_SEQ_CST);
    apic_end_of_interrupt();
}

static unsigned load(const unsigned *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

/* #GP(0) and no change. An APIC of Bochs that is off ignores every write, without #GP. */
static bool refused(uint64_t modes)
{
    uint64_t before = rdmsr(MSR_APIC_BASE);
    struct fault fault = try_wrmsr(MSR_APIC_BASE, (before & ~MODES) | modes);

    return (is_general_protection(fault) || (!fault.taken && !sextant_present())) &&
           rdmsr(MSR_APIC_BASE) == before;
}

static void check_from_x2apic(void)
{
    tap_check(refused(APIC_BASE_ENABLE), "x2APIC to xAPIC mode is #GP");
    tap_check(refused(APIC_BASE_X2APIC), "x2APIC mode to EXTD alone is #GP");
    tap_check(is_general_protection(try_wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x200)), "reserved bit 9 is #GP");
    tap_check(!try_wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE)).taken, "the same value is not");
}

static void check_off(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE), value;
    bool nothing;

    x2apic_write(APIC_TPR, 0);
    tap_check(!try_wrmsr(MSR_APIC_BASE, base & ~MODES).taken, "x2APIC mode to off is legal");
    tap_equal(rdmsr(MSR_APIC_BASE), base & ~MODES, "IA32_APIC_BASE of an APIC that is off");
    tap_check((cpuid(1, 0).edx & CPUID_1_EDX_APIC) == 0, "CPUID shows no APIC");
    tap_check(is_general_protection(try_rdmsr(0x802, &value)) && is_general_protection(try_wrmsr(0x808, 0)), "the MSRs raise #GP");
    tap_check(refused(MODES), "off to x2APIC mode is #GP");
    tap_check(refused(APIC_BASE_X2APIC), "off to EXTD alone is #GP");
    nothing = apic_read(APIC_VERSION) == 0xffffffff;
    if (!nothing && bare_qemu_present())
        tap_differs("QEMU shows the registers in the page");
    tap_check(nothing || bare_qemu_present(), "nothing is in the page");
    tap_check(pic_reaches_cpu(), "interrupts of the PIC reach the CPU");
}

static void check_reset_state(bool unlike)
{
    bool right = apic_read(APIC_SVR) == 0xff && apic_read(APIC_TPR) == 0 &&
                 apic_read(APIC_LDR) == 0 && apic_read(APIC_DFR) == 0xffffffff &&
                 apic_read(APIC_LVT_ERROR) == LVT_MASKED && apic_read(APIC_LVT_LINT0) == LVT_MASKED;

    if (!right && unlike)
        tap_differs("the registers are not as after a reset");
    tap_check(right || unlike, "its registers are as after a reset");
}

static void send_to_boot(void *argument)
{
    (void)argument;
    x2apic_send(cpus[0].apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_HERE);
}

static bool comes(unsigned *counter, unsigned number)
{
    return WAIT_UNTIL(load(counter) == number);
}

/* In xAPIC mode, while the other CPUs are in x2APIC mode. */
static bool messages_work(void)
{
    bool right;

    apic_enable();
    apic_write(APIC_LDR, 0x40000000);
    interrupts_on();
    apic_send(0, ICR_FIXED | ICR_ASSERT | ICR_SELF | VECTOR_HERE);
    right = comes(&here, 1);
    apic_send(0x40, ICR_FIXED | ICR_ASSERT | ICR_LOGICAL | VECTOR_HERE);
    right = right && comes(&here, 2);
    apic_write(APIC_LVT_TIMER, VECTOR_HERE);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_TIMER_INITIAL, 10000);
    right = right && comes(&here, 3);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    if (cpus_count > 1) {
        cpu_run(&cpus[1], send_to_boot, NULL);
        right = right && comes(&here, 4);
        apic_send((uint8_t)cpus[1].apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_HERE);
        right = right && comes(&there, 1);
    }
    interrupts_off();
    return right;
}

static void check_on(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    bool on, dead;

    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    on = rdmsr(MSR_APIC_BASE) == (base | APIC_BASE_ENABLE);
    dead = !on && !sextant_present();
    if (dead)
        tap_differs("an APIC that was switched off does not come back");
    tap_check(on || dead, "off to xAPIC mode");
    this_cpu()->x2apic = false;
    tap_check(dead || (cpuid(1, 0).edx & CPUID_1_EDX_APIC) != 0, "CPUID shows the APIC again");
    tap_check(dead || apic_read(APIC_ID) >> 24 == this_cpu()->apic_id, "its ID");
    check_reset_state(dead || bare_qemu_present());
    interrupts_set_handler(VECTOR_HERE, here_handler);
    tap_check(dead || messages_work(), "messages and the timer work in xAPIC mode");
    tap_check(dead || cpus_count < 2 || cpu_restart(&cpus[1], 0), "so do INIT and SIPI");
    if (!dead)
        cpu_enter_x2apic(NULL);
    tap_check(dead || (this_cpu()->x2apic && x2apic_read(APIC_ID) == this_cpu()->apic_id),
              "and x2APIC mode can be entered again");
}

void check_transitions(void)
{
    if (is_locked()) {
        tap_check(refused(0) && refused(APIC_BASE_ENABLE) && refused(APIC_BASE_X2APIC),
                  "x2APIC mode cannot be left");
        tap_skip(TRANSITION_LINES - 1, "IA32_XAPIC_DISABLE_STATUS is set", "transitions");
        return;
    }
    check_from_x2apic();
    check_off();
    check_on();
}
