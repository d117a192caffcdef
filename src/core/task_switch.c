/* SPDX-License-Identifier: BSD-2-Clause */
/* SDM Vol 3: Task Management > Task Switching; Interrupt and Exception Handling > Interrupt 10:
 * Invalid TSS Exception (#TS). The steps come in the manual's order: everything that can fault in
 * the old task, the commit, everything that faults in the new one. Pure. */
#include "core/task_switch.h"

#include <string.h>

#include "core/bytes.h"
#include "x86/registers.h"

#define SELECTOR_TI         (1u << 2)
#define SELECTOR_ERROR      0xfffcu     /* of a selector, what an error code shows */

/* Access rights of a descriptor, as in struct segment_state. */
#define TYPE                0xfu
#define   TYPE_ACCESSED     1u
#define   TYPE_WRITABLE     2u          /* of data; of code: readable */
#define   TYPE_CONFORMING   4u          /* of code; of data: expands down */
#define   TYPE_CODE         8u
#define   TYPE_LDT          2u          /* of system segments */
#define   TYPE_TSS_16       1u
#define   TYPE_TSS_BUSY     2u
#define   TYPE_TSS_32       8u          /* besides TYPE_TSS_16 */
#define USER_SEGMENT        (1u << 4)
#define DPL_SHIFT           5
#define PRESENT             (1u << 7)
#define DEFAULT_BIG         (1u << 10)
#define GRANULARITY         (1u << 11)

/* Of a segment whose descriptor has not been loaded: code that could run, since VM entry wants one,
 * and nothing else. */
#define CODE_PLACEHOLDER    0xc9bu
#define VIRTUAL_8086        0xf3u

/* Offsets in a TSS, 32-bit and 16-bit. */
#define TSS_CR3             0x1c
#define TSS_EIP             0x20
#define TSS_SEGMENTS        0x48
#define TSS_LDT             0x60
#define TSS_TRAP            0x64
#define TSS_SIZE            0x68
#define TSS16_IP            0x0e
#define TSS16_SEGMENTS      0x22
#define TSS16_LDT           0x2a
#define TSS16_SIZE          0x2c
#define TSS16_SAVED         (TSS16_LDT - TSS16_IP)

#define EFLAGS_NT           (1u << 14)
#define EFLAGS_WRITABLE     0x003f7fd5u
#define CR0_TS              (1u << 3)
#define DR7_LOCAL           0x155u      /* L0 to L3, LE */

struct descriptor {
    struct segment_state segment;
    uint32_t address;                   /* where it was read, linear */
};

struct task {
    struct task_state *state;
    const struct task_switch_request *request;
    const struct task_memory *memory;
    struct task_fault *fault;
    struct descriptor tss;              /* the new one */
    uint8_t image[TSS_SIZE];            /* its contents */
    uint16_t selector[TASK_SEGMENTS], ldt;
    unsigned cpl;                       /* of the new task */
};

static bool is_32_bit(const struct segment_state *tss)
{
    return tss->attributes & TYPE_TSS_32;
}

static bool fail(struct task *task, uint8_t vector, uint32_t selector)
{
    *task->fault = (struct task_fault){ .vector = vector,
                                        .error = (selector & SELECTOR_ERROR)
                                               | task->request->external };
    return false;
}

/* Reads the descriptor that a selector names; one outside of its table is `vector`. */
static bool read_descriptor(struct task *task, uint16_t selector, uint8_t vector,
                            struct descriptor *out)
{
    const struct segment_state *table = selector & SELECTOR_TI ? &task->state->ldtr
                                                               : &task->state->gdtr;
    bool usable = !(selector & SELECTOR_TI) || table->attributes & PRESENT;
    uint32_t low, high, limit;
    uint8_t raw[8];

    if (!usable || (selector | 7u) > table->limit)
        return fail(task, vector, selector);
    out->address = (uint32_t)table->base + (selector & ~7u);
    if (!task->memory->read(task->memory->context, out->address, raw, sizeof raw, task->fault))
        return false;
    low = load32(raw);
    high = load32(raw + 4);
    limit = (low & 0xffff) | (high & 0xf0000);
    out->segment = (struct segment_state){
        .selector = selector,
        .attributes = (uint16_t)((high >> 8 & 0xff) | (high >> 12 & 0xf00)),
        .base = low >> 16 | (high & 0xff) << 16 | (high & 0xff000000),
    };
    out->segment.limit = out->segment.attributes & GRANULARITY ? limit << 12 | 0xfff : limit;
    return true;
}

