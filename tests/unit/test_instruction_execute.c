/* SPDX-License-Identifier: BSD-2-Clause */
/* What instructions do to 32 bits, against this machine's own processor: each is executed, and then
 * decoded and carried out, with the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "instruction/instruction.h"

#define ROUNDS          2000
#define ARITHMETIC      UINT64_C(0x8d5)     /* OF, SF, ZF, AF, PF, CF */
#define CARRY_AND_ZERO  UINT64_C(0x041)
#define RCX             1

/* What the processor gets and gives back: RAX and RCX, flags, and memory at RBX. */
struct machine {
    uint64_t rax, rcx, rflags;
    uint64_t memory;
};

void execute_here(struct machine *machine, const void *code);
__asm__(".pushsection .text\n"
        ".globl execute_here\n"
        "execute_here:\n\t"
        "pushq %rbx\n\t"
        "pushq %rbp\n\t"
        "movq %rdi, %rbp\n\t"
        "leaq 24(%rdi), %rbx\n\t"
        "movq %rbx, %rdi\n\t"           /* string instructions */
        "movq %rsi, %rdx\n\t"
        "movq %rbx, %rsi\n\t"
        "movq 0(%rbp), %rax\n\t"
        "movq 8(%rbp), %rcx\n\t"
        "pushq 16(%rbp)\n\t"
        "popfq\n\t"
        "call *%rdx\n\t"
        "pushfq\n\t"
        "popq 16(%rbp)\n\t"
        "movq %rax, 0(%rbp)\n\t"
        "movq %rcx, 8(%rbp)\n\t"
        "popq %rbp\n\t"
        "popq %rbx\n\t"
        "ret\n"
        ".popsection");

/* Memory at RBX, the register ECX. */
static const struct {
    const char *name, *bytes;
    unsigned size;
    uint64_t flags;
} rows[] = {
    { "add %ecx, (%rbx)", "\x01\x0b", 2, ARITHMETIC },
    { "or %ecx, (%rbx)", "\x09\x0b", 2, ARITHMETIC },
    { "adc %ecx, (%rbx)", "\x11\x0b", 2, ARITHMETIC },
    { "sbb %ecx, (%rbx)", "\x19\x0b", 2, ARITHMETIC },
    { "and %ecx, (%rbx)", "\x21\x0b", 2, ARITHMETIC },
    { "sub %ecx, (%rbx)", "\x29\x0b", 2, ARITHMETIC },
    { "xor %ecx, (%rbx)", "\x31\x0b", 2, ARITHMETIC },
    { "cmp %ecx, (%rbx)", "\x39\x0b", 2, ARITHMETIC },
    { "add (%rbx), %ecx", "\x03\x0b", 2, ARITHMETIC },
    { "or (%rbx), %ecx", "\x0b\x0b", 2, ARITHMETIC },
    { "adc (%rbx), %ecx", "\x13\x0b", 2, ARITHMETIC },
    { "sbb (%rbx), %ecx", "\x1b\x0b", 2, ARITHMETIC },
    { "and (%rbx), %ecx", "\x23\x0b", 2, ARITHMETIC },
    { "sub (%rbx), %ecx", "\x2b\x0b", 2, ARITHMETIC },
    { "xor (%rbx), %ecx", "\x33\x0b", 2, ARITHMETIC },
    { "cmp (%rbx), %ecx", "\x3b\x0b", 2, ARITHMETIC },
    { "addl $-5, (%rbx)", "\x83\x03\xfb", 3, ARITHMETIC },
    { "sbbl $0x12345678, (%rbx)", "\x81\x1b\x78\x56\x34\x12", 6, ARITHMETIC },
    { "cmpl $0x81234567, (%rbx)", "\x81\x3b\x67\x45\x23\x81", 6, ARITHMETIC },
    { "testl %ecx, (%rbx)", "\x85\x0b", 2, ARITHMETIC },
    { "testl $0x81, (%rbx)", "\xf7\x03\x81\x00\x00\x00", 6, ARITHMETIC },
    { "mov %ecx, (%rbx)", "\x89\x0b", 2, ARITHMETIC },
    { "mov (%rbx), %ecx", "\x8b\x0b", 2, ARITHMETIC },
    { "movl $0x89abcdef, (%rbx)", "\xc7\x03\xef\xcd\xab\x89", 6, ARITHMETIC },
    { "movnti %ecx, (%rbx)", "\x0f\xc3\x0b", 3, ARITHMETIC },
    { "movslq (%rbx), %rcx", "\x48\x63\x0b", 3, ARITHMETIC },
    { "movsxd (%rbx), %ecx", "\x63\x0b", 2, ARITHMETIC },
    { "xchg %ecx, (%rbx)", "\x87\x0b", 2, ARITHMETIC },
    { "xadd %ecx, (%rbx)", "\x0f\xc1\x0b", 3, ARITHMETIC },
    { "cmpxchg %ecx, (%rbx)", "\x0f\xb1\x0b", 3, ARITHMETIC },
    { "notl (%rbx)", "\xf7\x13", 2, ARITHMETIC },
    { "negl (%rbx)", "\xf7\x1b", 2, ARITHMETIC },
    { "incl (%rbx)", "\xff\x03", 2, ARITHMETIC },
    { "decl (%rbx)", "\xff\x0b", 2, ARITHMETIC },
    { "btl $7, (%rbx)", "\x0f\xba\x23\x07", 4, CARRY_AND_ZERO },
    { "btsl $39, (%rbx)", "\x0f\xba\x2b\x27", 4, CARRY_AND_ZERO },
    { "btrl $255, (%rbx)", "\x0f\xba\x33\xff", 4, CARRY_AND_ZERO },
    { "btcl $0, (%rbx)", "\x0f\xba\x3b\x00", 4, CARRY_AND_ZERO },
    { "stosl", "\xab", 1, ARITHMETIC },
    { "lodsl", "\xad", 1, ARITHMETIC },
};

