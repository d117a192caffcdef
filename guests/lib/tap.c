/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test Anything Protocol: plan, results, directives (TAP specification, version 12), and the end of
 * a run.
 */
#include "tap.h"

#include <stdarg.h>

#include "console.h"
#include "sextant.h"
#include "trace.h"
#include "x86.h"

#define PORT_ISA_DEBUG_EXIT 0xf4
    #define EXIT_ALL_OK         0x20
    #define EXIT_SOME_NOT_OK    0x21
#define PORT_BOCHS_SHUTDOWN 0x8900

static unsigned planned;
static unsigned printed;
static unsigned failed;

void tap_plan(unsigned count)
{
    planned = count;
    print("1..%u\n", count);
}

static void result_start(bool passed)
{
    printed++;
    failed += !passed;
    print("%s %u - ", passed ? "ok" : "not ok", printed);
}

bool tap_check(bool passed, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    result_start(passed);
    print_list(format, arguments);
    print("\n");
    va_end(arguments);
    return passed;
}

bool tap_equal(uint64_t got, uint64_t expected, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    result_start(got == expected);
    print_list(format, arguments);
    print(": %#lx (expected %#lx)\n", got, expected);
    va_end(arguments);
    return got == expected;
}

bool tap_count(uint64_t got, uint64_t expected, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    result_start(got == expected);
    print_list(format, arguments);
    print(": %lu (expected %lu)\n", got, expected);
    va_end(arguments);
    return got == expected;
}

void tap_skip(unsigned count, const char *reason, const char *text)
{
    while (count-- > 0) {
        result_start(true);
        print("%s # SKIP %s\n", text, reason);
    }
}

void tap_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("# ");
    print_list(format, arguments);
    print("\n");
    va_end(arguments);
}

void tap_differs(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("# differs: ");
    print_list(format, arguments);
    print("\n");
    va_end(arguments);
}

static _Noreturn void end_run(uint8_t code)
{
    console_drain();
    outb(PORT_ISA_DEBUG_EXIT, code);
    for (const char *letter = "Shutdown"; *letter != '\0'; letter++)
        outb(PORT_BOCHS_SHUTDOWN, (uint8_t)*letter);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

_Noreturn void tap_end(void)
{
    if (printed != planned) {
        print("# %u results, but %u planned\n", printed, planned);
        failed++;
    }
    trace_print();
    sextant_print_counters();
    end_run(failed == 0 ? EXIT_ALL_OK : EXIT_SOME_NOT_OK);
}

_Noreturn void fatal(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("Bail out! ");
    print_list(format, arguments);
    print("\n");
    va_end(arguments);
    end_run(EXIT_SOME_NOT_OK);
}
