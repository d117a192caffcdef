/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction lengths and operands (SDM Vol 2: Instruction Format > Instruction Prefixes, ModR/M and
 * SIB Bytes, Displacement and Immediate Bytes; Opcode Map). One pass, one table; what lies beyond the
 * bytes that are available is read, but then the answer is only that they were too few. */
#include "instruction/instruction.h"

#include <string.h>

/* An entry of the opcode maps: the operation in the low bits, and these. 0 is ADD's operation, so that
 * an opcode without an entry is known by its missing MODRM, OFFSET and STRING. */
#define OPERATION_BITS  0x1f
#define BYTE            0x0020          /* 8-bit operand */
#define TO_REGISTER     0x0040
#define IMMEDIATE_BYTE  0x0080          /* sign-extended */
#define IMMEDIATE_FULL  0x0100          /* as wide as the operand, 32 bits at most */
#define MODRM           0x0200
#define OFFSET          0x0400          /* an address follows the opcode; the register is rAX */
#define STRING          0x0800
#define GROUP           0x1000          /* the register field of ModR/M is part of the opcode */
#define LOCKABLE        0x2000
#define SOURCE_BYTE     0x4000          /* memory of 8 or 16 bits is extended */
#define SOURCE_WORD     0x8000
#define KNOWN           (MODRM | OFFSET | STRING)

#define ARITHMETIC(first, operation, lock)                                                         \
    [(first)] = (operation) | MODRM | BYTE | (lock), [(first) + 1] = (operation) | MODRM | (lock), \
    [(first) + 2] = (operation) | MODRM | BYTE | TO_REGISTER,                                      \
    [(first) + 3] = (operation) | MODRM | TO_REGISTER

static const uint16_t one_byte[256] = {
    ARITHMETIC(0x00, OPERATION_ADD, LOCKABLE), ARITHMETIC(0x08, OPERATION_OR, LOCKABLE),
    ARITHMETIC(0x10, OPERATION_ADC, LOCKABLE), ARITHMETIC(0x18, OPERATION_SBB, LOCKABLE),
    ARITHMETIC(0x20, OPERATION_AND, LOCKABLE), ARITHMETIC(0x28, OPERATION_SUB, LOCKABLE),
    ARITHMETIC(0x30, OPERATION_XOR, LOCKABLE), ARITHMETIC(0x38, OPERATION_CMP, 0),
    [0x63] = OPERATION_LOAD_SIGNED | MODRM | TO_REGISTER,
    [0x80] = MODRM | GROUP | BYTE | IMMEDIATE_BYTE,
    [0x81] = MODRM | GROUP | IMMEDIATE_FULL,
    [0x83] = MODRM | GROUP | IMMEDIATE_BYTE,
    [0x84] = OPERATION_TEST | MODRM | BYTE,
    [0x85] = OPERATION_TEST | MODRM,
    [0x86] = OPERATION_XCHG | MODRM | BYTE | LOCKABLE,
    [0x87] = OPERATION_XCHG | MODRM | LOCKABLE,
    [0x88] = OPERATION_STORE | MODRM | BYTE,
    [0x89] = OPERATION_STORE | MODRM,
    [0x8a] = OPERATION_LOAD | MODRM | BYTE | TO_REGISTER,
    [0x8b] = OPERATION_LOAD | MODRM | TO_REGISTER,
    [0xa0] = OPERATION_LOAD | OFFSET | BYTE | TO_REGISTER,
    [0xa1] = OPERATION_LOAD | OFFSET | TO_REGISTER,
    [0xa2] = OPERATION_STORE | OFFSET | BYTE,
    [0xa3] = OPERATION_STORE | OFFSET,
    [0xa4] = OPERATION_MOVS | STRING | BYTE,
    [0xa5] = OPERATION_MOVS | STRING,
    [0xaa] = OPERATION_STOS | STRING | BYTE,
    [0xab] = OPERATION_STOS | STRING,
    [0xac] = OPERATION_LODS | STRING | BYTE | TO_REGISTER,
    [0xad] = OPERATION_LODS | STRING | TO_REGISTER,
    [0xc6] = MODRM | GROUP | BYTE | IMMEDIATE_BYTE,
    [0xc7] = MODRM | GROUP | IMMEDIATE_FULL,
    [0xf6] = MODRM | GROUP | BYTE,
    [0xf7] = MODRM | GROUP,
    [0xfe] = MODRM | GROUP | BYTE,
    [0xff] = MODRM | GROUP,
};

