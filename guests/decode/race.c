/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPU 1 changes all the time while a write to the APIC is under way: the code, in which a MOV to the
 * APIC becomes a MOV to memory and back (SDM Vol 3: Multiple-Processor Management > Handling Self- and
 * Cross-Modifying Code), or the mapping. Whichever it was, one of the two is written, with the value of
 * its own register, and no other register of the APIC. With ICR a second write of the same value shows.
 */
#include "apic.h"
#include "apic_registers.h"
#include "cpus.h"
#include "decode_test.h"
#include "delay.h"
#include "paging.h"
#include "tap.h"
#include "x86.h"

#define ROUNDS      3000
#define TO_APIC     0x03    /* ModR/M: EAX to (RBX) */
#define TO_MEMORY   0x11    /* EDX to (RCX) */
#define VECTOR_SELF 0x42
#define TO_SELF     (ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_SELF)

static volatile bool stop;
static volatile uint32_t changes;
static uint64_t received;
static volatile uint32_t ordinary_page[1024] __attribute__((aligned(4096)));

static void self_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&received, 1, __ATOMIC_SEQ_CST);
    apic_eoi();
}

static void change_code(void *argument)
{
    volatile uint8_t *modrm = argument;
    while (!stop) {
        *modrm = TO_MEMORY;
        *modrm = TO_APIC;
        changes++;
    }
}

static void change_mapping(void *argument)
{
    (void)argument;
    while (!stop) {
        paging_map(CHANGING_SLOT, (uint64_t)ordinary_page, PAGE_PRESENT | PAGE_WRITABLE);
        paging_map(CHANGING_SLOT, APIC_BASE_ADDRESS, PAGE_MMIO);
        changes++;
    }
}

/* A round in which CPU 1 does nothing shows nothing. */
static void wait_for_change(void)
{
    uint32_t before = changes;
    (void)WAIT_UNTIL(changes != before);
}

static uint8_t *prepare(void)
{
    uint8_t *code = code_address();
    code[0] = 0x89;
    code[1] = TO_APIC;
    code[2] = 0xc3;
    stop = false;
    return code;
}

static bool end_changes(void)
{
    stop = true;
    return cpu_wait_idle(&cpus[1]);
}

static void check_count(void)
{
    static volatile uint32_t word;
    uint8_t *code = prepare();
    unsigned wrong = 0;

    cpu_post(&cpus[1], change_code, code + 1);
    apic_rest();
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        struct call call = { .rax = 0x10000 + round, .rdx = 0x20000 + round,
                             .rbx = APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, .rcx = (uint64_t)&word,
                             .flags = RFLAGS_FIXED };
        word = 0;
        apic_write(APIC_TIMER_INITIAL, 0);
        wait_for_change();
        call_with(&call, code);
        uint32_t count = apic_read(APIC_TIMER_INITIAL);
        bool to_apic = count == 0x10000 + round && word == 0;
        bool to_memory = count == 0 && word == 0x20000 + round;
        wrong += !(to_apic || to_memory) || apic_changed(APIC_TIMER_INITIAL) != 0;
    }
    apic_write(APIC_TIMER_INITIAL, 0);
    tap_check(end_changes() && wrong == 0,
              "code that CPU 1 changes between two writes: one of them happens, %u of %u wrong", wrong,
              ROUNDS);
}

/* Either the interrupt comes or the word is written. */
static bool one_happens(struct call call, const uint8_t *code, volatile uint32_t *word, uint32_t value)
{
    uint64_t before = received;
    *word = 0;
    call_with(&call, code);
    bool written = *word != 0;
    interrupts_on();
    bool sent = written || WAIT_UNTIL(__atomic_load_n(&received, __ATOMIC_SEQ_CST) != before);
    interrupts_off();
    return sent && received - before == !written && *word == (written ? value : 0);
}

static void check_command(const char *what, struct call call, void (*change)(void *), const uint8_t *code,
                          volatile uint32_t *word, uint32_t value)
{
    unsigned wrong = !one_happens(call, code, word, value);

    cpu_post(&cpus[1], change, (void *)(code + 1));
    for (unsigned round = 0; round < ROUNDS; round++) {
        wait_for_change();
        invlpg((void *)call.rbx);
        wrong += !one_happens(call, code, word, value);
    }
    tap_check(end_changes() && wrong == 0,
              "%s that CPU 1 changes between ICR and memory: one of them is written, %u of %u wrong", what,
              wrong, ROUNDS);
}

void check_race(void)
{
    static volatile uint32_t word;
    uint64_t icr = APIC_BASE_ADDRESS + APIC_ICR_LOW;
    struct call call = { .rax = TO_SELF, .rdx = 0x20000, .rbx = icr, .rcx = (uint64_t)&word,
                         .flags = RFLAGS_FIXED };

    check_count();
    interrupts_set_handler(VECTOR_SELF, self_handler);
    check_command("code", call, change_code, prepare(), &word, 0x20000);
    call.rbx = (uint64_t)paging_map(CHANGING_SLOT, APIC_BASE_ADDRESS, PAGE_MMIO) + APIC_ICR_LOW;
    check_command("a mapping", call, change_mapping, prepare(), &ordinary_page[APIC_ICR_LOW / 4], TO_SELF);
}
