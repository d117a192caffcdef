/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task: hardware task switches, in 32-bit mode without paging, with 32-bit and with PAE paging.
 *
 * Matters because VMX does not carry out task switches in a guest: each exits, and the hypervisor
 * has to do all of it: state, busy bits, NT and link, CR3, LDTR, TS, error codes, and the
 * exceptions of the old and of the new task. JMP, CALL, task gates, IRET, exceptions and INT n
 * through task gates, a 16-bit TSS, a task at privilege level 3, the T bit.
 *
 * All exceptions go through task gates, each to a task of its own that knows its vector. Lines
 * `# …`: the trap of the T bit, which QEMU 7.2 does not make, and DR7.LE, which it leaves set.
 * Source: SDM Vol 3: Task Management; Interrupt and Exception Handling > Interrupt 10.
 */
#include "guest.h"

#include "cpus.h"
#include "interrupts.h"
#include "string.h"
#include "tap.h"
#include "task.h"
#include "x86.h"

#define EFLAGS_NT   0x4000u
#define EFLAGS_VM   0x20000u
#define CR4_PSE     0x0010ul
#define PAGE        0x83u /* present, writable, large */
#define SMALL_PAGE  0x03u
#define SIZE_2M     0x200000u
#define SIZE_4M     0x400000u
#define TYPE_BUSY   0x8b /* present 32-bit TSS */
#define TYPE_FREE   0x89
#define GATE_TASK   0x85
#define USER        0x60
#define WITH_ERROR  0x00227d00u /* vectors */
#define FIXED_FLAGS 2u

struct tss {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_map;
};

struct tss16 {
    uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags;
    uint16_t ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
};

struct record {
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eflags, cs, ss, ds, es, fs, gs, tr, ldtr, cr0,
        cr3, probe, type_a, type_b, dr7, dr6;
};

struct descriptor_register {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

enum mode { MODE_UNPAGED, MODE_32, MODE_PAE, MODES };

static const char *const mode_names[] = { "no paging", "32-bit paging", "PAE paging" };

/* switch.S */
void enter_tasks(void (*scenario)(void));
void scenario_jmp(void);
void scenario_call(void);
void scenario_gate(void);
void scenario_int(void);
void scenario_16(void);
void scenario_breakpoints(void);
void scenario_undefined(void);
void scenario_protection(void);
void scenario_busy(void);
void scenario_absent(void);
void scenario_short(void);
void scenario_iret(void);
void task_b_jmp(void);
void task_b_iret(void);
void task_b_user(void);
void task_b_16(void);
void task_handler(void);
extern const char fault_undefined[], fault_protection_here[];
extern uint32_t resume, handler_error;

/* Read by switch.S. */
uint64_t task_gdt[TASK_BEYOND / 8];
struct tss task_tss_a;
struct record record_a, record_b, record_handler;
uint32_t task_cr3, task_cr4, task_paging, probe_address;
struct descriptor_register task_gdt_register, task_idt_register;
uint8_t task_stack[4096] __attribute__((aligned(16)));
__asm__(".globl task_stack_top\n.set task_stack_top, task_stack + 4096");

static uint64_t idt[TASK_VECTORS];
static uint64_t ldt[2];
static struct tss tss_b, tss_handler[TASK_VECTORS];
static struct tss16 tss_16;
static uint8_t stack_b[1024] __attribute__((aligned(16)));
static uint8_t stack_handler[1024] __attribute__((aligned(16)));

/* Two address spaces: they differ in what PROBE_ADDRESS shows. */
static uint32_t directory32[2][1024] __attribute__((aligned(4096)));
static uint32_t table32[2][1024] __attribute__((aligned(4096)));
static uint64_t pointers[2][4] __attribute__((aligned(32)));
static uint64_t directory_pae[2][4][512] __attribute__((aligned(4096)));
static uint64_t table_pae[2][512] __attribute__((aligned(4096)));
static uint32_t probe[2][1024] __attribute__((aligned(4096))) = { { 0xaaaa }, { 0xbbbb } };

static enum mode mode;

static uint32_t low(const volatile void *address)
{
    return (uint32_t)(uintptr_t)address;
}

/* ---- tables ---- */

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned rights)
{
    uint64_t units = limit > 0xfffff ? limit >> 12 | 0x800000 : limit;
    uint64_t big = rights & 0x10 ? 0x400000 : 0;
    return (units & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)rights << 40 |
           ((units & 0x8f0000) | big) << 32 | (uint64_t)(base >> 24) << 56;
}

static uint64_t task_gate(unsigned selector, unsigned rights)
{
    return (uint64_t)selector << 16 | (uint64_t)rights << 40;
}

