/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry of every test guest in 64-bit mode: sets up the library, runs the test, ends the run. */
#include "guest.h"

#include "apic.h"
#include "console.h"
#include "cpus.h"
#include "delay.h"
#include "multiboot.h"
#include "tap.h"
#include "x86.h"

#define PIC1_MASK      0x21
#define PIC2_MASK      0xa1
    #define PIC_ALL_MASKED 0xff

/* Called by start.S. */
_Noreturn void guest_start(uint32_t magic, uint32_t information);

_Noreturn void guest_start(uint32_t magic, uint32_t information)
{
    console_initialise();
    multiboot_initialise(magic, information);
    delay_initialise();
    outb(PIC1_MASK, PIC_ALL_MASKED);
    outb(PIC2_MASK, PIC_ALL_MASKED);
    cpus_initialise();
    apic_enable();
    guest_main();
    tap_end();
}
