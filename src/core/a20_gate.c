/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/a20_gate.h"

#define SYSTEM_CONTROL_A20      0x02
#define OUTPUT_PORT_A20         0x02
#define COMMAND_WRITE_OUTPUT    0xd1
#define COMMAND_CLOSE_A20       0xdd
#define COMMAND_OPEN_A20        0xdf
#define COMMAND_PULSE           0xf0    /* to 0xff: those of lines 0 to 3 whose bit is clear */

static uint8_t command(uint8_t value, bool *output_port)
{
    *output_port = value == COMMAND_WRITE_OUTPUT;
    if (value == COMMAND_CLOSE_A20)
        return COMMAND_OPEN_A20;
    return value >= COMMAND_PULSE ? value | OUTPUT_PORT_A20 : value;
}

uint8_t a20_gate_open(uint16_t port, uint8_t value, bool *output_port)
{
    switch (port) {
    case PORT_SYSTEM_CONTROL_A:
        return value | SYSTEM_CONTROL_A20;
    case PORT_KEYBOARD_COMMAND:
        return command(value, output_port);
    case PORT_KEYBOARD_DATA:
        value |= *output_port ? OUTPUT_PORT_A20 : 0;
        *output_port = false;
        return value;
    default:
        return value;
    }
}
