/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nmi: non-maskable interrupts are neither lost nor invented.
 *
 * Matters because a hypervisor uses NMIs itself, to bring its CPUs together, and must still give
 * the guest each of its own, once, where the architecture lets it come: blocked from the delivery
 * of one NMI to the next IRET, with one more latched meanwhile. NMIs are sent one at a time and
 * each is waited for, so their number is exact; where several are sent at once, only "at least one,
 * at most as many as sent" is asked.
 *
 * NMI to a CPU that waits for SIPI: QEMU 7.2 runs the real-mode handler on the waiting CPU and
 * returns to the reset vector, so the handler that is installed there halts in that case. After
 * that the CPU still has to start at one SIPI, on every machine.
 *
 * Lines for other CPUs need 2 CPUs. No `# differs:` lines.
 * Source: SDM Vol 3: Interrupt and Exception Handling > Nonmaskable Interrupt (NMI) > Handling
 * Multiple NMIs; APIC > Issuing Interprocessor Interrupts.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "multiboot.h"
#include "string.h"
#include "tap.h"
#include "x86.h"

#define FLOOD                    500u /* to a CPU that waits for them */
#define BUSY_FLOOD               100u /* to one that works: each can take a time slice */
#define NMI_TO(destination_kind) (ICR_NMI | ICR_ASSERT | (destination_kind))

#define SELF_LINES   8
#define NESTED_LINES 6
#define OTHERS_LINES 20

static unsigned handled[MAX_CPUS];
static unsigned with_trap_flag;

/* What the handler on the boot CPU does besides counting, once. */
static void (*in_handler)(void);
static unsigned depth, deepest;

static unsigned handled_by(unsigned cpu)
{
    return __atomic_load_n(&handled[cpu], __ATOMIC_SEQ_CST);
}

static void nmi_handler(struct frame *frame)
{
    unsigned index = this_cpu()->index;
    if ((frame->rflags & RFLAGS_TF) != 0)
        __atomic_add_fetch(&with_trap_flag, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&handled[index], 1, __ATOMIC_SEQ_CST);
    if (index != 0)
        return;

    void (*action)(void) = in_handler;
    in_handler = NULL;
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (action != NULL)
        action();
    depth--;
}

static void send_self(void)
{
    apic_send((uint8_t)this_cpu()->apic_id, NMI_TO(0));
}

/* Sends one NMI and waits until the CPU has handled it; false when it does not come. */
static bool send_and_wait(unsigned cpu)
{
    unsigned before = handled_by(cpu);
    apic_send((uint8_t)cpus[cpu].apic_id, NMI_TO(0));
    return WAIT_UNTIL(handled_by(cpu) != before);
}

/* That many of these; the first that does not come ends it. */
static void flood(unsigned cpu, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!send_and_wait(cpu))
            break;
}

static void to_self(void)
{
    static const struct {
        uint32_t command;
        const char *name;
    } forms[] = {
        { NMI_TO(0), "physical destination" },
        { NMI_TO(ICR_LOGICAL), "logical destination" },
    };
    /* The manual calls this combination invalid; QEMU delivers it, Bochs does not. */
    apic_send(0, NMI_TO(ICR_SELF));
    delay_microseconds(1000);
    tap_check(handled_by(0) <= 1,
              "NMI to self, shorthand self, which is invalid, comes at most once");
    tap_note("it came %u times", handled_by(0));

    apic_write(APIC_LDR, 0x01000000);
    for (unsigned i = 0; i < 2; i++) {
        handled[0] = 0;
        uint32_t id = forms[i].command & ICR_LOGICAL ? 1 : cpus[0].apic_id;
        apic_send((uint8_t)id, forms[i].command);
        (void)WAIT_UNTIL(handled_by(0) != 0);
        tap_count(handled[0], 1, "NMI to self with IF clear, %s", forms[i].name);
    }
    apic_write(APIC_LDR, 0);

    handled[0] = 0;
    interrupts_on();
    send_self();
    (void)WAIT_UNTIL(handled_by(0) != 0);
    interrupts_off();
    tap_count(handled[0], 1, "NMI to self with IF set");
    tap_check(apic_bits_empty(APIC_ISR) && apic_bits_empty(APIC_IRR),
              "an NMI is neither in service nor requested in the APIC");

    handled[0] = 0;
    flood(0, FLOOD);
    tap_count(handled[0], FLOOD, "NMIs to self, one after the other");

    handled[0] = 0;
    bool all = true;
    for (unsigned i = 0; i < FLOOD && all; i++) {
        unsigned before = handled_by(0);
        apic_eoi();
        send_self();
        for (unsigned k = 0; k < 4; k++)
            apic_eoi();
        all = WAIT_UNTIL(handled_by(0) != before);
    }
    tap_count(handled[0], FLOOD, "NMIs to self among writes of EOI");
    tap_check(all, "each was handled before the next was sent");
}

