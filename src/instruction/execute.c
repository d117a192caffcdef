/* SPDX-License-Identifier: BSD-2-Clause */
/* What an instruction does to 32 bits of memory (SDM Vol 2: Instruction Set Reference). The processor
 * computes results and flags itself: LAHF and SETO show them without a stack. */
#include "instruction/instruction.h"

#define FLAG_CF             UINT64_C(0x001)
#define FLAGS_LOW           UINT64_C(0x0d5)     /* SF, ZF, AF, PF, CF: where LAHF shows them */
#define FLAG_OF             UINT64_C(0x800)
#define FLAGS_ALL           (FLAGS_LOW | FLAG_OF)

bool instruction_reads_memory(const struct instruction *instruction)
{
    return instruction->operation != OPERATION_STORE && instruction->operation != OPERATION_STOS
           && instruction->operation != OPERATION_MOVS;
}

bool instruction_writes_memory(const struct instruction *instruction)
{
    switch (instruction->operation) {
    case OPERATION_CMP:
    case OPERATION_TEST:
    case OPERATION_BT:
        return false;
    default:
        return !instruction->to_register;
    }
}

/* AX after LAHF and SETO AL, as RFLAGS. */
static uint64_t as_rflags(uint32_t ax)
{
    return (ax >> 8 & FLAGS_LOW) | (ax & 1 ? FLAG_OF : 0);
}

#define BINARY(name, carry_in)                                                              \
    static uint32_t do_##name(uint32_t left, uint32_t right, uint64_t *rflags)              \
    {                                                                                       \
        uint32_t ax, flags = (uint32_t)*rflags;                                             \
                                                                                            \
        __asm__(carry_in #name "l %[right], %[left]; lahf; seto %%al"                       \
                : [left] "+&r"(left), "=&a"(ax)                                             \
                : [right] "r"(right), [flags] "r"(flags) : "cc");                           \
        *rflags = (*rflags & ~FLAGS_ALL) | as_rflags(ax);                                   \
        return left;                                                                        \
    }

#define UNARY(name, changed)                                                                \
    static uint32_t do_##name(uint32_t value, uint64_t *rflags)                             \
    {                                                                                       \
        uint32_t ax;                                                                        \
                                                                                            \
        __asm__(#name "l %[value]; lahf; seto %%al"                                         \
                : [value] "+&r"(value), "=&a"(ax) : : "cc");                                \
        *rflags = (*rflags & ~(changed)) | (as_rflags(ax) & (changed));                     \
        return value;                                                                       \
    }

#define CARRY_IN "btl $0, %[flags]; "

BINARY(add, "")
BINARY(or, "")
BINARY(adc, CARRY_IN)
BINARY(sbb, CARRY_IN)
BINARY(and, "")
BINARY(sub, "")
BINARY(xor, "")
UNARY(neg, FLAGS_ALL)
UNARY(inc, FLAGS_ALL & ~FLAG_CF)
UNARY(dec, FLAGS_ALL & ~FLAG_CF)

/* The eight of the first rows of the opcode map; CMP gives back its left side. */
static uint32_t arithmetic(unsigned operation, uint32_t left, uint32_t right, uint64_t *rflags)
{
    switch (operation) {
    case OPERATION_ADD:
        return do_add(left, right, rflags);
    case OPERATION_OR:
        return do_or(left, right, rflags);
    case OPERATION_ADC:
        return do_adc(left, right, rflags);
    case OPERATION_SBB:
        return do_sbb(left, right, rflags);
    case OPERATION_AND:
        return do_and(left, right, rflags);
    case OPERATION_SUB:
        return do_sub(left, right, rflags);
    case OPERATION_XOR:
        return do_xor(left, right, rflags);
    default:
        do_sub(left, right, rflags);
        return left;
    }
}

/* A register as wide as the operand: 64-bit code clears the upper half. */
static void write_register(struct instruction_values *values, uint64_t value)
{
    values->other = value;
    values->register_written = true;
}

static void execute_arithmetic(const struct instruction *instruction,
                               struct instruction_values *values)
{
    unsigned operation = instruction->operation;

    if (!instruction->to_register) {
        values->memory = arithmetic(operation, values->memory, (uint32_t)values->other,
                                    &values->rflags);
        return;
    }
    values->other = arithmetic(operation, (uint32_t)values->other, values->memory,
                               &values->rflags);
    values->register_written = operation != OPERATION_CMP;
}

static void execute_bit(unsigned operation, struct instruction_values *values)
{
    uint32_t bit = UINT32_C(1) << (values->other & 31);

    values->rflags = (values->rflags & ~FLAG_CF) | (values->memory & bit ? FLAG_CF : 0);
    if (operation == OPERATION_BTS)
        values->memory |= bit;
    else if (operation == OPERATION_BTR)
        values->memory &= ~bit;
    else if (operation == OPERATION_BTC)
        values->memory ^= bit;
}

/* Where they differ memory is written, too, with what was there. */
static void execute_compare_exchange(struct instruction_values *values)
{
    uint32_t accumulator = (uint32_t)values->rax, old = values->memory;

    do_sub(accumulator, old, &values->rflags);
    if (accumulator == old)
        values->memory = (uint32_t)values->other;
    else
        values->rax = old;
}

static void execute_exchange(unsigned operation, struct instruction_values *values)
{
    uint32_t old = values->memory, source = (uint32_t)values->other;

    values->memory = operation == OPERATION_XCHG ? source : do_add(old, source, &values->rflags);
    write_register(values, old);
}

static void execute_load(const struct instruction *instruction, struct instruction_values *values)
{
    if (instruction->operation == OPERATION_LOAD_SIGNED && instruction->register_size == 8)
        write_register(values, (uint64_t)(int64_t)(int32_t)values->memory);
    else
        write_register(values, values->memory);
}

void instruction_execute(const struct instruction *instruction, struct instruction_values *values)
{
    unsigned operation = instruction->operation;

    values->register_written = false;
    switch (operation) {
    case OPERATION_STORE:
        values->memory = (uint32_t)values->other;
        return;
    case OPERATION_LOAD:
    case OPERATION_LOAD_SIGNED:
        execute_load(instruction, values);
        return;
    case OPERATION_STOS:
        values->memory = (uint32_t)values->rax;
        return;
    case OPERATION_LODS:
        values->rax = values->memory;
        return;
    case OPERATION_TEST:
        do_and(values->memory, (uint32_t)values->other, &values->rflags);
        return;
    case OPERATION_XCHG:
    case OPERATION_XADD:
        execute_exchange(operation, values);
        return;
    case OPERATION_CMPXCHG:
        execute_compare_exchange(values);
        return;
    case OPERATION_NOT:
        values->memory = ~values->memory;
        return;
    case OPERATION_NEG:
        values->memory = do_neg(values->memory, &values->rflags);
        return;
    case OPERATION_INC:
        values->memory = do_inc(values->memory, &values->rflags);
        return;
    case OPERATION_DEC:
        values->memory = do_dec(values->memory, &values->rflags);
        return;
    case OPERATION_BT:
    case OPERATION_BTS:
    case OPERATION_BTR:
    case OPERATION_BTC:
        execute_bit(operation, values);
        return;
    case OPERATION_MOVS:
        return;                 /* the caller has put there what it read from the source */
    default:
        execute_arithmetic(instruction, values);
    }
}
