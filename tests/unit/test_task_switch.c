/* SPDX-License-Identifier: BSD-2-Clause */
/* core/task_switch.c on a small flat memory in which single bytes can be made to fault. What the
 * guest `task` shows on whole machines is not repeated here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "core/task_switch.h"
#include "x86/registers.h"

#define GDT         0x1000u
#define OLD         0x2000u     /* TSSs */
#define NEW         0x3000u
#define STACK       0x4000u     /* base of the new task's stack segment */
#define MEMORY      0x8000u
#define EFLAGS_NT   0x4000u

enum { CODE = 0x08, DATA = 0x10, OLD_TSS = 0x18, NEW_TSS = 0x20, NARROW = 0x28, LDT = 0x30,
       DOWN = 0x38, TABLE_END = 0x40 };

static uint8_t memory[MEMORY], before[MEMORY];
static uint32_t forbidden;              /* a byte that cannot be accessed; 0: none */
static bool cr3_is_wrong, pushed_by_user;
static uint32_t cr3_seen;
static struct task_state state, state_before;
static struct task_fault fault;

static bool touch(uint32_t linear, size_t size, struct task_fault *out)
{
    assert_true(linear + size <= MEMORY);
    if (!forbidden || forbidden < linear || forbidden >= linear + size)
        return true;
    *out = (struct task_fault){ VECTOR_PF, 2, forbidden };
    return false;
}

static bool fake_read(void *context, uint32_t linear, void *to, size_t size,
                      struct task_fault *out)
{
    (void)context;
    if (!touch(linear, size, out))
        return false;
    memcpy(to, memory + linear, size);
    return true;
}

static bool fake_write(void *context, uint32_t linear, const void *from, size_t size,
                       struct task_fault *out)
{
    (void)context;
    if (!touch(linear, size, out))
        return false;
    memcpy(memory + linear, from, size);
    return true;
}

static bool fake_reach(void *context, uint32_t linear, size_t size, struct task_fault *out)
{
    (void)context;
    return touch(linear, size, out);
}

static bool fake_push(void *context, uint32_t linear, const void *from, size_t size, bool user,
                      struct task_fault *out)
{
    pushed_by_user = user;
    return fake_write(context, linear, from, size, out);
}

static bool fake_load_cr3(void *context, uint32_t cr3)
{
    (void)context;
    cr3_seen = cr3;
    return !cr3_is_wrong;
}

static const struct task_memory ways = { NULL, fake_read, fake_write, fake_reach, fake_push,
                                         fake_load_cr3 };

static void put_descriptor(unsigned selector, uint32_t base, uint32_t limit, unsigned rights,
                           unsigned flags)
{
    uint8_t *at = memory + GDT + selector;

    store32(at, (limit & 0xffff) | base << 16);
    store32(at + 4, (base >> 16 & 0xff) | rights << 8 | (limit & 0xf0000) | flags << 20
                    | (base & 0xff000000));
}

/* A new TSS whose fields can be told from each other. */
static void build(void)
{
    static const uint16_t segments[] = { DATA, CODE, DATA, DATA, 0, 0, LDT };

    memset(memory, 0, sizeof memory);
    put_descriptor(CODE, 0, 0xfffff, 0x9a, 0xc);
    put_descriptor(DATA, STACK, 0xfff, 0x92, 0x4);
    put_descriptor(OLD_TSS, OLD, 0x67, 0x8b, 0);
    put_descriptor(NEW_TSS, NEW, 0x67, 0x89, 0);
    put_descriptor(NARROW, NEW, 0x2b, 0x81, 0);
    put_descriptor(LDT, GDT, 0xff, 0x82, 0);
    put_descriptor(DOWN, STACK, 0x7ff, 0x96, 0x0);
    store32(memory + NEW + 0x1c, 0x123000);
    store32(memory + NEW + 0x20, 0xe1);
    store32(memory + NEW + 0x24, 0x202);
    for (unsigned i = 0; i < 8; i++)
        store32(memory + NEW + 0x28 + 4 * i, 0x100 + i);
    for (unsigned i = 0; i < 7; i++)
        store16(memory + NEW + 0x48 + 4 * i, segments[i]);
    state = (struct task_state){
        .eip = 0x77, .eflags = 0x246, .cr0 = (uint32_t)(CR0_PG | CR0_PE), .cr3 = 0x9000,
        .dr7 = 0x7ff, .registers = { 1, 2, 3, 4, 5, 6, 7, 8 },
        .tr = { .selector = OLD_TSS, .base = OLD, .limit = 0x67, .attributes = 0x8b },
        .gdtr = { .base = GDT, .limit = TABLE_END - 1 },
    };
    for (unsigned i = 0; i < TASK_SEGMENTS; i++)
        state.segment[i].selector = (uint16_t)(0x50 + i);
    forbidden = 0;
    cr3_is_wrong = false;
    cr3_seen = 0;
}