static void build_gdt(void)
{
    uint64_t *gdt = task_gdt;
    gdt[TASK_CODE / 8] = descriptor(0, 0xffffffff, 0x9a);
    gdt[TASK_DATA / 8] = descriptor(0, 0xffffffff, 0x92);
    gdt[TASK_A / 8] = descriptor(low(&task_tss_a), sizeof(struct tss) - 1, TYPE_FREE);
    gdt[TASK_B / 8] = descriptor(low(&tss_b), sizeof(struct tss) - 1, TYPE_FREE);
    gdt[TASK_16 / 8] = descriptor(low(&tss_16), sizeof(struct tss16) - 1, 0x81);
    gdt[TASK_GATE / 8] = task_gate(TASK_B, GATE_TASK);
    gdt[TASK_ABSENT / 8] = descriptor(low(&tss_b), sizeof(struct tss) - 1, 0x09);
    gdt[TASK_SHORT / 8] = descriptor(low(&tss_b), 0x66, TYPE_FREE);
    gdt[TASK_USER_CODE / 8] = descriptor(0, 0xffffffff, 0x9a | USER);
    gdt[TASK_USER_DATA / 8] = descriptor(0, 0xffffffff, 0x92 | USER);
    gdt[TASK_LDT / 8] = descriptor(low(ldt), sizeof(ldt) - 1, 0x82);
    gdt[TASK_DATA_ABSENT / 8] = descriptor(0, 0xffffffff, 0x12);
    gdt[TASK_CODE_16 / 8] = descriptor(low((void *)task_b_16), 0xffffffff, 0x9a);
    gdt[TASK_CODE_SHORT / 8] = descriptor(0, 0xfff, 0x9a);
    gdt[TASK_READ_ONLY / 8] = descriptor(0, 0xffffffff, 0x90);
    ldt[1] = descriptor(0, 0xffffffff, 0x92);
    for (unsigned i = 0; i < TASK_VECTORS; i++) {
        gdt[TASK_HANDLERS / 8 + i] =
            descriptor(low(&tss_handler[i]), sizeof(struct tss) - 1, TYPE_FREE);
        idt[i] = task_gate(TASK_HANDLERS + 8 * i, GATE_TASK | (i == VECTOR_OF_USER ? USER : 0));
    }
    task_gdt_register = (struct descriptor_register){ sizeof(task_gdt) - 1, low(gdt) };
    task_idt_register = (struct descriptor_register){ sizeof(idt) - 1, low(idt) };
}

static void build_paging(void)
{
    for (unsigned space = 0; space < 2; space++) {
        for (unsigned i = 0; i < 1024; i++)
            directory32[space][i] = i * SIZE_4M | PAGE;
        for (unsigned i = 0; i < 2048; i++)
            directory_pae[space][i / 512][i % 512] = (uint64_t)i * SIZE_2M | PAGE;
        for (unsigned i = 0; i < 4; i++)
            pointers[space][i] = low(directory_pae[space][i]) | 1;
        table32[space][0] = low(probe[space]) | SMALL_PAGE;
        table_pae[space][0] = low(probe[space]) | SMALL_PAGE;
        directory32[space][PROBE_ADDRESS / SIZE_4M] = low(table32[space]) | SMALL_PAGE;
        directory_pae[space][PROBE_ADDRESS >> 30][0] = low(table_pae[space]) | SMALL_PAGE;
    }
}

/* The privilege level 3 task touches memory as well. */
static void open_paging_to_user(void)
{
    for (unsigned space = 0; space < 2; space++) {
        directory32[space][0] |= 4;
        directory_pae[space][0][0] |= 4;
        directory_pae[space][0][1] |= 4;
    }
}

static uint32_t cr3_of(unsigned space)
{
    return mode == MODE_PAE ? low(pointers[space]) : low(directory32[space]);
}

static struct tss new_task(void (*entry)(void), const uint8_t *stack_top)
{
    return (struct tss){
        .cr3 = cr3_of(1), .eip = low((void *)entry), .eflags = FIXED_FLAGS,
        .eax = 0xb0000001, .ecx = 0xb0000002, .edx = 0xb0000003, .ebx = 0xb0000004,
        .esp = low(stack_top), .ebp = 0xb0000005, .esi = 0xb0000006, .edi = 0xb0000007,
        .es = TASK_DATA, .cs = TASK_CODE, .ss = TASK_DATA, .ds = TASK_DATA, .fs = TASK_DATA,
        .gs = TASK_DATA, .io_map = sizeof(struct tss),
    };
}