static unsigned two_byte(uint8_t opcode)
{
    switch (opcode) {
    case 0xa3:
        return OPERATION_BT | MODRM;
    case 0xab:
        return OPERATION_BTS | MODRM | LOCKABLE;
    case 0xb3:
        return OPERATION_BTR | MODRM | LOCKABLE;
    case 0xbb:
        return OPERATION_BTC | MODRM | LOCKABLE;
    case 0xba:
        return MODRM | GROUP | IMMEDIATE_BYTE;
    case 0xb0:
        return OPERATION_CMPXCHG | MODRM | BYTE | LOCKABLE;
    case 0xb1:
        return OPERATION_CMPXCHG | MODRM | LOCKABLE;
    case 0xb6:
        return OPERATION_LOAD | MODRM | TO_REGISTER | SOURCE_BYTE;
    case 0xb7:
        return OPERATION_LOAD | MODRM | TO_REGISTER | SOURCE_WORD;
    case 0xbe:
        return OPERATION_LOAD_SIGNED | MODRM | TO_REGISTER | SOURCE_BYTE;
    case 0xbf:
        return OPERATION_LOAD_SIGNED | MODRM | TO_REGISTER | SOURCE_WORD;
    case 0xc0:
        return OPERATION_XADD | MODRM | BYTE | LOCKABLE;
    case 0xc1:
        return OPERATION_XADD | MODRM | LOCKABLE;
    case 0xc3:
        return OPERATION_STORE | MODRM;
    default:
        return 0;
    }
}

/* A group's member by the register field: its entry, 0 where it is something else. */
static unsigned group_member(unsigned entry, uint8_t opcode, unsigned field)
{
    static const uint16_t unary[8] = { OPERATION_TEST | IMMEDIATE_FULL, 0, OPERATION_NOT | LOCKABLE,
                                       OPERATION_NEG | LOCKABLE };
    unsigned member;

    switch (opcode) {
    case 0x80: case 0x81: case 0x83:
        return entry | field | (field == OPERATION_CMP ? 0 : LOCKABLE);
    case 0xc6: case 0xc7:
        return field == 0 ? entry | OPERATION_STORE : 0;
    case 0xf6: case 0xf7:
        member = unary[field];
        if (member & IMMEDIATE_FULL && entry & BYTE)
            member ^= IMMEDIATE_FULL | IMMEDIATE_BYTE;
        return member ? entry | member : 0;
    case 0xfe: case 0xff:
        return field < 2 ? entry | (OPERATION_INC + field) | LOCKABLE : 0;
    default:
        if (field < 4)
            return 0;
        return entry | (OPERATION_BT + field - 4) | (field == 4 ? 0 : LOCKABLE);
    }
}

struct prefixes {
    bool operand_size, address_size, lock, repeat, bad;
    uint8_t rex;                /* 0: none */
    uint8_t segment;            /* SEGMENT_…; NO_SEGMENT: none */
};

#define NO_SEGMENT      0xff
#define REX_W           8
#define REX_R           4
#define REX_X           2
#define REX_B           1

static void take_segment(struct prefixes *prefixes, unsigned segment)
{
    /* Which of several counts is not written down for all modes. */
    prefixes->bad |= prefixes->segment != NO_SEGMENT;
    prefixes->segment = (uint8_t)segment;
}

/* True when `byte` is a legacy prefix, which is then taken. F2 has no meaning for what is known here. */
static bool take_prefix(struct prefixes *prefixes, uint8_t byte)
{
    switch (byte) {
    case 0x26: case 0x2e: case 0x36: case 0x3e:
        take_segment(prefixes, byte >> 3 & 3);
        return true;
    case 0x64: case 0x65:
        take_segment(prefixes, byte & 7);
        return true;
    case 0x66:
        prefixes->operand_size = true;
        return true;
    case 0x67:
        prefixes->address_size = true;
        return true;
    case 0xf0:
        prefixes->lock = true;
        return true;
    case 0xf2:
        prefixes->bad = true;
        return true;
    case 0xf3:
        prefixes->repeat = true;
        return true;
    default:
        return false;
    }
}

/* A REX has an effect only as the last prefix. What another one follows is not the same everywhere:
 * QEMU lets it count. */
static unsigned skip_prefixes(const uint8_t *bytes, unsigned width, struct prefixes *prefixes)
{
    unsigned at = 0;

    *prefixes = (struct prefixes){ .segment = NO_SEGMENT };
    for (; at < INSTRUCTION_MAX; at++) {
        bool rex = width == 64 && (bytes[at] & 0xf0) == 0x40;

        if (!rex && !take_prefix(prefixes, bytes[at]))
            break;
        prefixes->bad |= prefixes->rex != 0;
        prefixes->rex = rex ? bytes[at] : 0;
    }
    return at;
}

