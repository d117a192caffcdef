/* SPDX-License-Identifier: BSD-2-Clause */
/* How the 32-bit program ends: with an exit code, or with what should not have happened. */
#include <stdarg.h>

#include "boot32/program.h"
#include "core/ending.h"
#include "lib/console.h"
#include "lib/format.h"
#include "lib/panic.h"
#include "x86/io.h"

#define PORT_DEBUG_EXIT     0xf4
#define PORT_BOCHS_SHUTDOWN 0x8900

_Noreturn void ending_exit(enum exit_code code)
{
    static const char shutdown[] = "Shutdown";

    console_drain();
    out8(PORT_DEBUG_EXIT, (uint8_t)code);
    for (const char *c = shutdown; *c; c++)
        out8(PORT_BOCHS_SHUTDOWN, (uint8_t)*c);
    for (;;)
        __asm__ volatile("cli; hlt");
}

_Noreturn void panic(const char *format, ...)
{
    char text[256];
    va_list arguments;

    console_break_lock();
    va_start(arguments, format);
    format_text_list(text, sizeof text, format, arguments);
    va_end(arguments);
    console_print("\nSextant: PANIC: %s\nThis is a defect of Sextant or of the processor. Please "
                  "report it.\n", text);
    ending_exit(EXIT_PANIC);
}

_Noreturn void exception32(uint32_t vector, uint32_t error_code, uint32_t eip)
{
    panic("exception %u in the 32-bit program, error code 0x%x, eip 0x%08x", (unsigned)vector,
          (unsigned)error_code, (unsigned)eip);
}
