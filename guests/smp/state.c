/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state in which a CPU begins after INIT and SIPI, and INIT to CPUs in all kinds of activity.
 * Source: SDM Vol 3: Processor Management and Initialization > Processor State After Reset (column
 * INIT); APIC > Local APIC State After It Receives an INIT Reset; APM Vol 2: Processor
 * Initialization State.
 */
#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "multiboot.h"
#include "smp.h"
#include "tap.h"
#include "x86.h"

#define VECTOR_IN_SERVICE  0x61
#define VECTOR_REQUESTED   0x51
#define VECTOR_ACKNOWLEDGE 0x52

/* The expected values depend on the CPU only in three places. */
enum expectation { EXACT, CPU_SIGNATURE, START_SELECTOR, CR0_BITS };

static const struct {
    unsigned index;
    enum expectation kind;
    uint32_t expected;
    const char *name;
} registers[] = {
    { STATE_EAX, EXACT, 0, "EAX" },
    { STATE_EBX, EXACT, 0, "EBX" },
    { STATE_ECX, EXACT, 0, "ECX" },
    { STATE_EDX, CPU_SIGNATURE, 0, "EDX, which is the CPU's signature" },
    { STATE_ESI, EXACT, 0, "ESI" },
    { STATE_EDI, EXACT, 0, "EDI" },
    { STATE_EBP, EXACT, 0, "EBP" },
    { STATE_ESP, EXACT, 0, "ESP" },
    { STATE_EFLAGS, EXACT, RFLAGS_FIXED, "EFLAGS" },
    { STATE_IP, EXACT, 0, "IP" },
    { STATE_CS, START_SELECTOR, 0, "CS, which is the SIPI vector times 256" },
    { STATE_DS, EXACT, 0, "DS" },
    { STATE_ES, EXACT, 0, "ES" },
    { STATE_SS, EXACT, 0, "SS" },
    { STATE_FS, EXACT, 0, "FS" },
    { STATE_GS, EXACT, 0, "GS" },
    { STATE_DS_MAGIC, EXACT, START_PAGE_MAGIC_VALUE, "memory through DS with base 0" },
    { STATE_ES_MAGIC, EXACT, START_PAGE_MAGIC_VALUE, "memory through ES with base 0" },
    { STATE_SS_MAGIC, EXACT, START_PAGE_MAGIC_VALUE, "memory through SS with base 0" },
    { STATE_FS_MAGIC, EXACT, START_PAGE_MAGIC_VALUE, "memory through FS with base 0" },
    { STATE_GS_MAGIC, EXACT, START_PAGE_MAGIC_VALUE, "memory through GS with base 0" },
    { STATE_CR0, CR0_BITS, CR0_ET, "CR0 without CD and NW" },
    { STATE_CR2, EXACT, 0, "CR2" },
    { STATE_CR3, EXACT, 0, "CR3" },
    { STATE_CR4, EXACT, 0, "CR4" },
    { STATE_DR0, EXACT, 0, "DR0" },
    { STATE_DR1, EXACT, 0, "DR1" },
    { STATE_DR2, EXACT, 0, "DR2" },
    { STATE_DR6, EXACT, DR6_INIT, "DR6" },
    { STATE_DR7, EXACT, DR7_INIT, "DR7" },
    { STATE_GDTR, EXACT, 0xffff, "GDTR limit and lower half of its base" },
    { STATE_IDTR, EXACT, 0xffff, "IDTR limit and lower half of its base" },
    { STATE_EFER, EXACT, 0, "EFER" },
    { STATE_LDTR, EXACT, 0, "LDTR" },
    { STATE_TR, EXACT, 0, "TR" },
};