static int64_t read_signed(const uint8_t *bytes, unsigned size)
{
    int32_t four;
    int16_t two;

    switch (size) {
    case 1:
        return (int8_t)bytes[0];
    case 2:
        memcpy(&two, bytes, sizeof two);
        return two;
    default:
        memcpy(&four, bytes, sizeof four);
        return four;
    }
}

/* 16-bit addresses; returns where the next field is. */
static unsigned address_16(const uint8_t *bytes, unsigned at, unsigned mod, unsigned rm,
                           struct instruction *out)
{
    static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
    static const uint8_t index[8] = { 6, 7, 6, 7, INSTRUCTION_NO_REGISTER, INSTRUCTION_NO_REGISTER,
                                      INSTRUCTION_NO_REGISTER, INSTRUCTION_NO_REGISTER };
    unsigned size = mod == 0 ? (rm == 6 ? 2 : 0) : mod;

    out->base = base[rm];
    out->index = index[rm];
    if (mod == 0 && rm == 6)
        out->base = INSTRUCTION_NO_REGISTER;
    if (out->base == 5)
        out->segment = SEGMENT_SS;
    if (size)
        out->displacement = read_signed(bytes + at, size);
    return at + size;
}

static unsigned address_sib(const uint8_t *bytes, unsigned at, unsigned mod, unsigned rex,
                            struct instruction *out)
{
    unsigned sib = bytes[at];

    out->base = (uint8_t)((sib & 7) | (rex & REX_B) << 3);
    out->index = (uint8_t)((sib >> 3 & 7) | (rex & REX_X) << 2);
    out->scale = (uint8_t)(sib >> 6);
    if (out->index == 4) {
        out->index = INSTRUCTION_NO_REGISTER;
        out->scale = 0;
    }
    if (mod == 0 && (sib & 7) == 5) {
        out->base = INSTRUCTION_NO_REGISTER;
        out->displacement = read_signed(bytes + at + 1, 4);
        return at + 5;
    }
    return at + 1;
}

/* 32-bit and 64-bit addresses. */
static unsigned address_32(const uint8_t *bytes, unsigned at, unsigned modrm, unsigned rex,
                           unsigned width, struct instruction *out)
{
    unsigned mod = modrm >> 6, rm = modrm & 7;

    if (rm == 4) {
        at = address_sib(bytes, at, mod, rex, out);
    } else if (mod == 0 && rm == 5) {
        out->base = width == 64 ? INSTRUCTION_RIP : INSTRUCTION_NO_REGISTER;
        out->displacement = read_signed(bytes + at, 4);
        return at + 4;
    } else {
        out->base = (uint8_t)(rm | (rex & REX_B) << 3);
    }
    if (out->base == 4 || out->base == 5)
        out->segment = SEGMENT_SS;
    if (mod) {
        unsigned size = mod == 1 ? 1 : 4;

        out->displacement = read_signed(bytes + at, size);
        return at + size;
    }
    return at;
}

static unsigned take_modrm(const uint8_t *bytes, unsigned at, unsigned rex, unsigned width,
                           struct instruction *out)
{
    unsigned modrm = bytes[at++];

    out->reg = (uint8_t)((modrm >> 3 & 7) | (rex & REX_R) << 1);
    if (out->address_size == 2)
        return address_16(bytes, at, modrm >> 6, modrm & 7, out);
    return address_32(bytes, at, modrm, rex, width, out);
}

static unsigned take_offset(const uint8_t *bytes, unsigned at, struct instruction *out)
{
    out->reg = 0;
    out->displacement = 0;
    memcpy(&out->displacement, bytes + at, out->address_size);
    return at + out->address_size;
}

static void take_string(struct instruction *out)
{
    out->reg = 0;
    out->base = out->operation == OPERATION_LODS ? 6 : 7;
    if (out->operation == OPERATION_STOS)
        out->segment = SEGMENT_ES;
}

/* In 64-bit code only FS and GS have a base, and a prefix for another segment is as good as none. */
static void override_segment(const struct prefixes *prefixes, unsigned width,
                             struct instruction *out)
{
    if (prefixes->segment == NO_SEGMENT || out->operation == OPERATION_STOS)
        return;
    if (width != 64 || prefixes->segment >= SEGMENT_FS)
        out->segment = prefixes->segment;
}