static void make_narrow(uint16_t sp)
{
    static const uint16_t values[] = { 0xe2, 0x3002, 0x11, 0x12, 0x13, 0x14, 0, 0x16, 0x17, 0x18,
                                       DATA, CODE, DATA, DATA, 0 };

    for (unsigned i = 0; i < sizeof values / 2; i++)
        store16(memory + NEW + 0x0e + 2 * i, values[i]);
    store16(memory + NEW + 0x1a, sp);
}

static enum task_switch_result go(struct task_switch_request request)
{
    memset(&fault, 0, sizeof fault);
    memcpy(before, memory, sizeof memory);
    state_before = state;
    return task_switch(&state, &request, &ways, &fault);
}

static void assert_fault(unsigned vector, uint32_t error)
{
    assert_int_equal(fault.vector, vector);
    assert_int_equal(fault.error, error);
}

static void jmp_saves_and_loads(void **unused)
{
    (void)unused;
    build();
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_SWITCHED);
    assert_int_equal(load32(memory + OLD + 0x20), 0x77);
    assert_int_equal(load32(memory + OLD + 0x24), 0x246);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(load32(memory + OLD + 0x28 + 4 * i), i + 1);
        assert_int_equal(state.registers[i], 0x100 + i);
    }
    for (unsigned i = 0; i < TASK_SEGMENTS; i++)
        assert_int_equal(load16(memory + OLD + 0x48 + 4 * i), 0x50 + i);
    assert_memory_equal(memory + OLD, before + OLD, 0x20);
    assert_memory_equal(memory + OLD + 0x60, before + OLD + 0x60, 0x20);
    assert_memory_equal(memory + NEW, before + NEW, 0x68);
    assert_int_equal(memory[GDT + OLD_TSS + 5], 0x89);
    assert_int_equal(memory[GDT + NEW_TSS + 5], 0x8b);
    assert_int_equal(memory[GDT + CODE + 5], 0x9b);
    assert_int_equal(state.eip, 0xe1);
    assert_int_equal(state.eflags, 0x202);
    assert_int_equal(state.segment[TASK_CS].attributes, 0xc9b);
    assert_int_equal(state.segment[TASK_CS].limit, UINT32_MAX);
    assert_int_equal(state.segment[TASK_SS].base, STACK);
    assert_int_equal(state.segment[TASK_GS].attributes, 0);
    assert_int_equal(state.ldtr.limit, 0xff);
    assert_int_equal(state.tr.selector, NEW_TSS);
    assert_int_equal(state.tr.attributes, 0x8b);
    assert_int_equal(cr3_seen, 0x123000);
    assert_int_equal(state.dr7, 0x6aa);
    assert_true(state.cr0 & 8);
}

static void call_links_and_iret_returns(void **unused)
{
    (void)unused;
    build();
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_CALL, NEW_TSS, 0, 0, 0 }),
                     TASK_SWITCHED);
    assert_int_equal(load16(memory + NEW), OLD_TSS);
    assert_int_equal(memory[GDT + OLD_TSS + 5], 0x8b);
    assert_int_equal(state.eflags, 0x202 | EFLAGS_NT);

    /* Back: what CALL saved lacks what a task needs to go on. */
    store16(memory + OLD + 0x4c, CODE);
    store16(memory + OLD + 0x50, DATA);
    for (unsigned at = 0x48; at <= 0x60; at += 4) {
        if (at != 0x4c && at != 0x50)
            store16(memory + OLD + at, 0);
    }
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_IRET, OLD_TSS, 0, 0, 0 }),
                     TASK_SWITCHED);
    assert_int_equal(load32(memory + NEW + 0x24), 0x202);
    assert_int_equal(memory[GDT + NEW_TSS + 5], 0x89);
    assert_int_equal(memory[GDT + OLD_TSS + 5], 0x8b);
    assert_int_equal(state.eip, 0x77);
    assert_int_equal(state.eflags, 0x246);
}