static uint32_t random_value(void)
{
    static const uint32_t edges[] = { 0, 1, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffffff };
    unsigned choice = (unsigned)rand() % 14;

    return choice < 7 ? edges[choice] : (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

static void try_once(unsigned row, const void *code)
{
    struct machine here = {
        .rax = (uint64_t)random_value() << 32 | random_value(),
        .rcx = (uint64_t)random_value() << 32 | random_value(),
        .rflags = 0x202 | (random_value() & ARITHMETIC),
        .memory = (uint64_t)0x11223344 << 32 | random_value(),
    };
    uint8_t buffer[INSTRUCTION_BUFFER] = { 0 };
    struct instruction instruction;
    struct instruction_values values;
    uint32_t before = (uint32_t)here.memory;

    if (rand() % 4 == 0)
        here.rax = (here.rax & ~UINT64_C(0xffffffff)) | before;
    memcpy(buffer, rows[row].bytes, rows[row].size);
    assert_int_equal(instruction_decode(buffer, rows[row].size, 64, &instruction), DECODED);
    values = (struct instruction_values){
        .memory = before, .rax = here.rax, .rflags = here.rflags,
        .other = instruction.other == OTHER_IMMEDIATE ? (uint64_t)instruction.immediate
               : instruction.reg == RCX ? here.rcx : here.rax,
    };
    execute_here(&here, code);
    instruction_execute(&instruction, &values);
    if (!instruction_writes_memory(&instruction))
        assert_int_equal((uint32_t)here.memory, before);
    else
        assert_int_equal(values.memory, (uint32_t)here.memory);
    assert_int_equal(here.memory >> 32, 0x11223344);
    if (values.register_written)
        assert_int_equal(values.other, here.rcx);
    assert_int_equal(values.rax, here.rax);
    assert_int_equal(values.rflags & rows[row].flags, here.rflags & rows[row].flags);
    assert_int_equal(values.rflags & ~ARITHMETIC, 0x202);
}

static void test_against_processor(void **state)
{
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(code, MAP_FAILED);
    srand(4);
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        memcpy(code, rows[row].bytes, rows[row].size);
        code[rows[row].size] = 0xc3;
        for (unsigned round = 0; round < ROUNDS; round++)
            try_once(row, code);
    }
    munmap(code, 4096);
}

/* The two questions that the caller asks first. */
static void test_reads_and_writes(void **state)
{
    static const struct {
        uint8_t operation;
        bool to_register, reads, writes;
    } expected[] = {
        { OPERATION_ADD, false, true, true }, { OPERATION_ADD, true, true, false },
        { OPERATION_CMP, false, true, false }, { OPERATION_TEST, false, true, false },
        { OPERATION_STORE, false, false, true }, { OPERATION_LOAD, true, true, false },
        { OPERATION_STOS, false, false, true }, { OPERATION_LODS, true, true, false },
        { OPERATION_MOVS, false, false, true }, { OPERATION_XCHG, false, true, true },
        { OPERATION_CMPXCHG, false, true, true }, { OPERATION_BT, false, true, false },
        { OPERATION_BTS, false, true, true },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct instruction instruction = { .operation = expected[i].operation,
                                           .to_register = expected[i].to_register };

        assert_int_equal(instruction_reads_memory(&instruction), expected[i].reads);
        assert_int_equal(instruction_writes_memory(&instruction), expected[i].writes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_processor),
        cmocka_unit_test(test_reads_and_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