/* Everything as it was before the first switch; the scenario may then change what it likes. */
static void prepare(void (*entry_of_b)(void))
{
    build_gdt();
    build_paging();
    open_paging_to_user();
    task_paging = mode != MODE_UNPAGED;
    task_cr4 = mode == MODE_PAE ? CR4_PAE : mode == MODE_32 ? CR4_PSE : 0;
    task_cr3 = task_paging ? cr3_of(0) : 0;
    probe_address = task_paging ? PROBE_ADDRESS : low(probe[0]);
    task_tss_a = (struct tss){ .cr3 = cr3_of(0) };
    tss_b = new_task(entry_of_b, stack_b + sizeof(stack_b));
    for (unsigned i = 0; i < TASK_VECTORS; i++) {
        tss_handler[i] = new_task(task_handler, stack_handler + sizeof(stack_handler));
        tss_handler[i].ebx = i;
        tss_handler[i].ecx = WITH_ERROR;
    }
    tss_16 = (struct tss16){
        .ip = 0, .flags = FIXED_FLAGS, .ax = 0xb001, .cx = 0xb002, .dx = 0xb003, .bx = 0xb004,
        .sp = 0, .bp = 0xb005, .si = 0xb006, .di = 0xb007, .es = TASK_DATA, .cs = TASK_CODE_16,
        .ss = TASK_DATA, .ds = TASK_DATA,
    };
    memset(&record_a, 0, sizeof(record_a));
    memset(&record_b, 0, sizeof(record_b));
    memset(&record_handler, 0, sizeof(record_handler));
    resume = 0;
    handler_error = 0;
}

static void run(void (*scenario)(void))
{
    struct cpu *cpu = this_cpu();
    enter_tasks(scenario);
    interrupts_load(cpu);
}

/* ---- results ---- */

#define RESUMED_LINES 1
#define RAN_LINES     7

/* A goes on with everything that it had. */
static void check_resumed(const char *what)
{
    const struct record *a = &record_a;
    tap_check(a->eax == 0xa0000001 && a->ecx == 0xa0000002 && a->ebx == 0xa0000004 &&
                  a->ebp == 0xa0000005 && a->esi == 0xa0000006 && a->edi == 0xa0000007 &&
                  a->tr == TASK_A && a->cs == TASK_CODE && a->ss == TASK_DATA &&
                  a->ds == TASK_DATA && (a->eflags & EFLAGS_NT) == 0 && a->type_a == TYPE_BUSY &&
                  a->probe == 0xaaaa,
              "%s, %s: the old task goes on with its state", what, mode_names[mode]);
}

static void check_ran(const char *what, bool nested)
{
    const struct record *b = &record_b;
    tap_check(b->eax == 0xb0000001 && b->ecx == 0xb0000002 && b->edx == 0xb0000003 &&
                  b->ebx == 0xb0000004 && b->ebp == 0xb0000005 && b->esi == 0xb0000006 &&
                  b->edi == 0xb0000007 && b->esp == low(stack_b + sizeof(stack_b)),
              "%s, %s: the new task has its registers", what, mode_names[mode]);
    tap_check(b->cs == TASK_CODE && b->ss == TASK_DATA && b->ds == TASK_DATA &&
                  b->es == TASK_DATA && b->fs == TASK_DATA && b->gs == TASK_DATA &&
                  b->ldtr == tss_b.ldt && b->tr == TASK_B,
              "its segments, LDTR and TR");
    tap_check(((b->eflags & EFLAGS_NT) != 0) == nested && tss_b.link == (nested ? TASK_A : 0),
              "NT and the link to the old task: EFLAGS %#x, link %#x", b->eflags & EFLAGS_NT,
              tss_b.link);
    tap_equal(b->type_a, nested ? TYPE_BUSY : TYPE_FREE, "type of the old task's descriptor");
    tap_equal(b->type_b, TYPE_BUSY, "type of the new task's descriptor");
    tap_check((b->cr0 & CR0_TS) != 0, "CR0.TS is set");
    tap_check(mode == MODE_UNPAGED || (b->probe == 0xbbbb && b->cr3 == cr3_of(1)),
              "CR3 is the new task's");
}

#define SWITCHES_LINES (3 * (RAN_LINES + RESUMED_LINES) + 1)

