/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_io.h"

#include <stdatomic.h>

#include "core/a20_gate.h"
#include "core/ending.h"
#include "core/machine.h"
#include "lib/console.h"
#include "lib/spinlock.h"
#include "x86/io.h"

/* Of PORT_KEYBOARD_COMMAND. */
#define   KEYBOARD_PULSE_MASK       0xf1    /* pulse output lines: command F0h-FFh with bit 0 clear ... */
#define   KEYBOARD_PULSE_RESET      0xf0    /* ... pulls the reset line */
/* Of PORT_SYSTEM_CONTROL_A. */
#define   SYSTEM_CONTROL_FAST_RESET 0x01
#define PORT_RESET_CONTROL          0xcf9
#define   RESET_CONTROL_RESET_CPU   0x04

void guest_io_each_port(void (*each)(void *context, uint16_t port), void *context)
{
    const struct acpi_register *control[] = { &machine.power.pm1a_control,
                                              &machine.power.pm1b_control };

    each(context, PORT_KEYBOARD_DATA);
    each(context, PORT_KEYBOARD_COMMAND);
    each(context, PORT_SYSTEM_CONTROL_A);
    each(context, PORT_RESET_CONTROL);
    for (unsigned i = 0; i < 2; i++) {
        if (control[i]->address && control[i]->space == ACPI_SPACE_IO
            && control[i]->address < 0xffff) {
            each(context, (uint16_t)control[i]->address);
            each(context, (uint16_t)control[i]->address + 1);
        }
    }
}

static uint32_t port_in(uint16_t port, unsigned size)
{
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

static void port_out(uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1)
        out8(port, (uint8_t)value);
    else if (size == 2)
        out16(port, (uint16_t)value);
    else
        out32(port, value);
}

static bool is_register(const struct acpi_register *which, uint16_t port)
{
    return which->address && which->space == ACPI_SPACE_IO && which->address == port;
}

static bool byte_resets(uint16_t port, uint8_t value)
{
    switch (port) {
    case PORT_KEYBOARD_COMMAND:
        return (value & KEYBOARD_PULSE_MASK) == KEYBOARD_PULSE_RESET;
    case PORT_SYSTEM_CONTROL_A:
        return value & SYSTEM_CONTROL_FAST_RESET;
    case PORT_RESET_CONTROL:
        return value & RESET_CONTROL_RESET_CPU;
    default:
        return false;
    }
}

/* A wide access writes to the ports that follow as well, but the reset control register is reached
 * only at its own address: 0CF8h is PCI's CONFIG_ADDRESS. */
static bool resets(uint16_t port, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        if (i > 0 && port + i == PORT_RESET_CONTROL)
            continue;
        if (byte_resets((uint16_t)(port + i), (uint8_t)(value >> 8 * i)))
            return true;
    }
    return false;
}

/* SLP_EN with the type of soft-off ends the machine. Suspend to RAM would wake without the
 * hypervisor: it is refused, visibly. A byte write to the high half of the register is the same. The
 * sentence is said once, so that a guest cannot flood the console. */
static bool sleep_refused(uint16_t port, unsigned size, uint32_t value, bool *ending)
{
    bool a = is_register(&machine.power.pm1a_control, port);
    bool high = size == 1 && (is_register(&machine.power.pm1a_control, port - 1)
                              || is_register(&machine.power.pm1b_control, port - 1));
    const struct acpi_power *power = &machine.power;
    static atomic_flag said = ATOMIC_FLAG_INIT;
    uint32_t type;

    if (!a && !high && !is_register(&power->pm1b_control, port))
        return false;
    value <<= high ? 8 : 0;
    if (!(value & ACPI_PM1_SLP_EN))
        return false;
    type = (value & ACPI_PM1_SLP_TYP_MASK) >> ACPI_PM1_SLP_TYP_SHIFT;
    if (power->s3.present && type == power->s3.a && !(power->s5.present && type == power->s5.a)) {
        if (atomic_flag_test_and_set(&said))
            return true;
        console_reclaim();
        console_print("Sextant: the guest asked for suspend to RAM (S3), which would wake without "
                      "the hypervisor: ignored\n");
        return true;
    }
    *ending = power->s5.present && (type == power->s5.a || type == power->s5.b);
    if (*ending)
        ending_prepare("the guest turned the machine off (ACPI sleep)");
    return false;
}

/* There is one controller: what a CPU writes is judged and written before the next CPU does. */
static struct spinlock controller_lock = SPINLOCK_INIT;
static bool output_port_next;

static void port_out_gate_open(uint16_t port, unsigned size, uint32_t value)
{
    uint32_t opened = 0;

    spinlock_take(&controller_lock);
    for (unsigned i = 0; i < size; i++)
        opened |= (uint32_t)a20_gate_open((uint16_t)(port + i), (uint8_t)(value >> 8 * i),
                                          &output_port_next) << 8 * i;
    port_out(port, size, opened);
    spinlock_release(&controller_lock);
}

uint32_t guest_io(struct cpu *cpu, uint16_t port, unsigned size, bool in, uint32_t value)
{
    bool ending = false;

    (void)cpu;
    if (in)
        return port_in(port, size);
    if (resets(port, size, value)) {
        ending = true;
        ending_prepare("the guest reset the machine");
    } else if (sleep_refused(port, size, value, &ending)) {
        return 0;
    }
    port_out_gate_open(port, size, value);
    if (ending)
        ending_did_not_come();
    return 0;
}