/* Byte 5 of a descriptor holds its type. */
static bool write_type(struct task *task, uint32_t descriptor, unsigned set, unsigned cleared)
{
    uint8_t byte;

    if (!task->memory->read(task->memory->context, descriptor + 5, &byte, 1, task->fault))
        return false;
    byte = (uint8_t)((byte & ~cleared) | set);
    return task->memory->write(task->memory->context, descriptor + 5, &byte, 1, task->fault);
}

static uint32_t old_descriptor(const struct task *task)
{
    return (uint32_t)task->state->gdtr.base + (task->state->tr.selector & ~7u);
}

static bool leaves_old_free(const struct task *task)
{
    return task->request->source == TASK_SWITCH_JMP || task->request->source == TASK_SWITCH_IRET;
}

static bool links(const struct task *task)
{
    return task->request->source == TASK_SWITCH_CALL || task->request->source == TASK_SWITCH_GATE;
}

/* ---- in the old task ---- */

/* The processor has made these checks before the exit; what it saw may have changed since. */
static bool judge_new_tss(struct task *task)
{
    bool iret = task->request->source == TASK_SWITCH_IRET;
    uint16_t selector = task->request->selector;
    const struct segment_state *tss = &task->tss.segment;
    unsigned wanted = TYPE_TSS_16 | (iret ? TYPE_TSS_BUSY : 0);

    if (selector & SELECTOR_TI || !(selector & SELECTOR_ERROR))
        return fail(task, iret ? VECTOR_TS : VECTOR_GP, selector);
    if (!read_descriptor(task, selector, iret ? VECTOR_TS : VECTOR_GP, &task->tss))
        return false;
    if ((tss->attributes & (USER_SEGMENT | (TYPE & ~TYPE_TSS_32))) != wanted)
        return fail(task, iret ? VECTOR_TS : VECTOR_GP, selector);
    if (!(tss->attributes & PRESENT))
        return fail(task, VECTOR_NP, selector);
    if (tss->limit < (is_32_bit(tss) ? TSS_SIZE : TSS16_SIZE) - 1)
        return fail(task, VECTOR_TS, selector);
    return true;
}

/* All that will be written until the commit is complete must be there. */
static bool reach_everything(struct task *task)
{
    const struct task_memory *memory = task->memory;
    const struct segment_state *old = &task->state->tr;
    bool wide = is_32_bit(old);
    uint32_t base = (uint32_t)old->base;

    if (old->limit < (wide ? TSS_SIZE : TSS16_SIZE) - 1)
        return fail(task, VECTOR_TS, old->selector);
    if (!memory->reach(memory->context, base + (wide ? TSS_EIP : TSS16_IP),
                       wide ? TSS_LDT - TSS_EIP : TSS16_SAVED, task->fault))
        return false;
    if (links(task) && !memory->reach(memory->context, (uint32_t)task->tss.segment.base, 2,
                                      task->fault))
        return false;
    if (leaves_old_free(task) && !memory->reach(memory->context, old_descriptor(task) + 5, 1,
                                                task->fault))
        return false;
    return task->request->source == TASK_SWITCH_IRET
        || memory->reach(memory->context, task->tss.address + 5, 1, task->fault);
}

static bool read_new_tss(struct task *task)
{
    const struct segment_state *tss = &task->tss.segment;

    return task->memory->read(task->memory->context, (uint32_t)tss->base, task->image,
                              is_32_bit(tss) ? TSS_SIZE : TSS16_SIZE, task->fault);
}

/* ---- the commit ---- */

static bool save_old_state(struct task *task)
{
    const struct task_state *state = task->state;
    bool wide = is_32_bit(&state->tr);
    unsigned unit = wide ? 4 : 2;
    uint32_t base = (uint32_t)state->tr.base, values[10];
    uint8_t bytes[40];

    values[0] = state->eip;
    values[1] = state->eflags & ~(task->request->source == TASK_SWITCH_IRET ? EFLAGS_NT : 0);
    memcpy(values + 2, state->registers, sizeof state->registers);
    for (unsigned i = 0; i < 10; i++) {
        if (wide)
            store32(bytes + 4 * i, values[i]);
        else
            store16(bytes + 2 * i, (uint16_t)values[i]);
    }
    if (!task->memory->write(task->memory->context, base + (wide ? TSS_EIP : TSS16_IP), bytes,
                             10 * unit, task->fault))
        return false;
    for (unsigned i = 0; i < (wide ? TASK_SEGMENTS : TASK_FS); i++) {
        uint32_t at = base + (wide ? TSS_SEGMENTS : TSS16_SEGMENTS) + unit * i;

        if (!task->memory->write(task->memory->context, at, &state->segment[i].selector, 2,
                                 task->fault))
            return false;
    }
    return true;
}