/* ---- NMIs in the NMI handler ---- */

static unsigned seen_inside;

static void send_two_inside(void)
{
    send_self();
    send_self();
    for (unsigned i = 0; i < 1000; i++)
        pause();
    seen_inside = handled_by(0);
}

/* The IRET of the breakpoint's handler ends the blocking, so the NMI nests. */
static void breakpoint_inside(void)
{
    send_self();
    for (unsigned i = 0; i < 1000; i++)
        pause();
    unsigned before = handled_by(0);
    __asm__ volatile("int3" : : : "memory");
    (void)WAIT_UNTIL(handled_by(0) != before);
    seen_inside = before;
}

static void breakpoint_handler(struct frame *frame)
{
    (void)frame;
}

static void nested(void)
{
    handled[0] = 0;
    in_handler = send_two_inside;
    send_self();
    (void)WAIT_UNTIL(handled_by(0) >= 2);
    tap_count(seen_inside, 1,
              "two NMIs sent in the handler: handled before its IRET, itself included");
    tap_count(handled[0], 2, "handled afterwards, one having been latched");
    tap_count(deepest, 1, "deepest nesting");

    interrupts_set_handler(VECTOR_BP, breakpoint_handler);
    handled[0] = 0;
    deepest = 0;
    in_handler = breakpoint_inside;
    send_self();
    (void)WAIT_UNTIL(handled_by(0) >= 2);
    tap_count(seen_inside, 1, "NMI sent in the handler, then INT3: handled before INT3");
    tap_count(handled[0], 2, "handled altogether");
    tap_count(deepest, 2, "deepest nesting: the IRET of the INT3 handler ends the blocking");
}

/* ---- Other CPUs ---- */

static unsigned total_of_others(void)
{
    unsigned total = 0;
    for (unsigned i = 1; i < cpus_count; i++)
        total += handled_by(i);
    return total;
}

static void no_work(void *argument)
{
    (void)argument;
}

/* Starts counting anew. A CPU that does work has handled all NMIs that were sent to it before. */
static void forget_counts(void)
{
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_run(&cpus[i], no_work, NULL);
    for (unsigned i = 0; i < cpus_count; i++)
        __atomic_store_n(&handled[i], 0, __ATOMIC_SEQ_CST);
}

static void one_each(void)
{
    unsigned others = cpus_count - 1;
    forget_counts();
    for (unsigned i = 1; i < cpus_count; i++)
        (void)send_and_wait(i);
    tap_count(total_of_others(), others, "one NMI to each other CPU");

    forget_counts();
    apic_send(0, NMI_TO(ICR_OTHERS));
    (void)WAIT_UNTIL(total_of_others() >= others);
    tap_check(total_of_others() == others && handled[0] == 0,
              "NMI, all excluding self: %u (expected %u)", total_of_others(), others);

    forget_counts();
    apic_send(0, NMI_TO(ICR_ALL));
    (void)WAIT_UNTIL(total_of_others() >= others && handled_by(0) >= 1);
    tap_check(total_of_others() == others && handled[0] == 1,
              "NMI, all including self: %u (expected %u)", total_of_others() + handled[0],
              others + 1);

    forget_counts();
    flood(1, FLOOD);
    tap_count(handled[1], FLOOD, "NMIs to CPU 1, one after the other");

    forget_counts();
    for (unsigned i = 0; i < FLOOD; i++)
        apic_send((uint8_t)cpus[1].apic_id, NMI_TO(0));
    (void)WAIT_UNTIL(handled_by(1) != 0);
    (void)send_and_wait(1);
    tap_check(handled_by(1) >= 1 && handled_by(1) <= FLOOD + 1,
              "a flood of NMIs to CPU 1 makes none up");
}