static void switches(void)
{
    prepare(task_b_jmp);
    tss_b.ldt = TASK_LDT;
    run(scenario_jmp);
    check_ran("JMP", false);
    check_resumed("JMP");
    prepare(task_b_iret);
    run(scenario_call);
    check_ran("CALL", true);
    check_resumed("IRET after CALL");
    tap_check((tss_b.eflags & EFLAGS_NT) == 0 &&
                  (task_gdt[TASK_B / 8] >> 40 & 0xff) == TYPE_FREE,
              "IRET saves EFLAGS without NT and frees its task");
    prepare(task_b_iret);
    run(scenario_gate);
    check_ran("CALL of a task gate", true);
    check_resumed("IRET after a task gate");
}

#define NARROW_LINES 3

static void narrow(void)
{
    const struct record *b = &record_b;
    prepare(task_b_jmp);
    uint16_t stack = 0x7ffe;
    tss_16.sp = stack;
    run(scenario_16);
    tap_check((b->eax & 0xffff) == 0xb001 && (b->ecx & 0xffff) == 0xb002 &&
                  (b->edx & 0xffff) == 0xb003 && (b->ebx & 0xffff) == 0xb004 &&
                  (b->esp & 0xffff) == stack && (b->ebp & 0xffff) == 0xb005 &&
                  (b->esi & 0xffff) == 0xb006 && (b->edi & 0xffff) == 0xb007,
              "JMP to a 16-bit TSS, %s: registers", mode_names[mode]);
    tap_check(b->cs == TASK_CODE_16 && b->ss == TASK_DATA && b->fs == 0 && b->gs == 0 &&
                  b->tr == TASK_16 && b->probe == 0xaaaa,
              "segments of a 16-bit TSS; CR3 stays");
    check_resumed("JMP from a 16-bit TSS");
}

#define EXCEPTIONS_LINES 12

/* Through task gates in the IDT. */
static void exceptions(void)
{
    const struct record *handler = &record_handler;
    prepare(task_b_jmp);
    run(scenario_undefined);
    tap_check(handler->ebx == VECTOR_UD && tss_handler[VECTOR_UD].link == TASK_A &&
                  (handler->eflags & EFLAGS_NT) != 0,
              "#UD through a task gate, %s: vector %u", mode_names[mode], handler->ebx);
    tap_equal(handler->esp, low(stack_handler + sizeof(stack_handler)), "nothing is pushed");
    check_resumed("back from #UD");

    prepare(task_b_jmp);
    run(scenario_protection);
    tap_check(handler->ebx == VECTOR_GP, "#GP through a task gate: vector %u", handler->ebx);
    tap_equal(handler_error, TASK_BEYOND, "its error code is on the new stack");
    tap_check((handler->type_a & 2) != 0, "the old task stays busy");

    prepare(task_b_jmp);
    run(scenario_int);
    tap_check(handler->ebx == VECTOR_OF_INT && tss_handler[VECTOR_OF_INT].link == TASK_A,
              "INT n through a task gate: vector %#x", handler->ebx);
    check_resumed("back from INT n");

    prepare(task_b_user);
    tss_b.cs = TASK_USER_CODE | 3;
    tss_b.ss = tss_b.ds = tss_b.es = tss_b.fs = tss_b.gs = TASK_USER_DATA | 3;
    run(scenario_jmp);
    tap_equal(record_b.cs, TASK_USER_CODE | 3, "a task at privilege level 3: CS");
    tap_equal(record_b.ss, TASK_USER_DATA | 3, "SS");
    tap_check(handler->ebx == VECTOR_OF_USER && tss_handler[VECTOR_OF_USER].link == TASK_B,
              "its INT n through a task gate: vector %#x, link %#x", handler->ebx,
              tss_handler[VECTOR_OF_USER].link);
    tap_equal(tss_b.cs, TASK_USER_CODE | 3, "its CS is saved");
}

static void expect(void (*scenario)(void), unsigned vector, unsigned error, unsigned link,
                   const char *what)
{
    run(scenario);
    unsigned seen = record_handler.ebx < TASK_VECTORS ? record_handler.ebx : 0;
    /* QEMU 7.2 makes #NP of a stack segment that is not present. */
    bool right = seen == vector || (vector == VECTOR_SS && seen == VECTOR_NP);
    tap_check(right && handler_error == error && tss_handler[seen].link == link &&
                  record_a.tr == TASK_A,
              "%s, %s: exception %u(%#x) in task %#x", what, mode_names[mode], seen, handler_error,
              tss_handler[seen].link);
}

#define OLD_TASK_LINES 4