static unsigned operand_size(const struct prefixes *prefixes, unsigned width)
{
    if (prefixes->rex & REX_W)
        return 8;
    return prefixes->operand_size != (width == 16) ? 2 : 4;
}

static unsigned address_size(const struct prefixes *prefixes, unsigned width)
{
    if (width == 64)
        return prefixes->address_size ? 4 : 8;
    return prefixes->address_size != (width == 16) ? 2 : 4;
}

/* Sizes, and what is no instruction or not the same on every processor with these prefixes. */
static bool take_sizes(const struct prefixes *prefixes, unsigned width, unsigned opcode,
                       unsigned entry, struct instruction *out)
{
    unsigned size = operand_size(prefixes, width);

    if (opcode == 0x0fc3) {                     /* MOVNTI */
        if (prefixes->operand_size)
            return false;
        size = size == 8 ? 8 : 4;
    } else if (opcode == 0x63) {                /* MOVSXD; ARPL outside of 64-bit code */
        if (width != 64 || size == 2)
            return false;
    }
    out->register_size = entry & BYTE ? 1 : (uint8_t)size;
    out->memory_size = entry & SOURCE_BYTE ? 1 : entry & SOURCE_WORD ? 2
                     : opcode == 0x63 ? 4 : out->register_size;
    out->address_size = (uint8_t)address_size(prefixes, width);
    return true;
}

static void take_other(unsigned entry, unsigned rex, struct instruction *out)
{
    if (entry & (IMMEDIATE_BYTE | IMMEDIATE_FULL)) {
        out->other = OTHER_IMMEDIATE;
        return;
    }
    if (entry & (GROUP | STRING)) {
        out->other = OTHER_NOTHING;
        return;
    }
    out->other = OTHER_REGISTER;
    if (entry & BYTE && !rex && out->reg >= 4 && !(entry & OFFSET)) {
        out->high_byte = true;
        out->reg -= 4;
    }
}

/* Everything behind the prefixes; false: not mine. *end is where it ends, or where it stopped. */
static bool decode(const uint8_t *bytes, const struct prefixes *prefixes, unsigned width,
                   unsigned *end, struct instruction *out)
{
    unsigned opcode = bytes[(*end)++], entry;

    if (opcode == 0x0f) {
        opcode = 0x0f00 | bytes[(*end)++];
        entry = two_byte((uint8_t)opcode);
    } else {
        entry = one_byte[opcode];
    }
    if (!(entry & KNOWN))
        return false;
    if (entry & MODRM) {
        uint8_t modrm = bytes[(*end)++];

        if (modrm >= 0xc0)
            return false;
        if (entry & GROUP && !(entry = group_member(entry, (uint8_t)opcode, modrm >> 3 & 7)))
            return false;
    }
    if (prefixes->bad || (prefixes->lock && !(entry & LOCKABLE))
        || (prefixes->repeat && !(entry & STRING)))
        return false;
    *out = (struct instruction){
        .operation = entry & OPERATION_BITS,
        .to_register = entry & TO_REGISTER,
        .locked = prefixes->lock,
        .repeated = prefixes->repeat,
        .segment = SEGMENT_DS,
        .base = INSTRUCTION_NO_REGISTER,
        .index = INSTRUCTION_NO_REGISTER,
    };
    if (!take_sizes(prefixes, width, opcode, entry, out))
        return false;
    if (entry & MODRM)
        *end = take_modrm(bytes, *end - 1, prefixes->rex, width, out);
    else if (entry & OFFSET)
        *end = take_offset(bytes, *end, out);
    else
        take_string(out);
    override_segment(prefixes, width, out);
    take_other(entry, prefixes->rex, out);
    if (out->other == OTHER_IMMEDIATE) {
        unsigned size = entry & IMMEDIATE_BYTE ? 1 : out->register_size == 2 ? 2 : 4;

        out->immediate = read_signed(bytes + *end, size);
        *end += size;
    }
    return true;
}

enum decoding instruction_decode(const uint8_t bytes[INSTRUCTION_BUFFER], unsigned available,
                                 unsigned width, struct instruction *out)
{
    struct prefixes prefixes;
    unsigned end = skip_prefixes(bytes, width, &prefixes);
    bool mine = end < INSTRUCTION_MAX && decode(bytes, &prefixes, width, &end, out);

    if (end > available)
        return available < INSTRUCTION_MAX ? DECODING_TRUNCATED : DECODING_NOT_MINE;
    out->length = (uint8_t)end;
    return mine ? DECODED : DECODING_NOT_MINE;
}