static bool stop;

static bool stopped(void)
{
    return __atomic_load_n(&stop, __ATOMIC_SEQ_CST);
}

/* The CPU announces that it is under way, then does one thing until it is told to stop. */
static void write_eoi(void *argument)
{
    struct cpu *cpu = argument;
    interrupts_on();
    while (!stopped()) {
        apic_eoi();
        __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
    }
}

static void write_icr(void *argument)
{
    struct cpu *cpu = argument;
    while (!stopped()) {
        apic_send(0, ICR_INIT | ICR_LEVEL_TRIGGER | ICR_ALL);
        __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
    }
}

static void execute_cpuid(void *argument)
{
    struct cpu *cpu = argument;
    while (!stopped()) {
        cpuid(0, 0);
        __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
    }
}

static void halt_with_interrupts_off(void *argument)
{
    struct cpu *cpu = argument;
    while (!stopped()) {
        __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
        __asm__ volatile("cli\n\thlt" : : : "memory");
    }
}

static void to_busy(void (*work)(void *), const char *what)
{
    struct cpu *cpu = &cpus[1];
    uint64_t before = __atomic_load_n(&cpu->counter, __ATOMIC_SEQ_CST);
    forget_counts();
    __atomic_store_n(&stop, false, __ATOMIC_SEQ_CST);
    cpu_post(cpu, work, cpu);
    (void)WAIT_UNTIL(__atomic_load_n(&cpu->counter, __ATOMIC_SEQ_CST) != before);
    flood(1, BUSY_FLOOD);
    unsigned counted = handled_by(1);

    /* It may be between its look at `stop` and HLT, so one more NMI need not be enough. */
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    struct deadline deadline = deadline_start();
    while (__atomic_load_n(&cpu->work, __ATOMIC_SEQ_CST) != NULL && !deadline_passed(&deadline)) {
        apic_send((uint8_t)cpu->apic_id, NMI_TO(0));
        delay_microseconds(1000);
    }
    tap_check(cpu_wait_idle(cpu) && counted == BUSY_FLOOD,
              "NMIs to CPU 1, which %s: %u (expected %u)", what, counted, BUSY_FLOOD);
}

static void send_to_boot_cpu(void *argument)
{
    (void)argument;
    flood(0, BUSY_FLOOD);
}

static void from_other(void)
{
    forget_counts();
    cpu_post(&cpus[1], send_to_boot_cpu, NULL);
    while (!(__atomic_load_n(&cpus[1].work, __ATOMIC_SEQ_CST) == NULL)) {
        for (unsigned i = 0; i < 16; i++)
            apic_eoi();
    }
    tap_count(handled[0], BUSY_FLOOD, "NMIs from CPU 1 to the boot CPU, which writes EOI");
}

/* ---- NMI and INIT ---- */

static void stay_in_handler(void *argument)
{
    struct cpu *cpu = argument;
    send_self();
    (void)WAIT_UNTIL(handled_by(cpu->index) != 0);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

/* The handler of vector 2 while CPU 1 is kept in its NMI handler for ever. */
static void trap_handler(struct frame *frame)
{
    nmi_handler(frame);
    __atomic_add_fetch(&this_cpu()->counter, 1, __ATOMIC_SEQ_CST);
    if (this_cpu()->index == 1)
        for (;;)
            __asm__ volatile("cli\n\thlt");
}

static void init_in_handler(void)
{
    struct cpu *cpu = &cpus[1];
    forget_counts();
    interrupts_set_handler(VECTOR_NMI, trap_handler);
    cpu_post(cpu, stay_in_handler, cpu);
    bool inside = WAIT_UNTIL(handled_by(1) == 1);
    interrupts_set_handler(VECTOR_NMI, nmi_handler);
    tap_check(inside && cpu_restart(cpu, 0),
              "INIT and SIPI restart a CPU that is in its NMI handler");
    forget_counts();
    tap_check(send_and_wait(1) && handled[1] == 1, "INIT has ended the blocking of NMIs");
}

/*
 * Real-mode handler for a CPU that takes an NMI before it has an IDT: returns, but not to the reset
 * vector, where QEMU 7.2 would have come from; there it halts.
 */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "real_mode_nmi:\n\t"
        "pushw %bp\n\t"
        "movw %sp, %bp\n\t"
        "cmpw $0xf000, 4(%bp)\n\t"
        "popw %bp\n\t"
        "je 1f\n\t"
        "incw %cs:0x800\n\t"
        "iretw\n"
        "1:\tincw %cs:0x802\n"
        "2:\tcli\n\t"
        "hlt\n\t"
        "jmp 2b\n"
        "real_mode_nmi_end:\n"
        ".code64\n"
        ".popsection");
