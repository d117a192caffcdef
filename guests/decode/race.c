/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that CPU 1 changes all the time: a MOV to the APIC becomes a MOV to memory and back (SDM Vol 3:
 * Multiple-Processor Management > Handling Self- and Cross-Modifying Code). Whichever it was, one of the
 * two words is written, with the value of its own register, and no other register of the APIC.
 */
#include "apic.h"
#include "apic_registers.h"
#include "cpus.h"
#include "decode_test.h"
#include "tap.h"
#include "x86.h"

#define ROUNDS    3000
#define TO_APIC   0x03      /* ModR/M: EAX to (RBX) */
#define TO_MEMORY 0x11      /* EDX to (RCX) */

static volatile uint32_t stop;

static void change_code(void *argument)
{
    volatile uint8_t *modrm = argument;
    while (!stop) {
        *modrm = TO_MEMORY;
        *modrm = TO_APIC;
    }
}

void check_race(void)
{
    static volatile uint32_t word;
    uint8_t *code = code_address();
    unsigned wrong = 0;

    code[0] = 0x89;
    code[1] = TO_APIC;
    code[2] = 0xc3;
    cpu_post(&cpus[1], change_code, code + 1);
    apic_rest();
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        struct call call = { .rax = 0x10000 + round, .rdx = 0x20000 + round,
                             .rbx = APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, .rcx = (uint64_t)&word,
                             .flags = RFLAGS_FIXED };
        word = 0;
        apic_write(APIC_TIMER_INITIAL, 0);
        call_with(&call, code);
        uint32_t count = apic_read(APIC_TIMER_INITIAL);
        bool to_apic = count == 0x10000 + round && word == 0;
        bool to_memory = count == 0 && word == 0x20000 + round;
        wrong += !(to_apic || to_memory) || apic_changed(APIC_TIMER_INITIAL) != 0;
    }
    stop = 1;
    apic_write(APIC_TIMER_INITIAL, 0);
    tap_check(cpu_wait_idle(&cpus[1]) && wrong == 0,
              "code that CPU 1 changes between two writes: one of them happens, %u of %u wrong", wrong,
              ROUNDS);
}
