/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/ending.h"

#include "core/machine.h"
#include "core/rendezvous.h"
#include "core/statistics.h"
#include "lib/console.h"
#include "x86/io.h"
#include "x86/registers.h"

#define PORT_DEBUG_EXIT         0xf4
#define PORT_BOCHS_SHUTDOWN     0x8900
#define PORT_RESET_CONTROL      0xcf9
#define PORT_KEYBOARD_COMMAND   0x64
#define KEYBOARD_RESET          0xfe
#define SPIN_BEFORE_NEXT        100000

void ending_prepare(const char *why)
{
    rendezvous_stop_others();
    if (!machine.statistics)
        return;
    console_reclaim();
    console_print("\nSextant: %s\n", why);
    statistics_print();
    console_drain();
}

void ending_did_not_come(void)
{
    for (unsigned i = 0; i < SPIN_BEFORE_NEXT; i++)
        pause();
    rendezvous_release();
}

static _Noreturn void halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void soft_off(void)
{
    const struct acpi_power *power = &machine.power;

    if (!power->s5.present || power->pm1a_control.space != ACPI_SPACE_IO)
        return;
    out16((uint16_t)power->pm1a_control.address,
          (uint16_t)(power->s5.a << ACPI_PM1_SLP_TYP_SHIFT | ACPI_PM1_SLP_EN));
    if (power->pm1b_control.address && power->pm1b_control.space == ACPI_SPACE_IO)
        out16((uint16_t)power->pm1b_control.address,
              (uint16_t)(power->s5.b << ACPI_PM1_SLP_TYP_SHIFT | ACPI_PM1_SLP_EN));
}

_Noreturn void ending_exit(enum exit_code code)
{
    static const char shutdown[] = "Shutdown";

    console_drain();
    out8(PORT_DEBUG_EXIT, (uint8_t)code);
    for (const char *c = shutdown; *c; c++)
        out8(PORT_BOCHS_SHUTDOWN, (uint8_t)*c);
    if (machine.power_known)
        soft_off();
    halt();
}

_Noreturn void ending_reset(const char *why)
{
    const struct acpi_power *power = &machine.power;

    ending_prepare(why);
    if (machine.power_known && power->reset.address && power->reset.space == ACPI_SPACE_IO) {
        out8((uint16_t)power->reset.address, power->reset_value);
        for (unsigned i = 0; i < SPIN_BEFORE_NEXT; i++)
            pause();
    }
    out8(PORT_RESET_CONTROL, 0x02);
    out8(PORT_RESET_CONTROL, 0x06);
    for (unsigned i = 0; i < SPIN_BEFORE_NEXT; i++)
        pause();
    out8(PORT_KEYBOARD_COMMAND, KEYBOARD_RESET);
    halt();
}
