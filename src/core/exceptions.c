/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/exceptions.h"

#include <stddef.h>

#include "apic/local.h"
#include "boot/layout.h"
#include "core/cpu.h"
#include "core/kick.h"
#include "lib/panic.h"
#include "x86/registers.h"

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, attributes;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct fixup {
    uint64_t instruction, landing;
};

/* NMI_WINDOW */
struct window {
    uint64_t start, end, landing;
};

#define STUB_SIZE               16
#define GATE_INTERRUPT_PRESENT  0x8e
#define TURNS_LIMIT             256

#define INTERRUPT               256     /* interrupt_stubs push this and the vector */

extern char exception_stubs[], interrupt_stubs[];
extern const struct fixup fixup_table_start[], fixup_table_end[];
extern const struct window window_table_start[], window_table_end[];
void exception_dispatch(struct exception_frame *frame);
void exceptions_load_segments(void);

static struct gate table[256], interrupt_table[256];

static const uint64_t descriptors[] = {
    0,
    UINT64_C(0x00af9b000000ffff),       /* HOST_CS64 */
    UINT64_C(0x00cf93000000ffff),       /* HOST_DS */
    UINT64_C(0x00cf9b000000ffff),       /* HOST_CS32 */
};

static struct gate gate_to(uint64_t address)
{
    return (struct gate){
        .offset_low = (uint16_t)address,
        .selector = HOST_CS64,
        .attributes = GATE_INTERRUPT_PRESENT,
        .offset_middle = (uint16_t)(address >> 16),
        .offset_high = (uint32_t)(address >> 32),
    };
}

void exceptions_prepare(void)
{
    for (unsigned vector = 0; vector < 256; vector++) {
        table[vector] = gate_to((uint64_t)exception_stubs + vector * STUB_SIZE);
        interrupt_table[vector] = gate_to((uint64_t)interrupt_stubs + vector * STUB_SIZE);
    }
    interrupt_table[VECTOR_NMI] = table[VECTOR_NMI];
}

void exceptions_load(void)
{
    struct table_pointer gdt = { sizeof descriptors - 1, (uint64_t)descriptors };
    struct table_pointer idt = { sizeof table - 1, (uint64_t)table };

    __asm__ volatile("lgdt %0" : : "m"(gdt));
    exceptions_load_segments();
    __asm__ volatile("lidt %0" : : "m"(idt));
}

static bool fixed_up(struct exception_frame *frame)
{
    if (frame->vector != VECTOR_GP)
        return false;
    for (const struct fixup *entry = fixup_table_start; entry < fixup_table_end; entry++) {
        if (entry->instruction == frame->rip) {
            frame->rip = entry->landing;
            return true;
        }
    }
    return false;
}

/* What came right before HLT or a VM entry would be slept over. */
static void leave_window(struct exception_frame *frame)
{
    for (const struct window *window = window_table_start; window < window_table_end; window++) {
        if (frame->rip >= window->start && frame->rip < window->end) {
            frame->rip = window->landing;
            return;
        }
    }
}

void exception_dispatch(struct exception_frame *frame)
{
    struct cpu *cpu;

    if (frame->vector == VECTOR_NMI || frame->vector == VECTOR_SX) {
        if (frame->vector == VECTOR_NMI)
            kick_nmi_arrived();
        else
            kick_init_arrived();
        leave_window(frame);
        return;
    }
    if (frame->vector >= INTERRUPT) {
        cpu = this_cpu();
        cpu->counters[COUNTER_INTERRUPT_TAKEN]++;
        cpu->interrupt_taken((uint8_t)frame->vector);
        frame->rflags &= ~RFLAGS_IF;
        return;
    }
    /* Bochs' SVM raises a stray single-step trap right after VMRUN when an instruction that a
     * guest stepped was intercepted; the guest's trap is made elsewhere. */
    if (frame->vector == VECTOR_DB)
        return;
    if (!fixed_up(frame))
        panic_exception(frame);
}

/* The guest chooses the vectors, those of exceptions included, so a table of its own answers them:
 * no error code is expected there, and nothing but NMIs and interrupts can happen in the window. */
static void take_one(void (*handler)(uint8_t vector))
{
    struct table_pointer interrupts = { sizeof interrupt_table - 1, (uint64_t)interrupt_table };
    struct table_pointer normal = { sizeof table - 1, (uint64_t)table };

    this_cpu()->interrupt_taken = handler;
    __asm__ volatile("lidt %0\n\t"
                     "sti; nop; nop; cli\n\t"
                     "lidt %1"
                     : : "m"(interrupts), "m"(normal) : "memory");
}

static void end_at_once(uint8_t vector)
{
    (void)vector;
    local_apic_write(APIC_EOI, 0);
}

void exceptions_drain_interrupts(void)
{
    for (unsigned i = 0; i < TURNS_LIMIT && local_apic_requested(); i++)
        take_one(end_at_once);
}

bool exceptions_take_interrupt(void (*handler)(uint8_t vector))
{
    const uint64_t *count = &this_cpu()->counters[COUNTER_INTERRUPT_TAKEN];
    uint64_t before = *count;

    take_one(handler);
    return *(const volatile uint64_t *)count != before;
}
