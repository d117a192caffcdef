/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses of 1, 2, 8 and 16 bytes and unaligned ones. The manual leaves their effect undefined (SDM
 * Vol 3: APIC > Local APIC > The Local APIC Register Map), so a line only asks that the register
 * aimed at can be used afterwards, that no other register changes, and that a self-IPI arrives.
 */
#include "apic.h"
#include "apic_registers.h"
#include "cpus.h"
#include "delay.h"
#include "tap.h"
#include "undefined.h"
#include "x86.h"

#define VECTOR_SELF 0x45

static unsigned received;

static const struct {
    unsigned size;
    int displacement;
} accesses[] = {
    { 1, 0 }, { 1, 1 }, { 1, 3 }, { 2, 0 }, { 2, 1 }, { 2, 2 },
    { 4, 1 }, { 4, 2 }, { 4, 4 }, { 8, 0 }, { 8, 4 }, { 8, -4 },
    { 16, 0 }, { 16, 1 }, { 16, 8 }, { 16, -1 }, { 16, -8 },
};

static const struct {
    unsigned offset;
    const char *name;
} targets[] = {
    { APIC_TPR, "task priority" },
    { APIC_TIMER_INITIAL, "timer's initial count" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
_Static_assert(COUNT(targets) * (COUNT(accesses) + 1) == WIDTH_LINES, "WIDTH_LINES");

static void self_handler(struct frame *frame)
{
    (void)frame;
    received++;
    apic_eoi();
}

void write_sixteen(uint64_t address, uint64_t value)
{
    write_cr4(read_cr4() | CR4_OSFXSR);
    __asm__ volatile("movq %0, %%xmm0\n\tpunpcklqdq %%xmm0, %%xmm0\n\tmovdqu %%xmm0, (%1)"
                     :
                     : "r"(value), "r"(address)
                     : "memory");
}

static void write_sized(uint64_t address, unsigned size)
{
    uint64_t value = 0x1010101010101010;
    if (size == 1)
        __asm__ volatile("movb %b0, (%1)" : : "q"(value), "r"(address) : "memory");
    else if (size == 2)
        __asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(address) : "memory");
    else if (size == 4)
        __asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(address) : "memory");
    else if (size == 16)
        write_sixteen(address, value);
    else
        __asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static void read_sized(uint64_t address, unsigned size)
{
    uint64_t value;
    if (size == 1)
        __asm__ volatile("movb (%1), %b0" : "=q"(value) : "r"(address) : "memory");
    else if (size == 2)
        __asm__ volatile("movw (%1), %w0" : "=r"(value) : "r"(address) : "memory");
    else if (size == 4)
        __asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
    else if (size == 16)
        __asm__ volatile("movdqu (%1), %%xmm0\n\tmovq %%xmm0, %0"
                         : "=r"(value)
                         : "r"(address)
                         : "memory");
    else
        __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
}

bool is_unharmed(unsigned offset)
{
    uint32_t resting = 0;
    unsigned before = received;
    apic_write(offset, 0x20);
    bool usable = apic_read(offset) == 0x20;
    apic_write(offset, resting);
    usable = usable && apic_read(offset) == resting;
    unsigned changed = apic_changed(offset);
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_SELF);
    interrupts_on();
    bool arrived = WAIT_UNTIL(__atomic_load_n(&received, __ATOMIC_SEQ_CST) == before + 1);
    interrupts_off();
    return usable && changed == 0 && arrived && apic_bits_empty(APIC_ISR);
}

void check_widths(void)
{
    interrupts_set_handler(VECTOR_SELF, self_handler);
    apic_rest();
    for (unsigned i = 0; i < COUNT(targets); i++) {
        uint64_t target = APIC_BASE_ADDRESS + targets[i].offset;
        for (unsigned k = 0; k < COUNT(accesses); k++) {
            write_sized(target + (uint64_t)(int64_t)accesses[k].displacement, accesses[k].size);
            tap_check(is_unharmed(targets[i].offset), "write of %u bytes at %s %c %d does no harm",
                      accesses[k].size, targets[i].name, accesses[k].displacement < 0 ? '-' : '+',
                      accesses[k].displacement < 0 ? -accesses[k].displacement
                                                   : accesses[k].displacement);
        }
        for (unsigned k = 0; k < COUNT(accesses); k++)
            read_sized(target + (uint64_t)(int64_t)accesses[k].displacement, accesses[k].size);
        tap_check(is_unharmed(targets[i].offset),
                  "reads of 1 to 16 bytes at and around %s do no harm", targets[i].name);
    }
}

/* No register is there; what lies behind the page is not the APIC's. */
void check_end_of_page(void)
{
    static const struct {
        unsigned offset, size;
    } ends[] = { { 0xffc, 4 }, { 0xffe, 4 }, { 0xff8, 8 }, { 0xffc, 8 } };
    _Static_assert(COUNT(ends) == END_LINES, "END_LINES");
    for (unsigned i = 0; i < COUNT(ends); i++) {
        write_sized(APIC_BASE_ADDRESS + ends[i].offset, ends[i].size);
        tap_check(is_unharmed(APIC_TPR), "write of %u bytes at %#x of the page does no harm",
                  ends[i].size, ends[i].offset);
    }
}
