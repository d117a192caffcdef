/* SPDX-License-Identifier: BSD-2-Clause */
/* An APIC that is switched off, and on again (SDM Vol 3: APIC > Local APIC > Enabling or Disabling the
 * Local APIC). */
#include "apic.h"
#include "apicbase_test.h"
#include "cpus.h"
#include "delay.h"
#include "pic.h"
#include "sextant.h"
#include "tap.h"
#include "x86.h"

#define CPUID_1_EDX_APIC (1u << 9)
#define VECTOR_HERE      0x73

#define IO_APIC          0xfec00000ul
#define REDIRECTION_8254 0x14u /* input 2 */
#define MASKED           0x10000u
#define HIGHEST          15u /* priority in CR8 */

static unsigned here;

static void here_handler(struct frame *frame)
{
    (void)frame;
    if (this_cpu()->index == 0)
        __atomic_add_fetch(&here, 1, __ATOMIC_SEQ_CST);
    apic_end_of_interrupt();
}

static unsigned came(void)
{
    return __atomic_load_n(&here, __ATOMIC_SEQ_CST);
}

static bool shows_apic(void)
{
    return (cpuid(1, 0).edx & CPUID_1_EDX_APIC) != 0;
}

static void send_to_boot(void *argument)
{
    apic_send((uint8_t)cpus[0].apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_HERE);
    apic_send(0xff, ICR_FIXED | ICR_ASSERT | ICR_OTHERS | VECTOR_HERE);
    *(bool *)argument = true;
}

/* Another CPU's work begins with a message, which a CPU without an APIC cannot send: the CPU is given it
 * beforehand, and waits for the word. */
static bool go;

static void send_when_told(void *argument)
{
    while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
        pause();
    send_to_boot(argument);
}

/* #GP(0), or on bare emulators nothing; in both cases the register keeps its value. */
static bool refused(uint64_t value)
{
    uint64_t before = rdmsr(MSR_APIC_BASE);
    struct fault fault = try_write(value);

    return ((fault.taken && fault.vector == VECTOR_GP) || (!fault.taken && !sextant_present())) &&
           rdmsr(MSR_APIC_BASE) == before;
}

static void io_apic_write(unsigned index, uint32_t value)
{
    *(volatile uint32_t *)IO_APIC = index;
    *(volatile uint32_t *)(IO_APIC + 0x10) = value;
}

/* What interrupts a CPU without an APIC comes by its pins, and CR8 has no say in it. */
static void check_priority(void)
{
    uint64_t value;

    __asm__ volatile("movq %1, %%r9\n\tmovq %%r9, %%cr8\n\tmovq %%cr8, %%r10\n\tmovq %%r10, %0"
                     : "=r"(value)
                     : "r"(5ul)
                     : "r9", "r10");
    bool passed_by = value == HIGHEST && sextant_present();
    if (passed_by)
        tap_differs("QEMU 10 shows the priority of the hardware's APIC, without an exit");
    tap_check(passed_by || (value == 5 && read_cr8() == 5), "CR8 keeps what is written");
    struct fault fault = *TRY("movq %1, %%cr8", "r"(0x10ul));
    bool ignored = !fault.taken && bare_qemu_present();
    if (ignored)
        tap_differs("QEMU raises no exception");
    tap_check(ignored || (fault.taken && fault.vector == VECTOR_GP), "a reserved bit of it is refused");
    write_cr8(0);

    /* The 8254 runs since the PIC was looked at. */
    io_apic_write(REDIRECTION_8254 + 1, this_cpu()->apic_id << 24);
    io_apic_write(REDIRECTION_8254, VECTOR_HERE);
    interrupts_on();
    delay_microseconds(20000);
    interrupts_off();
    io_apic_write(REDIRECTION_8254, MASKED);
    if (came() != 0 && !sextant_present())
        tap_differs("a device's interrupt reaches the APIC that is off");
    tap_check(came() == 0 || !sextant_present(), "those of the I/O APIC do not, though CR8 is 0");
}