static const struct {
    unsigned index;
    uint32_t expected;
    const char *name;
} apic_registers[] = {
    { APIC_STATE_SVR, SPURIOUS_VECTOR, "spurious-interrupt vector register" },
    { APIC_STATE_TPR, 0, "task priority" },
    { APIC_STATE_LDR, 0, "logical destination" },
    { APIC_STATE_DFR, DFR_FLAT, "destination format" },
    { APIC_STATE_ESR, 0, "error status" },
    { APIC_STATE_ICR_LOW, 0, "ICR, low half" },
    { APIC_STATE_ICR_HIGH, 0, "ICR, high half" },
    { APIC_STATE_LVT_TIMER, LVT_MASKED, "LVT timer" },
    { APIC_STATE_LVT_LINT0, LVT_MASKED, "LVT LINT0" },
    { APIC_STATE_LVT_LINT1, LVT_MASKED, "LVT LINT1" },
    { APIC_STATE_LVT_ERROR, LVT_MASKED, "LVT error" },
    { APIC_STATE_TIMER_INITIAL, 0, "timer's initial count" },
    { APIC_STATE_TIMER_DIVIDE, 0, "timer's divide configuration" },
    { APIC_STATE_IN_SERVICE, 0, "some interrupt in service" },
    { APIC_STATE_REQUESTED, 0, "some interrupt requested" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
_Static_assert(COUNT(registers) + COUNT(apic_registers) + 1 == STATE_LINES, "STATE_LINES");

static void check_one(const char *when, const char *name, uint32_t expected, const uint32_t *values)
{
    unsigned matching = 0;
    for (unsigned i = 1; i < cpus_count; i++) {
        matching += values[i] == expected;
        if (values[i] != expected)
            tap_note("CPU %u: %#x", i, values[i]);
    }
    tap_check(matching == cpus_count - 1, "%s: %s is %#x on %u CPUs (expected %u)", when, name,
              expected, matching, cpus_count - 1);
}

void check_state(const char *when)
{
    static uint32_t values[MAX_CPUS];
    uint32_t signature = cpuid(1, 0).eax;
    for (unsigned line = 0; line < COUNT(registers); line++) {
        uint32_t expected = registers[line].expected;
        enum expectation kind = registers[line].kind;
        if (kind == CPU_SIGNATURE)
            expected = signature;
        if (kind == START_SELECTOR)
            expected = cpus[1].start_page >> 4;
        for (unsigned i = 1; i < cpus_count; i++) {
            values[i] = cpus[i].state[registers[line].index];
            if (kind == CR0_BITS) {
                tap_differs("CPU %u: CR0.CD and NW are %#x", i,
                            values[i] & (uint32_t)(CR0_CD | CR0_NW));
                values[i] &= ~(uint32_t)(CR0_CD | CR0_NW);
            }
        }
        check_one(when, registers[line].name, expected, values);
    }
    for (unsigned i = 1; i < cpus_count; i++)
        values[i] = cpus[i].state[STATE_APIC_BASE];
    check_one(when, "IA32_APIC_BASE", APIC_BASE_ADDRESS | APIC_BASE_ENABLE, values);
    for (unsigned line = 0; line < COUNT(apic_registers); line++) {
        for (unsigned i = 1; i < cpus_count; i++)
            values[i] = cpus[i].apic_state[apic_registers[line].index];
        check_one(when, apic_registers[line].name, apic_registers[line].expected, values);
    }
}

/* ---- INIT to CPUs in all kinds of activity ---- */

static uint64_t acknowledged;

static void acknowledge_handler(struct frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&acknowledged, 1, __ATOMIC_SEQ_CST);
    apic_eoi();
}

/* Leaves its interrupt in service. */
static void in_service_handler(struct frame *frame)
{
    frame->rflags &= ~RFLAGS_IF;
}

static void count_for_ever(struct cpu *cpu)
{
    for (;;) {
        __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
        pause();
    }
}

static void count_with_interrupts(void *argument)
{
    interrupts_on();
    count_for_ever(argument);
}

static void count_without_interrupts(void *argument)
{
    count_for_ever(argument);
}

static void halt_without_interrupts(void *argument)
{
    struct cpu *cpu = argument;
    __atomic_add_fetch(&cpu->counter, 1, __ATOMIC_SEQ_CST);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

static bool status_clears;

/* On the boot CPU. QEMU's error status never becomes clear, so that an INIT that is emulated leaves it. */
static void find_out_about_status(void)
{
    apic_read(0x040);
    apic_write(APIC_ESR, 0);
    apic_write(APIC_ESR, 0);
    status_clears = apic_read(APIC_ESR) == 0;
}

/*
 * Changes every register that INIT has to reset, leaves interrupts pending and in service, then
 * counts for ever.
 */
static void disturb_everything(void *argument)
{
    write_dr0(0x1111);
    write_dr1(0x2222);
    write_dr2(0x3333);
    write_dr3(0x4444);
    write_dr6(0xffff0ffful);
    write_dr7(DR7_INIT | 0x300);
    write_cr2(0x5555);
    write_cr4(read_cr4() | CR4_PGE | CR4_DE);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    if (status_clears)
        apic_read(0x040);
    apic_write(APIC_ESR, 0);
    apic_write(APIC_LDR, 0x12000000);
    apic_write(APIC_DFR, DFR_CLUSTER);
    apic_write(APIC_SVR, SVR_ENABLE | 0xef);
    apic_write(APIC_LVT_ERROR, 0x77);
    apic_write(APIC_LVT_LINT0, 0x78);
    apic_write(APIC_LVT_LINT1, 0x79);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, LVT_MASKED | TIMER_PERIODIC | 0x7a);
    apic_write(APIC_TIMER_INITIAL, 0x40000000);
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_IN_SERVICE);
    /* Its handler returns with IF clear, however the two are ordered. */
    __asm__ volatile("sti\n\tnop\n\tnop" : : : "memory");
    interrupts_off();
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_REQUESTED);
    apic_write(APIC_TPR, 0x70);
    __asm__ volatile("movl %0, %%ds\n\tmovl %0, %%es\n\tmovl %0, %%fs"
                     :
                     : "r"(SELECTOR_DATA)
                     : "memory");
    __asm__ volatile(
        "mov $0xa5a5a5a5, %%ebx\n\tmov %%ebx, %%ecx\n\tmov %%ebx, %%edx\n\tmov %%ebx, %%esi\n\t"
        "mov %%ebx, %%ebp\n\t"
        "1:\tlock incq (%%rdi)\n\tstc\n\tpause\n\tjmp 1b"
        :
        : "D"(&((struct cpu *)argument)->counter)
        : "rbx", "rcx", "rdx", "rsi", "memory");
}

