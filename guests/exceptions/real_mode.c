/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #GP in real mode, where the stack gets three words and no error code: raised by the processor, and
 * by an instruction that a hypervisor answers itself (XSETBV exits from any guest on Intel).
 * Source: SDM Vol 3: 8086 Emulation > Real-Address Mode > Interrupt and Exception Handling.
 */
#include "real_mode.h"

#include <string.h>

#include "cpus.h"
#include "delay.h"
#include "multiboot.h"
#include "tap.h"
#include "x86.h"

#define START_PAGE  2
#define STACK_TOP   0xe00       /* in the page; what was found stands above it */
#define FOUND       0xe00
#define FRAME_BYTES 6

/* What the CPU finds, at FOUND. */
struct found {
    uint16_t finished, has_xsave;
    uint16_t sp_of_long, ip_of_long;
    uint16_t sp_of_xsetbv, ip_of_xsetbv;
};

#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number

__asm__(".pushsection .rodata\n"
        ".code16\n"
        "real_mode_start:\n\t"
        "cli\n\t"
        "movw %cs, %ax\n\t"
        "movw %ax, %ss\n\t"
        "movw $" TEXT(STACK_TOP) ", %sp\n\t"
        "movw $(1f - real_mode_start), %si\n"
        "real_mode_long:\n\t"
        ".fill 15, 1, 0x2e\n\t"             /* 16 bytes, one more than an instruction may have */
        "nop\n"
        "1:\tmovw %bx, %cs:" TEXT(FOUND) "+4\n\t"
        "movw %dx, %cs:" TEXT(FOUND) "+6\n\t"
        "cmpw $0, %cs:" TEXT(FOUND) "+2\n\t"
        "je 2f\n\t"
        "movl %cr4, %eax\n\t"
        "orl $0x40000, %eax\n\t"            /* OSXSAVE */
        "movl %eax, %cr4\n\t"
        "xorl %eax, %eax\n\t"               /* without the x87 state: #GP */
        "xorl %ecx, %ecx\n\t"
        "xorl %edx, %edx\n\t"
        "movw $(2f - real_mode_start), %si\n"
        "real_mode_xsetbv:\n\t"
        "xsetbv\n"
        "2:\tmovw %bx, %cs:" TEXT(FOUND) "+8\n\t"
        "movw %dx, %cs:" TEXT(FOUND) "+10\n\t"
        "movw $1, %cs:" TEXT(FOUND) "\n"
        "3:\tcli\n\t"
        "hlt\n\t"
        "jmp 3b\n"
        "real_mode_gp:\n\t"                 /* BX: SP, DX: the address it came from; goes on at SI */
        "movw %sp, %bx\n\t"
        "popw %dx\n\t"
        "movw $" TEXT(STACK_TOP) ", %sp\n\t"
        "jmp *%si\n"
        "real_mode_end:\n"
        ".code64\n"
        ".popsection");
extern const char real_mode_start[], real_mode_long[], real_mode_xsetbv[], real_mode_gp[],
    real_mode_end[];

static uint16_t offset_of(const char *label)
{
    return (uint16_t)(label - real_mode_start);
}

static void check_frame(uint16_t sp, uint16_t ip, const char *label, const char *what)
{
    tap_count(STACK_TOP - sp, FRAME_BYTES, "real mode, %s: bytes pushed by #GP", what);
    tap_count(ip, offset_of(label), "real mode, %s: address in the frame", what);
}

void real_mode(void)
{
    if (cpus_count < 2) {
        tap_skip(5, "needs 2 CPUs", "#GP in real mode");
        return;
    }
    uint32_t page = multiboot_start_page(START_PAGE);
    volatile struct found *found = (volatile struct found *)(uintptr_t)(page + FOUND);
    volatile uint16_t *vector = (volatile uint16_t *)(4ul * VECTOR_GP);
    __asm__("" : "+r"(vector));         /* an address near 0 is one */

    memcpy((void *)(uintptr_t)page, real_mode_start, (size_t)(real_mode_end - real_mode_start));
    *found = (struct found){ .has_xsave = cpuid(1, 0).ecx >> 26 & 1 };
    vector[0] = offset_of(real_mode_gp);
    vector[1] = (uint16_t)(page >> 4);
    cpu_send_init(&cpus[1]);
    cpu_send_startup(&cpus[1], (uint8_t)(page >> 12));
    tap_check(WAIT_UNTIL(found->finished), "real mode: a CPU comes to its end");
    check_frame(found->sp_of_long, found->ip_of_long, real_mode_long, "an instruction of 16 bytes");
    if (found->has_xsave)
        check_frame(found->sp_of_xsetbv, found->ip_of_xsetbv, real_mode_xsetbv, "XSETBV");
    else
        tap_skip(2, "needs XSAVE", "real mode, XSETBV");
}
