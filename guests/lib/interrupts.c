/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GDT, TSS and IDT of all CPUs, dispatch of interrupts, and the table of expected faults.
 * Source: SDM Vol 3: Interrupt and Exception Handling; Task Management > Task Management in 64-bit
 * Mode.
 */
#include "interrupts.h"

#include "cpus.h"
#include "tap.h"
#include "trace.h"
#include "x86.h"

#define FIRST_TSS_SELECTOR      0x30
#define DOUBLE_FAULT_STACK      1
#define DOUBLE_FAULT_STACK_SIZE 4096

#define GATE_INTERRUPT_PRESENT 0x8e
#define GATE_INTERRUPT_USER    0xee
#define DESCRIPTOR_TSS_PRESENT 0x89

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
} __attribute__((packed));

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct fixup {
    uint64_t at, resume;
};

/* start.S and trampoline.S load this table too, so its first entries are constant. */
uint64_t gdt[FIRST_TSS_SELECTOR / 8 + 2 * MAX_CPUS] = {
    [SELECTOR_CODE64 / 8] = 0x00af9b000000ffff,
    [SELECTOR_DATA / 8] = 0x00cf93000000ffff,
    [SELECTOR_CODE32 / 8] = 0x00cf9b000000ffff,
    [SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff,
    [SELECTOR_USER_CODE64 / 8] = 0x00affb000000ffff,
};
const uint16_t gdt_limit = sizeof(gdt) - 1;

extern const char vector_entries[];
extern const struct fixup fixup_table_start[], fixup_table_end[];

static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss[MAX_CPUS];
static interrupt_handler *handlers[256];
static uint8_t double_fault_stack[DOUBLE_FAULT_STACK_SIZE] __attribute__((aligned(16)));

void interrupts_set_entry(uint8_t vector, const void *entry)
{
    uint64_t offset = (uint64_t)(entry != NULL ? entry : vector_entries + 16 * vector);
    idt[vector] = (struct gate){
        .offset_low = (uint16_t)offset,
        .offset_middle = (uint16_t)(offset >> 16),
        .offset_high = (uint32_t)(offset >> 32),
        .selector = SELECTOR_CODE64,
        .stack = vector == VECTOR_DF ? DOUBLE_FAULT_STACK : 0,
        .type = vector == VECTOR_BP ? GATE_INTERRUPT_USER : GATE_INTERRUPT_PRESENT,
    };
}

static void load_tss(struct cpu *cpu)
{
    struct tss *own = &tss[cpu->index];
    uint64_t base = (uint64_t)own;
    unsigned selector = FIRST_TSS_SELECTOR + 16 * cpu->index;

    *own = (struct tss){
        .rsp[0] = (uint64_t)cpu->privileged_stack + sizeof(cpu->privileged_stack),
        .ist[DOUBLE_FAULT_STACK - 1] = (uint64_t)double_fault_stack + sizeof(double_fault_stack),
        .io_map = sizeof(struct tss),
    };
    gdt[selector / 8 + 1] = base >> 32;
    gdt[selector / 8] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 |
                        (uint64_t)DESCRIPTOR_TSS_PRESENT << 40 | (base >> 24 & 0xff) << 56;
    __asm__ volatile("ltr %0" : : "r"((uint16_t)selector) : "memory");
}

void interrupts_load(struct cpu *cpu)
{
    struct table_register gdtr = { .limit = gdt_limit, .base = (uint64_t)gdt };
    struct table_register idtr = { .limit = sizeof(idt) - 1, .base = (uint64_t)idt };

    /* The boot CPU comes first, when no other CPU can be using the table. */
    if (idt[0].type == 0)
        for (unsigned vector = 0; vector < 256; vector++)
            interrupts_set_entry((uint8_t)vector, NULL);
    __asm__ volatile("lgdt %0" : : "m"(gdtr));
    __asm__ volatile("lidt %0" : : "m"(idtr));
    load_tss(cpu);
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
}

void interrupts_set_handler(uint8_t vector, interrupt_handler *handler)
{
    __atomic_store_n(&handlers[vector], handler, __ATOMIC_SEQ_CST);
}

void fault_clear(void)
{
    this_cpu()->fault = (struct fault){ 0 };
}

const struct fault *fault_taken(void)
{
    return &this_cpu()->fault;
}

const struct fault *fault_jump(uint64_t target)
{
    struct cpu *cpu = this_cpu();
    fault_clear();
    cpu->jump_target = target;
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\tmovq %%rax, %0\n\tjmp *%1\n1:"
                     : "=m"(cpu->jump_resume)
                     : "r"(target)
                     : "rax", "memory");
    cpu->jump_resume = 0;
    return fault_taken();
}

static uint64_t resume_address(uint64_t at)
{
    struct cpu *cpu = this_cpu();
    if (cpu->jump_resume != 0 && cpu->jump_target == at)
        return cpu->jump_resume;
    for (const struct fixup *fixup = fixup_table_start; fixup < fixup_table_end; fixup++)
        if (fixup->at == at)
            return fixup->resume;
    return 0;
}

static bool catch_fault(struct frame *frame)
{
    bool from_user = (frame->cs & 3) != 0;
    uint64_t resume = from_user ? this_cpu()->user_resume : resume_address(frame->rip);
    if (resume == 0)
        return false;
    this_cpu()->fault = (struct fault){
        .taken = true,
        .vector = (uint8_t)frame->vector,
        .error_code = frame->error_code,
        .rip = frame->rip,
        .cs = frame->cs,
        .rflags = frame->rflags,
        .rsp = frame->rsp,
        .cr2 = read_cr2(),
        .dr6 = read_dr6(),
    };
    frame->rip = resume;
    if (from_user) {
        frame->cs = SELECTOR_CODE64;
        frame->ss = SELECTOR_DATA;
        frame->rsp = this_cpu()->user_stack;
        frame->rflags = RFLAGS_FIXED;
    }
    return true;
}

/* Called by vectors.S. */
void interrupts_dispatch(struct frame *frame);

void interrupts_dispatch(struct frame *frame)
{
    interrupt_handler *handler = __atomic_load_n(&handlers[frame->vector], __ATOMIC_SEQ_CST);
    if (frame->vector < 32)
        trace_exception(frame);
    if (handler != NULL)
        handler(frame);
    else if (frame->vector >= 32 || !catch_fault(frame))
        fatal("CPU %u: unexpected %s %u, error code %#lx, RIP %#lx, RFLAGS %#lx, CR2 %#lx",
              this_cpu()->index, frame->vector < 32 ? "exception" : "interrupt",
              (unsigned)frame->vector, frame->error_code, frame->rip, frame->rflags, read_cr2());
}