static void a_16_bit_task(void **unused)
{
    (void)unused;
    build();
    make_narrow(0x100);
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_GATE, NARROW, 0, true, 0xabcd }),
                     TASK_SWITCHED);
    assert_int_equal(state.eip, 0xe2);
    assert_int_equal(state.eflags, 0x3002 | EFLAGS_NT);
    assert_int_equal(state.registers[0], 0x11);
    assert_int_equal(state.registers[4], 0xfe);
    assert_int_equal(load16(memory + STACK + 0xfe), 0xabcd);
    assert_int_equal(load16(memory + STACK + 0x100), 0);
    assert_int_equal(cr3_seen, 0);
    assert_int_equal(state.tr.attributes, 0x83);
    assert_int_equal(state.segment[TASK_FS].selector, 0);

    /* And away from it: sixteen bits of everything. */
    store32(memory + OLD + 0x24, 2);
    store16(memory + OLD + 0x4c, CODE);
    store16(memory + OLD + 0x50, DATA);
    store16(memory + OLD + 0x48, 0);
    store16(memory + OLD + 0x54, 0);
    store16(memory + OLD + 0x58, 0);
    store16(memory + OLD + 0x5c, 0);
    state.eip = 0x12345678;
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_IRET, OLD_TSS, 0, 0, 0 }),
                     TASK_SWITCHED);
    assert_int_equal(load16(memory + NEW + 0x0e), 0x5678);
    assert_int_equal(load16(memory + NEW + 0x10), 0x3002);
    assert_int_equal(load16(memory + NEW + 0x22), DATA);
    assert_int_equal(load16(memory + NEW + 0x2a), 0);
}

static void virtual_8086(void **unused)
{
    (void)unused;
    build();
    store32(memory + NEW + 0x24, 0x20002);
    store16(memory + NEW + 0x60, 0);
    store16(memory + NEW + 0x4c, 0x1234);
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_SWITCHED);
    assert_int_equal(state.segment[TASK_CS].base, 0x12340);
    assert_int_equal(state.segment[TASK_CS].limit, 0xffff);
    assert_int_equal(state.segment[TASK_CS].attributes, 0xf3);
    /* Already when its LDTR is wrong: VM entry takes no others for such a task. */
    store16(memory + NEW + 0x60, DATA);
    put_descriptor(NEW_TSS, NEW, 0x67, 0x89, 0);
    state.tr = (struct segment_state){ .selector = OLD_TSS, .base = OLD, .limit = 0x67,
                                       .attributes = 0x8b };
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_FAULTED);
    assert_fault(VECTOR_TS, DATA);
    assert_int_equal(state.segment[TASK_CS].base, 0x12340);
    assert_int_equal(state.segment[TASK_GS].attributes, 0xf3);
    build();
    store32(memory + NEW + 0x24, 0x20002);
    store32(memory + NEW + 0x20, 0x10000);
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_FAULTED);
    assert_fault(VECTOR_GP, 0);
}

/* Whatever cannot be accessed: the old task faults, and nothing has changed. */
static void a_page_that_is_missing(void **unused)
{
    static const struct { uint8_t source; uint32_t byte; } rows[] = {
        { TASK_SWITCH_JMP, OLD + 0x20 }, { TASK_SWITCH_JMP, OLD + 0x5c },
        { TASK_SWITCH_JMP, NEW }, { TASK_SWITCH_JMP, NEW + 0x67 },
        { TASK_SWITCH_JMP, GDT + OLD_TSS + 5 }, { TASK_SWITCH_JMP, GDT + NEW_TSS + 5 },
        { TASK_SWITCH_CALL, NEW + 1 }, { TASK_SWITCH_GATE, GDT + NEW_TSS },
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build();
        forbidden = rows[i].byte;
        assert_int_equal(go((struct task_switch_request){ rows[i].source, NEW_TSS, 0, 0, 0 }),
                         TASK_REFUSED);
        assert_fault(VECTOR_PF, 2);
        assert_int_equal(fault.address, rows[i].byte);
        assert_memory_equal(memory, before, sizeof memory);
        assert_memory_equal(&state, &state_before, sizeof state);
    }
    /* Not needed, so not missed. */
    build();
    forbidden = OLD + 0x60;
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_SWITCHED);
}