extern const char real_mode_nmi[], real_mode_nmi_end[];

/* How often it ran after a start, and on a CPU that waited. */
static unsigned real_mode_count(bool waited)
{
    return *(volatile uint16_t *)(uintptr_t)(multiboot_start_page(2) + (waited ? 0x802 : 0x800));
}

static void set_real_mode_handler(void)
{
    uint32_t page = multiboot_start_page(2);
    volatile uint16_t *vector = (volatile uint16_t *)(4ul * VECTOR_NMI);
    memset((void *)(uintptr_t)page, 0, 4096);
    memcpy((void *)(uintptr_t)page, real_mode_nmi, (size_t)(real_mode_nmi_end - real_mode_nmi));
    __asm__("" : "+r"(vector));
    vector[0] = 0;
    vector[1] = (uint16_t)(page >> 4);
}

static void to_waiting(void)
{
    struct cpu *cpu = &cpus[1];
    unsigned before = cpu_starts(cpu);
    set_real_mode_handler();
    uint8_t vector = cpus_prepare_start_page(0, false);
    cpu_send_init(cpu);
    for (unsigned i = 0; i < 3; i++) {
        apic_send((uint8_t)cpu->apic_id, NMI_TO(0));
        delay_microseconds(10000);
    }
    tap_count(cpu_starts(cpu) - before, 0,
              "3 NMIs to a CPU that waits for SIPI do not start it: starts");
    __atomic_store_n(&handled[1], 0, __ATOMIC_SEQ_CST);
    cpu_send_startup(cpu, vector);
    (void)WAIT_UNTIL(cpu_starts(cpu) != before);
    tap_count(cpu_starts(cpu) - before, 1, "one SIPI does: starts");
    tap_check(real_mode_count(true) != 0 || WAIT_UNTIL(real_mode_count(false) + handled_by(1) == 1),
              "one of them is held until then, if none came before");
    forget_counts();
    tap_check(cpu_restart(cpu, 1) && send_and_wait(1) && handled[1] == 1,
              "after INIT and SIPI it handles one NMI");
}

static void while_all_but_one_run(void)
{
    struct cpu *cpu = &cpus[1];
    set_real_mode_handler();
    uint8_t vector = cpus_prepare_start_page(0, false);
    unsigned before = cpu_starts(cpu);
    forget_counts();
    cpu_send_init(cpu);
    apic_send(0, NMI_TO(ICR_OTHERS));
    (void)WAIT_UNTIL(total_of_others() - handled_by(1) >= cpus_count - 2);
    cpu_send_startup(cpu, vector);
    bool started = WAIT_UNTIL(cpu_starts(cpu) == before + 1);
    tap_check(started && total_of_others() - handled_by(1) == cpus_count - 2 && handled_by(1) <= 1,
              "NMI, all excluding self, while CPU 1 waits for SIPI: the other %u CPUs handle it",
              cpus_count - 2);
    tap_check(cpu_restart(cpu, 1), "CPU 1 restarts");
}

void guest_main(void)
{
    tap_plan(SELF_LINES + NESTED_LINES + OTHERS_LINES);
    interrupts_set_handler(VECTOR_NMI, nmi_handler);
    to_self();
    nested();
    if (cpus_count < 2) {
        tap_skip(OTHERS_LINES, "needs 2 CPUs", "NMIs between CPUs");
        return;
    }
    tap_check(cpus_start_all(), "%u CPUs take part", cpus_count);
    one_each();
    to_busy(write_eoi, "writes EOI with IF set");
    to_busy(write_icr, "writes ICR");
    to_busy(execute_cpuid, "executes CPUID");
    to_busy(halt_with_interrupts_off, "halts with IF clear");
    from_other();
    init_in_handler();
    to_waiting();
    while_all_but_one_run();
    tap_count(with_trap_flag, 0, "frames with TF set");
}