/* Only a page that is taken away at this moment by another CPU can make one of these fail. */
static bool commit(struct task *task)
{
    if (leaves_old_free(task) && !write_type(task, old_descriptor(task), 0, TYPE_TSS_BUSY))
        return false;
    if (!save_old_state(task))
        return false;
    if (links(task) && !task->memory->write(task->memory->context,
                                            (uint32_t)task->tss.segment.base,
                                            &task->state->tr.selector, 2, task->fault))
        return false;
    return task->request->source == TASK_SWITCH_IRET
        || write_type(task, task->tss.address, TYPE_TSS_BUSY, 0);
}

/* ---- in the new task ---- */

static void load_virtual_8086_segments(struct task *task)
{
    for (unsigned i = 0; i < TASK_SEGMENTS; i++)
        task->state->segment[i] = (struct segment_state){
            .selector = task->selector[i], .attributes = VIRTUAL_8086, .limit = 0xffff,
            .base = (uint32_t)task->selector[i] << 4,
        };
}

/* As VM entry wants them, should the task fault before its own are there. */
static void load_placeholders(struct task *task)
{
    struct segment_state *segment = task->state->segment;

    for (unsigned i = 0; i < TASK_SEGMENTS; i++)
        segment[i] = (struct segment_state){ .selector = task->selector[i] };
    segment[TASK_CS].attributes = (uint16_t)(CODE_PLACEHOLDER | task->cpl << DPL_SHIFT);
    segment[TASK_CS].limit = UINT32_MAX;
    segment[TASK_SS].attributes = (uint16_t)(task->cpl << DPL_SHIFT);
}

/* Only the visible parts; nothing is checked yet. A 16-bit TSS has no FS, no GS and no CR3. */
static void load_image(struct task *task)
{
    struct task_state *state = task->state;
    bool wide = is_32_bit(&task->tss.segment);
    const uint8_t *values = task->image + (wide ? TSS_EIP : TSS16_IP);
    uint32_t value[10];

    for (unsigned i = 0; i < 10; i++)
        value[i] = wide ? load32(values + 4 * i) : load16(values + 2 * i);
    state->eip = value[0];
    state->eflags = (value[1] & EFLAGS_WRITABLE) | (uint32_t)RFLAGS_FIXED
                  | (links(task) ? EFLAGS_NT : 0);
    memcpy(state->registers, value + 2, sizeof state->registers);
    for (unsigned i = 0; i < TASK_SEGMENTS; i++) {
        if (wide)
            task->selector[i] = load16(task->image + TSS_SEGMENTS + 4 * i);
        else
            task->selector[i] = i < TASK_FS ? load16(task->image + TSS16_SEGMENTS + 2 * i) : 0;
    }
    task->ldt = load16(task->image + (wide ? TSS_LDT : TSS16_LDT));
    task->cpl = state->eflags & RFLAGS_VM ? 3 : task->selector[TASK_CS] & 3u;
    if (state->eflags & RFLAGS_VM)
        load_virtual_8086_segments(task);
    else
        load_placeholders(task);
    state->ldtr = (struct segment_state){ .selector = task->ldt };
}

static bool enter_new_task(struct task *task)
{
    struct task_state *state = task->state;

    load_image(task);
    state->tr = task->tss.segment;
    state->tr.attributes |= TYPE_TSS_BUSY;
    state->cr0 |= CR0_TS;
    state->dr7 &= ~DR7_LOCAL;
    if (!(state->cr0 & CR0_PG) || !is_32_bit(&state->tr))
        return true;
    state->cr3 = load32(task->image + TSS_CR3);
    return task->memory->load_cr3(task->memory->context, state->cr3)
        || fail(task, VECTOR_TS, state->tr.selector);
}

static bool load_ldtr(struct task *task)
{
    struct descriptor ldt;

    if (!(task->ldt & SELECTOR_ERROR))
        return true;
    if (task->ldt & SELECTOR_TI)
        return fail(task, VECTOR_TS, task->ldt);
    if (!read_descriptor(task, task->ldt, VECTOR_TS, &ldt))
        return false;
    if ((ldt.segment.attributes & (PRESENT | USER_SEGMENT | TYPE)) != (PRESENT | TYPE_LDT))
        return fail(task, VECTOR_TS, task->ldt);
    task->state->ldtr = ldt.segment;
    return true;
}

static bool is_legal_code(const struct task *task, const struct segment_state *code)
{
    unsigned dpl = code->attributes >> DPL_SHIFT & 3;

    if ((code->attributes & (USER_SEGMENT | TYPE_CODE)) != (USER_SEGMENT | TYPE_CODE))
        return false;
    return code->attributes & TYPE_CONFORMING ? dpl <= task->cpl : dpl == task->cpl;
}

