/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions with which software reaches registers in memory: their lengths and operands (SDM
 * Vol 2: Instruction Format; APM Vol 3: Instruction Encoding), and what they do to 32 bits. Pure.
 *
 * Only forms with an operand in memory are known, and only those whose meaning is the same on every
 * processor: anything else is "not mine", never a guess. */
#ifndef SEXTANT_INSTRUCTION_INSTRUCTION_H
#define SEXTANT_INSTRUCTION_INSTRUCTION_H

#include <stdbool.h>
#include <stdint.h>

#define INSTRUCTION_MAX         15      /* bytes */
#define INSTRUCTION_BUFFER      32      /* bytes that the decoder may look at */

/* The first eight in the order of their encoding. Those behind OPERATION_CMP up to OPERATION_BT only
 * read memory or only write it, as their names say. */
enum operation {
    OPERATION_ADD, OPERATION_OR, OPERATION_ADC, OPERATION_SBB, OPERATION_AND, OPERATION_SUB,
    OPERATION_XOR, OPERATION_CMP,
    OPERATION_TEST,
    OPERATION_STORE,            /* MOV and MOVNTI to memory */
    OPERATION_LOAD,             /* MOV and MOVZX from memory */
    OPERATION_LOAD_SIGNED,      /* MOVSX, MOVSXD */
    OPERATION_STOS, OPERATION_LODS,
    OPERATION_MOVS,             /* from segment:rSI to ES:rDI, which is the operand described */
    OPERATION_XCHG, OPERATION_XADD, OPERATION_CMPXCHG,
    OPERATION_NOT, OPERATION_NEG, OPERATION_INC, OPERATION_DEC,
    OPERATION_BT, OPERATION_BTS, OPERATION_BTR, OPERATION_BTC,
    OPERATION_NONE
};

/* What stands beside the operand in memory. */
enum other_operand { OTHER_NOTHING, OTHER_REGISTER, OTHER_IMMEDIATE };

/* General registers have the numbers of their encoding. */
#define INSTRUCTION_NO_REGISTER 16
#define INSTRUCTION_RIP         17      /* as a base: the address of the next instruction */

/* Segments have the numbers of their encoding, which enum guest_segment shares. */
enum { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS };

struct instruction {
    uint8_t length;
    uint8_t operation;          /* enum operation */
    uint8_t other;              /* enum other_operand */
    bool to_register;           /* the register, not memory, is the destination */
    bool locked;                /* has a LOCK prefix */
    bool repeated;              /* has a REP prefix */
    bool high_byte;             /* the register is AH, CH, DH or BH: bits 15:8 of `reg` */
    uint8_t memory_size;        /* bytes: 1, 2, 4, 8 */
    uint8_t register_size;      /* bytes; differs from memory_size where a load extends */
    uint8_t address_size;       /* bytes: 2, 4, 8 */
    uint8_t segment;            /* of the operand; of the source for MOVS */
    uint8_t reg;                /* OTHER_REGISTER: which one; 0 to 15 */
    uint8_t base, index;        /* registers or INSTRUCTION_NO_REGISTER; base may be _RIP */
    uint8_t scale;              /* of the index, as a shift: 0 to 3 */
    int64_t displacement;
    int64_t immediate;          /* sign-extended */
};

enum decoding {
    DECODED,
    DECODING_TRUNCATED,         /* it is longer than what is there */
    DECODING_NOT_MINE
};

/* Decodes the instruction at bytes[0] for code of `width` (16, 32 or 64). `available` bytes (at most
 * INSTRUCTION_MAX) are the guest's; what follows up to INSTRUCTION_BUFFER must be readable and has no
 * influence. *out is valid when DECODED is returned. Any CPU, any context. */
enum decoding instruction_decode(const uint8_t bytes[INSTRUCTION_BUFFER], unsigned available,
                                 unsigned width, struct instruction *out);

/* What happens to memory. Neither for a NOT_MINE. */
bool instruction_reads_memory(const struct instruction *instruction);
bool instruction_writes_memory(const struct instruction *instruction);

/* What 32 bits of memory and a general register become. */
struct instruction_values {
    uint32_t memory;            /* in: what is read, where it is; out: what is written, if it is */
    uint64_t other;             /* in: the register or immediate; out: the register */
    uint64_t rax;               /* STOS, LODS, CMPXCHG; out as well */
    uint64_t rflags;
    bool register_written;      /* out: `other` is the register's new value */
};

/* Carries out an instruction with a memory_size of 4, on values alone: addresses, string registers and
 * RIP are the caller's. Flags that the manuals leave undefined become what processors make of them. */
void instruction_execute(const struct instruction *instruction, struct instruction_values *values);

#endif