/* The processor has judged the new TSS; another CPU may have changed it since. */
static void a_tss_that_changed(void **unused)
{
    static const struct {
        uint16_t selector;
        uint8_t source, rights, limit;
        uint8_t vector;
        uint16_t error;
    } rows[] = {
        { NEW_TSS, TASK_SWITCH_JMP, 0x8b, 0x67, VECTOR_GP, NEW_TSS },
        { NEW_TSS, TASK_SWITCH_IRET, 0x89, 0x67, VECTOR_TS, NEW_TSS },
        { NEW_TSS, TASK_SWITCH_CALL, 0x99, 0x67, VECTOR_GP, NEW_TSS },
        { NEW_TSS, TASK_SWITCH_CALL, 0x82, 0x67, VECTOR_GP, NEW_TSS },
        { NEW_TSS, TASK_SWITCH_CALL, 0x09, 0x67, VECTOR_NP, NEW_TSS },
        { NEW_TSS, TASK_SWITCH_CALL, 0x89, 0x66, VECTOR_TS, NEW_TSS },
        { NEW_TSS, TASK_SWITCH_CALL, 0x81, 0x2a, VECTOR_TS, NEW_TSS },
        { NEW_TSS | 4, TASK_SWITCH_CALL, 0x89, 0x67, VECTOR_GP, NEW_TSS | 4 },
        { 0, TASK_SWITCH_JMP, 0x89, 0x67, VECTOR_GP, 0 },
        { TABLE_END, TASK_SWITCH_JMP, 0x89, 0x67, VECTOR_GP, TABLE_END },
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build();
        put_descriptor(NEW_TSS, NEW, rows[i].limit, rows[i].rights, 0);
        assert_int_equal(go((struct task_switch_request){ rows[i].source, rows[i].selector, 0, 0,
                                                          0 }), TASK_REFUSED);
        assert_fault(rows[i].vector, rows[i].error);
        assert_memory_equal(memory, before, sizeof memory);
    }
    build();
    state.tr.limit = 0x66;
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_GATE, NEW_TSS, true, 0, 0 }),
                     TASK_REFUSED);
    assert_fault(VECTOR_TS, OLD_TSS | 1);
}

static void in_the_new_task(void **unused)
{
    (void)unused;
    build();
    cr3_is_wrong = true;
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_FAULTED);
    assert_fault(VECTOR_TS, NEW_TSS);
    assert_int_equal(state.tr.selector, NEW_TSS);

    /* CS has something that a VM entry can load, with the new privilege level. */
    build();
    store16(memory + NEW + 0x4c, CODE | 3);
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_GATE, NEW_TSS, true, 0, 0 }),
                     TASK_FAULTED);
    assert_fault(VECTOR_TS, CODE | 1);
    assert_int_equal(state.segment[TASK_CS].selector, CODE | 3);
    assert_int_equal(state.segment[TASK_CS].attributes, 0xcfb);
    assert_int_equal(state.segment[TASK_SS].attributes, 0x60);

    /* A descriptor's page that is missing is found out only now. */
    build();
    forbidden = GDT + LDT;
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_FAULTED);
    assert_fault(VECTOR_PF, 2);
}

static void error_codes_and_stacks(void **unused)
{
    struct task_switch_request request = { TASK_SWITCH_GATE, NEW_TSS, true, true, 0x12345678 };

    (void)unused;
    build();
    assert_int_equal(go(request), TASK_SWITCHED);
    assert_int_equal(state.registers[4], 0x100);
    assert_int_equal(load32(memory + STACK + 0x100), 0x12345678);
    assert_false(pushed_by_user);

    build();
    store32(memory + NEW + 0x38, 0x1002);
    assert_int_equal(go(request), TASK_FAULTED);
    assert_fault(VECTOR_SS, 1);

    build();
    store32(memory + NEW + 0x38, 2);
    assert_int_equal(go(request), TASK_FAULTED);
    assert_fault(VECTOR_SS, 1);

    /* Expands down, 16 bits: above the limit, and SP wraps alone. */
    build();
    store16(memory + NEW + 0x50, DOWN);
    store32(memory + NEW + 0x38, 0xabcd0804);
    assert_int_equal(go(request), TASK_SWITCHED);
    assert_int_equal(state.registers[4], 0xabcd0800);
    build();
    store16(memory + NEW + 0x50, DOWN);
    store32(memory + NEW + 0x38, 0x803);
    assert_int_equal(go(request), TASK_FAULTED);
    assert_fault(VECTOR_SS, 1);
}

static void the_t_bit(void **unused)
{
    (void)unused;
    build();
    memory[NEW + 0x64] = 1;
    assert_int_equal(go((struct task_switch_request){ TASK_SWITCH_JMP, NEW_TSS, 0, 0, 0 }),
                     TASK_SWITCHED_TRAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jmp_saves_and_loads),
        cmocka_unit_test(call_links_and_iret_returns),
        cmocka_unit_test(a_16_bit_task),
        cmocka_unit_test(virtual_8086),
        cmocka_unit_test(a_page_that_is_missing),
        cmocka_unit_test(a_tss_that_changed),
        cmocka_unit_test(in_the_new_task),
        cmocka_unit_test(error_codes_and_stacks),
        cmocka_unit_test(the_t_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