static uint64_t counter_of(const struct cpu *cpu)
{
    return __atomic_load_n(&cpu->counter, __ATOMIC_SEQ_CST);
}

static uint64_t real_mode_count(const struct cpu *cpu)
{
    (void)cpu;
    return cpus_start_page_count(1);
}

/*
 * A counting CPU has stopped when its counter stays what it is for a while; a running one never
 * lets that happen.
 */
static bool count_rests(uint64_t (*read)(const struct cpu *), const struct cpu *cpu)
{
    struct deadline deadline = deadline_start();
    while (!deadline_passed(&deadline)) {
        uint64_t before = read(cpu);
        delay_microseconds(20000);
        if (read(cpu) == before)
            return true;
    }
    return false;
}

bool comes_to_rest(const struct cpu *cpu)
{
    return count_rests(counter_of, cpu);
}

void make_count(struct cpu *cpu)
{
    uint64_t before = counter_of(cpu);
    cpu_post(cpu, count_without_interrupts, cpu);
    (void)WAIT_UNTIL(counter_of(cpu) > before);
}

/*
 * CPU 1 does something that never ends; INIT stops it and SIPI starts it at the other start page.
 */
static void stop_busy(void (*work)(void *), const char *what)
{
    struct cpu *cpu = &cpus[1];
    uint64_t before = counter_of(cpu);
    unsigned page = cpu->start_page == multiboot_start_page(0) ? 1 : 0;
    uint8_t vector = cpus_prepare_start_page(page, false);

    cpu_post(cpu, work, cpu);
    bool ran = WAIT_UNTIL(counter_of(cpu) > before);
    note_starts();
    cpu_send_init(cpu);
    tap_check(ran && comes_to_rest(cpu), "INIT stops a CPU that %s", what);
    cpu_send_startup(cpu, vector);
    tap_check(started_cpus(1, 1, 1, 1) == 1 && cpu->start_page == (uint32_t)vector << 12,
              "SIPI starts it at the new vector");
}