static void check_off(uint64_t base)
{
    bool sent = cpus_count < 2, nothing;

    if (cpus_count > 1)
        cpu_post(&cpus[1], send_when_told, &sent);
    tap_check(!try_write(base & ~APIC_BASE_ENABLE).taken, "the APIC can be switched off");
    tap_equal(rdmsr(MSR_APIC_BASE), base & ~APIC_BASE_ENABLE, "IA32_APIC_BASE then");
    tap_check(!shows_apic(), "CPUID shows no APIC");
    nothing = apic_read(APIC_VERSION) == 0xffffffff;
    if (!nothing && bare_qemu_present())
        tap_differs("QEMU shows the registers in the page");
    tap_check(nothing || bare_qemu_present(), "nothing is in the page");
    tap_check(refused(base | APIC_BASE_X2APIC), "off to x2APIC mode is refused");
    tap_check(refused((base & ~APIC_BASE_ENABLE) | 1), "a reserved bit is refused");
    tap_check(pic_reaches_cpu(), "interrupts of the PIC reach the CPU");
    check_priority();
    __atomic_store_n(&go, true, __ATOMIC_SEQ_CST);
    interrupts_on();
    bool done = WAIT_UNTIL(__atomic_load_n(&sent, __ATOMIC_SEQ_CST));
    delay_microseconds(1000);
    interrupts_off();
    if (came() != 0 && !sextant_present())
        tap_differs("a message reaches the APIC that is off");
    tap_check(done && (came() == 0 || !sextant_present()), "messages of other CPUs do not");
}

static bool reset_state(void)
{
    return apic_read(APIC_SVR) == 0xff && apic_read(APIC_TPR) == 0 && apic_read(APIC_LDR) == 0 &&
           apic_read(APIC_DFR) == 0xffffffff && apic_read(APIC_LVT_ERROR) == LVT_MASKED &&
           apic_read(APIC_LVT_LINT0) == LVT_MASKED && apic_bits_empty(APIC_IRR) && read_cr8() == 0;
}

static bool works(void)
{
    unsigned before;
    bool right;

    apic_enable();
    interrupts_on();
    /* QEMU 10 has kept the messages that came meanwhile. */
    delay_microseconds(1000);
    before = came();
    apic_send(0, ICR_FIXED | ICR_ASSERT | ICR_SELF | VECTOR_HERE);
    right = WAIT_UNTIL(came() == before + 1);
    apic_write(APIC_LVT_TIMER, VECTOR_HERE);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_TIMER_INITIAL, 10000);
    right = right && WAIT_UNTIL(came() == before + 2);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    if (cpus_count > 1)
        right = right && cpu_restart(&cpus[1], 0);
    interrupts_off();
    return right;
}

void check_switch(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    bool dead, unlike;

    interrupts_set_handler(VECTOR_HERE, here_handler);
    apic_write(APIC_LDR, 0x20000000);
    apic_write(APIC_TPR, 0x30);
    apic_write(APIC_LVT_ERROR, LVT_MASKED | 0x45);
    check_off(base);
    dead = (try_write(base).taken || rdmsr(MSR_APIC_BASE) != base) && !sextant_present();
    if (dead)
        tap_differs("an APIC that was switched off does not come back");
    tap_check(dead || rdmsr(MSR_APIC_BASE) == base, "it can be switched on again");
    tap_check(dead || shows_apic(), "CPUID shows it");
    tap_check(dead || apic_read(APIC_ID) >> 24 == this_cpu()->apic_id, "its ID");
    unlike = dead || bare_qemu_present();
    if (unlike)
        tap_differs("the registers are not as after a reset");
    tap_check(unlike || reset_state(), "its registers are as after a reset");
    tap_check(dead || works(), "messages, timer, INIT and SIPI work");
}