static bool is_legal_stack(const struct task *task, const struct segment_state *stack)
{
    unsigned wanted = USER_SEGMENT | TYPE_WRITABLE;

    return (stack->attributes & (USER_SEGMENT | TYPE_CODE | TYPE_WRITABLE)) == wanted
        && (stack->attributes >> DPL_SHIFT & 3) == task->cpl
        && (stack->selector & 3u) == task->cpl;
}

static bool is_legal_data(const struct task *task, const struct segment_state *data)
{
    unsigned dpl = data->attributes >> DPL_SHIFT & 3, rpl = data->selector & 3u;
    bool code = data->attributes & TYPE_CODE;

    if (!(data->attributes & USER_SEGMENT) || (code && !(data->attributes & TYPE_WRITABLE)))
        return false;
    return (code && data->attributes & TYPE_CONFORMING) || (dpl >= task->cpl && dpl >= rpl);
}

/* A null selector is legal in a data segment register. */
static bool load_segment(struct task *task, enum task_segment which)
{
    uint16_t selector = task->selector[which];
    const struct segment_state *segment;
    struct descriptor descriptor;
    bool legal;

    if (!(selector & SELECTOR_ERROR))
        return which != TASK_CS && which != TASK_SS ? true : fail(task, VECTOR_TS, selector);
    if (!read_descriptor(task, selector, VECTOR_TS, &descriptor))
        return false;
    segment = &descriptor.segment;
    legal = which == TASK_CS ? is_legal_code(task, segment)
          : which == TASK_SS ? is_legal_stack(task, segment) : is_legal_data(task, segment);
    if (!legal)
        return fail(task, VECTOR_TS, selector);
    if (!(segment->attributes & PRESENT))
        return fail(task, which == TASK_SS ? VECTOR_SS : VECTOR_NP, selector);
    if (!(segment->attributes & TYPE_ACCESSED)
        && !write_type(task, descriptor.address, TYPE_ACCESSED, 0))
        return false;
    task->state->segment[which] = *segment;
    task->state->segment[which].attributes |= TYPE_ACCESSED;
    return true;
}

static bool load_segments(struct task *task)
{
    static const uint8_t order[] = { TASK_CS, TASK_SS, TASK_ES, TASK_DS, TASK_FS, TASK_GS };

    if (!load_ldtr(task))
        return false;
    if (task->state->eflags & RFLAGS_VM)
        return true;
    for (unsigned i = 0; i < sizeof order; i++) {
        if (!load_segment(task, order[i]))
            return false;
    }
    return true;
}

/* Bytes [offset, offset + size) of the stack segment. */
static bool is_in_stack(const struct segment_state *stack, uint32_t offset, uint32_t size)
{
    uint32_t last = offset + size - 1;
    uint32_t top = stack->attributes & DEFAULT_BIG ? UINT32_MAX : 0xffff;

    if (last < offset)
        return false;
    if (stack->attributes & TYPE_CONFORMING)    /* of data: expands down */
        return offset > stack->limit && last <= top;
    return last <= stack->limit;
}

static bool push_error(struct task *task)
{
    const struct segment_state *stack = &task->state->segment[TASK_SS];
    uint32_t size = is_32_bit(&task->state->tr) ? 4 : 2;
    uint32_t mask = stack->attributes & DEFAULT_BIG ? UINT32_MAX : 0xffff;
    uint32_t *esp = &task->state->registers[4], offset = (*esp - size) & mask;
    uint32_t error = task->request->error;

    if (!task->request->has_error)
        return true;
    if (!is_in_stack(stack, offset, size))
        return fail(task, VECTOR_SS, 0);
    if (!task->memory->push(task->memory->context, (uint32_t)stack->base + offset, &error, size,
                            task->cpl == 3, task->fault))
        return false;
    *esp = (*esp & ~mask) | offset;
    return true;
}

static bool begin_new_task(struct task *task)
{
    return enter_new_task(task) && load_segments(task) && push_error(task)
        && (task->state->eip <= task->state->segment[TASK_CS].limit || fail(task, VECTOR_GP, 0));
}

enum task_switch_result task_switch(struct task_state *state,
                                    const struct task_switch_request *request,
                                    const struct task_memory *memory, struct task_fault *fault)
{
    struct task task = { .state = state, .request = request, .memory = memory, .fault = fault };
    bool trap;

    if (!judge_new_tss(&task) || !reach_everything(&task) || !read_new_tss(&task)
        || !commit(&task))
        return TASK_REFUSED;
    if (!begin_new_task(&task))
        return TASK_FAULTED;
    trap = is_32_bit(&state->tr) && task.image[TSS_TRAP] & 1;
    return trap ? TASK_SWITCHED_TRAP : TASK_SWITCHED;
}