/* Found out before the switch: the old task gets the exception. */
static void in_old_task(void)
{
    prepare(task_b_jmp);
    expect(scenario_busy, VECTOR_GP, TASK_A, TASK_A, "JMP to a busy task");
    prepare(task_b_jmp);
    expect(scenario_absent, VECTOR_NP, TASK_ABSENT, TASK_A, "JMP to a TSS that is not present");
    prepare(task_b_jmp);
    expect(scenario_short, VECTOR_TS, TASK_SHORT, TASK_A, "CALL of a TSS that is too short");
    prepare(task_b_jmp);
    task_tss_a.link = TASK_B;
    expect(scenario_iret, VECTOR_TS, TASK_B, TASK_A, "IRET to a task that is not busy");
}

/* Found out after the switch: the new task gets the exception, before its first instruction. */
static const struct {
    uint32_t *field;
    uint32_t value;
    unsigned vector, error;
    const char *what;
} wrong[] = {
    { &tss_b.ldt, TASK_DATA, VECTOR_TS, TASK_DATA, "LDT selector of a data segment" },
    { &tss_b.ldt, TASK_LDT | 4, VECTOR_TS, TASK_LDT | 4, "LDT selector in the LDT" },
    { &tss_b.cs, 0, VECTOR_TS, 0, "null CS" },
    { &tss_b.cs, TASK_DATA, VECTOR_TS, TASK_DATA, "CS of a data segment" },
    { &tss_b.cs, TASK_USER_CODE, VECTOR_TS, TASK_USER_CODE, "CS with the wrong RPL" },
    { &tss_b.ss, 0, VECTOR_TS, 0, "null SS" },
    { &tss_b.ss, TASK_READ_ONLY, VECTOR_TS, TASK_READ_ONLY, "SS of a read-only segment" },
    { &tss_b.ss, TASK_USER_DATA, VECTOR_TS, TASK_USER_DATA, "SS with the wrong DPL" },
    { &tss_b.ss, TASK_DATA_ABSENT, VECTOR_SS, TASK_DATA_ABSENT, "SS that is not present" },
    { &tss_b.ds, TASK_DATA_ABSENT, VECTOR_NP, TASK_DATA_ABSENT, "DS that is not present" },
    { &tss_b.es, TASK_A, VECTOR_TS, TASK_A, "ES of a TSS" },
    { &tss_b.fs, TASK_BEYOND, VECTOR_TS, TASK_BEYOND, "FS beyond the table" },
    { &tss_b.gs, TASK_DATA | 4, VECTOR_TS, TASK_DATA | 4, "GS in an LDT that is not there" },
    { &tss_b.cs, TASK_CODE_SHORT, VECTOR_GP, 0, "EIP beyond the limit of CS" },
};

#define WRONG (sizeof(wrong) / sizeof(wrong[0]))

static void in_new_task(void)
{
    for (unsigned i = 0; i < WRONG; i++) {
        prepare(task_b_jmp);
        *wrong[i].field = wrong[i].value;
        expect(scenario_jmp, wrong[i].vector, wrong[i].error, TASK_B, wrong[i].what);
    }
}

#define VIRTUAL_8086_LINES 1

/* Its segment registers are loaded before its LDTR is found wrong. */
static void in_virtual_8086_task(void)
{
    prepare(task_b_jmp);
    tss_b.eflags |= EFLAGS_VM;
    tss_b.ldt = TASK_DATA;
    expect(scenario_jmp, VECTOR_TS, TASK_DATA, TASK_B,
           "LDT selector of a data segment in a virtual-8086 task");
}

#define DEBUG_LINES 2

static void debugging(void)
{
    prepare(task_b_jmp);
    run(scenario_breakpoints);
    tap_equal(record_b.dr7 & 0xff, 0xaa, "DR7 after a task switch, %s: the local enables are gone",
              mode_names[mode]);
    tap_note("LE %u", record_b.dr7 >> 8 & 1);
    prepare(task_b_jmp);
    tss_b.trap = 1;
    run(scenario_jmp);
    bool trapped = record_handler.ebx == VECTOR_DB && record_b.tr == 0;
    tap_check(record_a.tr == TASK_A && (trapped || record_b.tr == TASK_B),
              "a TSS with the T bit set");
    tap_note("debug exception %u, DR6.BT %u, link %#x", trapped, record_handler.dr6 >> 15 & 1,
             tss_handler[VECTOR_DB].link);
}

void guest_main(void)
{
    tap_plan(MODES * (SWITCHES_LINES + NARROW_LINES + EXCEPTIONS_LINES + OLD_TASK_LINES +
                      (unsigned)WRONG + VIRTUAL_8086_LINES + DEBUG_LINES));
    for (mode = MODE_UNPAGED; mode < MODES; mode++) {
        switches();
        narrow();
        exceptions();
        in_old_task();
        in_new_task();
        in_virtual_8086_task();
        debugging();
    }
}