/*
 * A SIPI to a CPU that counts with interrupts on is ignored: it acknowledges an interrupt and
 * counts on.
 */
static void startup_to_busy(void)
{
    struct cpu *cpu = &cpus[1];
    uint8_t vector = cpus_prepare_start_page(1, false);
    note_starts();
    cpu_post(cpu, count_with_interrupts, cpu);
    for (unsigned round = 1; round <= 10; round++) {
        cpu_send_startup(cpu, vector);
        apic_send((uint8_t)cpu->apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_ACKNOWLEDGE);
        (void)WAIT_UNTIL(__atomic_load_n(&acknowledged, __ATOMIC_SEQ_CST) == round);
    }
    uint64_t before = counter_of(cpu);
    bool counts_on = WAIT_UNTIL(counter_of(cpu) > before);
    tap_check(acknowledged == 10 && counts_on && cpu_restart(cpu, 0),
              "10 SIPIs to a counting CPU are ignored, it acknowledges 10 interrupts: %lu",
              acknowledged);
}

static void real_mode(void)
{
    struct cpu *cpu = &cpus[1];
    note_starts();
    uint8_t vector = cpus_prepare_start_page(1, true);
    cpu_send_init(cpu);
    cpu_send_startup(cpu, vector);
    tap_check(WAIT_UNTIL(real_mode_count(cpu) > 0), "a CPU counts in real mode");
    cpu_send_startup(cpu, vector);
    uint64_t before = real_mode_count(cpu);
    tap_check(WAIT_UNTIL(real_mode_count(cpu) > before + 1000), "it ignores a SIPI");
    cpu_send_init(cpu);
    tap_check(count_rests(real_mode_count, cpu), "INIT stops it");
    cpu_send_startup(cpu, cpus_prepare_start_page(0, false));
    tap_count(started_cpus(1, 1, 1, 1), 1, "SIPI starts it: starts");
}

void stop_forms(void)
{
    interrupts_set_handler(VECTOR_ACKNOWLEDGE, acknowledge_handler);
    interrupts_set_handler(VECTOR_IN_SERVICE, in_service_handler);
    startup_to_busy();
    stop_busy(count_with_interrupts, "counts with interrupts on");
    stop_busy(count_without_interrupts, "counts with interrupts off");
    stop_busy(halt_without_interrupts, "halts with interrupts off");
    real_mode();

    find_out_about_status();
    for (unsigned i = 1; i < cpus_count; i++) {
        cpu_post(&cpus[i], disturb_everything, &cpus[i]);
        uint64_t before = counter_of(&cpus[i]);
        (void)WAIT_UNTIL(counter_of(&cpus[i]) > before);
        /* One at a time: with many CPUs on few cores a crowd of counting ones takes long. */
        cpu_send_init(&cpus[i]);
    }
    note_starts();
    uint8_t vector = cpus_prepare_start_page(0, false);
    for (unsigned i = 1; i < cpus_count; i++)
        cpu_send_startup(&cpus[i], vector);
    tap_count(started_cpus(1, 1, MAX_CPUS, 1), cpus_count - 1,
              "INIT of CPUs with every register changed, SIPI: CPUs started once");
    check_state("after INIT");
}
