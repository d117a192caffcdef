/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow: where a pending interrupt is taken around an APIC access.
 *
 * Matters because STI and MOV SS hold interrupts back for one more instruction, and when that
 * instruction exits to a hypervisor, what it held back must neither come before the access (STI,
 * then EOI, is how kernels end an interrupt) nor get lost; a hypervisor that steps the guest must
 * not enter it in a state that no CPU can be in. An interrupt is made pending with IF clear, or
 * with IF set under a high task priority; each sequence (sequences.S) lets it in, and the address
 * in its frame is compared.
 *
 * No `# differs:` lines.
 * Source: SDM Vol 3: Interrupt and Exception Handling > Masking Exceptions and Interrupts When
 * Switching Stacks; SDM Vol 2: STI; APIC > Task and Processor Priorities.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_LOW  0x41
#define VECTOR_HIGH 0x61
#define TAKEN_MAX   4

typedef void sequence(volatile uint32_t *apic);

/*
 * X(name, task priority before, text): a pending interrupt is taken once, where the sequence says.
 */
#define SEQUENCES(X)                                                                               \
    X(sti_eoi, 0, "STI, write of EOI: after the write")                                            \
    X(sti_priority, 0, "STI, write of the task priority: after the write")                         \
    X(sti_read, 0, "STI, read of the task priority: after the read")                               \
    X(sti_read_modify_write, 0, "STI, LOCK OR on the task priority: after it")                     \
    X(sti_exchange, 0, "STI, XCHG with the task priority: after it")                               \
    X(sti_string, 0, "STI, STOS to EOI: after it")                                                 \
    X(sti_nop_eoi, 0, "STI, NOP, write of EOI: before the write")                                  \
    X(popf_eoi, 0, "POPF, write of EOI: before the write")                                         \
    X(sti_cpuid, 0, "STI, CPUID: after CPUID")                                                     \
    X(sti_rdmsr, 0, "STI, RDMSR: after RDMSR")                                                     \
    X(sti_wrmsr, 0, "STI, WRMSR of IA32_APIC_BASE: after WRMSR")                                   \
    X(sti_out, 0, "STI, OUT: after OUT")                                                           \
    X(sti_hlt, 0, "STI, HLT: after HLT")                                                           \
    X(priority, 0xf0, "write of the task priority that lets it in: after the write")               \
    X(mov_ss_priority, 0xf0, "MOV SS, write of the task priority: after the write")                \
    X(mov_ss_priority_by_or, 0xf0, "MOV SS, AND on the task priority: after it")                   \
    X(cr8_priority, 0xf0, "MOV CR8 that lets it in: after it")

#define DECLARE(name)                                                                              \
    sequence name;                                                                                 \
    extern const char name##_first[], name##_last[];
#define X(name, priority, text) DECLARE(name)
SEQUENCES(X)
#undef X
DECLARE(sti_icr)
DECLARE(sti_cli_eoi)

static struct {
    uint8_t vector;
    uint64_t rip, rflags;
} taken[TAKEN_MAX];
static unsigned count;

static void record_handler(struct frame *frame)
{
    if (count < TAKEN_MAX) {
        taken[count].vector = (uint8_t)frame->vector;
        taken[count].rip = frame->rip;
        taken[count].rflags = frame->rflags;
    }
    count++;
    apic_eoi();
}

/* Number `i` was taken in that place, with IF and without TF in its frame. */
static bool was_taken(unsigned i, uint8_t vector, const char *first, const char *last)
{
    uint64_t rip = taken[i].rip;
    bool right = i < count && taken[i].vector == vector && rip >= (uint64_t)first &&
                 rip <= (uint64_t)last && (taken[i].rflags & (RFLAGS_IF | RFLAGS_TF)) == RFLAGS_IF;
    if (!right)
        tap_note(
            "%u taken; number %u: vector %#x, RIP %#lx (expected %#x, %#lx to %#lx), RFLAGS %#lx",
            count, i + 1, taken[i].vector, rip, vector, (uint64_t)first, (uint64_t)last,
            taken[i].rflags);
    return right;
}

static void make_pending(uint8_t vector)
{
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | vector);
    (void)WAIT_UNTIL(apic_bit(APIC_IRR, vector));
}

static void check(const char *text, sequence *run, uint8_t priority, const char *first,
                  const char *last)
{
    count = 0;
    apic_write(APIC_TPR, priority);
    make_pending(VECTOR_LOW);
    run(apic_register(0));
    apic_write(APIC_TPR, 0);
    bool right = was_taken(0, VECTOR_LOW, first, last) && count == 1;
    tap_check(right && apic_bits_empty(APIC_ISR) && apic_bits_empty(APIC_IRR), "%s", text);
}

/*
 * A second interrupt, of higher priority, is sent in the shadow of STI: both come after the write.
 */
static void check_icr(void)
{
    count = 0;
    make_pending(VECTOR_LOW);
    sti_icr(apic_register(0));
    bool right = was_taken(0, VECTOR_HIGH, sti_icr_first, sti_icr_last) &&
                 was_taken(1, VECTOR_LOW, sti_icr_first, sti_icr_last) && count == 2;
    tap_check(right, "STI, self-IPI of higher priority: both after the write, the higher first");
}

static void check_cli(void)
{
    count = 0;
    make_pending(VECTOR_LOW);
    sti_cli_eoi(apic_register(0));
    tap_check(count == 0 && apic_bit(APIC_IRR, VECTOR_LOW),
              "STI, CLI, write of EOI: it stays pending");
    interrupts_on();
    (void)WAIT_UNTIL(__atomic_load_n(&count, __ATOMIC_SEQ_CST) == 1);
    interrupts_off();
    tap_count(count, 1, "taken afterwards");
}

/* The end of an interrupt handler with the next interrupt of the same vector waiting. */
static void ending_handler(struct frame *frame)
{
    (void)frame;
    interrupts_set_handler(VECTOR_LOW, record_handler);
    make_pending(VECTOR_LOW);
    sti_eoi(apic_register(0));
}

static void check_end_of_handler(void)
{
    bool right = true;
    for (unsigned i = 0; i < 100; i++) {
        count = 0;
        interrupts_set_handler(VECTOR_LOW, ending_handler);
        make_pending(VECTOR_LOW);
        interrupts_on();
        (void)WAIT_UNTIL(__atomic_load_n(&count, __ATOMIC_SEQ_CST) == 1);
        interrupts_off();
        right = right && was_taken(0, VECTOR_LOW, sti_eoi_first, sti_eoi_last) && count == 1;
    }
    tap_check(right,
              "100 handlers that end with STI, write of EOI: the next one comes after the write");
    tap_check(apic_bits_empty(APIC_ISR) && apic_bits_empty(APIC_IRR),
              "nothing is left requested or in service");
}

void guest_main(void)
{
    tap_plan(17 + 5);
    interrupts_set_handler(VECTOR_LOW, record_handler);
    interrupts_set_handler(VECTOR_HIGH, record_handler);
#define X(name, priority, text) check(text, name, priority, name##_first, name##_last);
    SEQUENCES(X)
#undef X
    check_icr();
    check_cli();
    check_end_of_handler();
}
