/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate of address line 20 stays open, whichever way a guest closes it, and nothing else changes.
 * IBM PS/2 Hardware Interface Technical Reference: System Control Port A; Keyboard and Auxiliary Device
 * Controller.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/a20_gate.h"

static void system_control_port(void **state)
{
    bool next = false;

    (void)state;
    for (unsigned value = 0; value < 256; value++)
        assert_int_equal(a20_gate_open(0x92, (uint8_t)value, &next), value | 2);
    assert_false(next);
}

/* DDh closes it; a pulse on line 1 would, for a moment. Reset (line 0) is somebody else's. */
static void commands(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        unsigned expected = value == 0xdd ? 0xdf : value >= 0xf0 ? value | 2 : value;
        bool next = true;

        assert_int_equal(a20_gate_open(0x64, (uint8_t)value, &next), expected);
        assert_int_equal(next, value == 0xd1);
    }
}

static void output_port(void **state)
{
    bool next = false;

    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        assert_int_equal(a20_gate_open(0x60, (uint8_t)value, &next), value);
        a20_gate_open(0x64, 0xd1, &next);
        a20_gate_open(0x92, 0, &next);
        assert_int_equal(a20_gate_open(0x60, (uint8_t)value, &next), value | 2);
        assert_int_equal(a20_gate_open(0x60, (uint8_t)value, &next), value);
        a20_gate_open(0x64, 0xd1, &next);
        a20_gate_open(0x64, 0x20, &next);
        assert_int_equal(a20_gate_open(0x60, (uint8_t)value, &next), value);
    }
}

static void other_ports(void **state)
{
    bool next = true;

    (void)state;
    for (unsigned port = 0; port < 0x10000; port++) {
        if (port != 0x60 && port != 0x64 && port != 0x92)
            assert_int_equal(a20_gate_open((uint16_t)port, 0xdd, &next), 0xdd);
    }
    assert_true(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_control_port),
        cmocka_unit_test(commands),
        cmocka_unit_test(output_port),
        cmocka_unit_test(other_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
