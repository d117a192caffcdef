/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Capstone 4.0.2 gets wrong is excused by is_wrong_in_capstone(), one case each with the reason;
 * what the decoder leaves to others though Capstone knows it, by is_handed_over().
 */
#include "instruction_oracle.h"

#include <capstone/capstone.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instruction/instruction.h"

#define ADDRESS 0x100000

struct instruction_oracle_counts instruction_oracle_counts;

static char complaint[512];

struct named_register {
    x86_reg name;
    uint8_t number, size;
    bool high;
};

#define FOUR(number, q, d, w, b)                                                       \
    { X86_REG_##q, number, 8, false }, { X86_REG_##d, number, 4, false },              \
    { X86_REG_##w, number, 2, false }, { X86_REG_##b, number, 1, false }

static const struct named_register registers[] = {
    FOUR(0, RAX, EAX, AX, AL), FOUR(1, RCX, ECX, CX, CL), FOUR(2, RDX, EDX, DX, DL),
    FOUR(3, RBX, EBX, BX, BL), FOUR(4, RSP, ESP, SP, SPL), FOUR(5, RBP, EBP, BP, BPL),
    FOUR(6, RSI, ESI, SI, SIL), FOUR(7, RDI, EDI, DI, DIL), FOUR(8, R8, R8D, R8W, R8B),
    FOUR(9, R9, R9D, R9W, R9B), FOUR(10, R10, R10D, R10W, R10B),
    FOUR(11, R11, R11D, R11W, R11B), FOUR(12, R12, R12D, R12W, R12B),
    FOUR(13, R13, R13D, R13W, R13B), FOUR(14, R14, R14D, R14W, R14B),
    FOUR(15, R15, R15D, R15W, R15B),
    { X86_REG_AH, 0, 1, true }, { X86_REG_CH, 1, 1, true },
    { X86_REG_DH, 2, 1, true }, { X86_REG_BH, 3, 1, true },
    { X86_REG_RIP, INSTRUCTION_RIP, 8, false }, { X86_REG_EIP, INSTRUCTION_RIP, 4, false },
    { X86_REG_RIZ, INSTRUCTION_NO_REGISTER, 8, false },
    { X86_REG_EIZ, INSTRUCTION_NO_REGISTER, 4, false },
};

static const struct named_register *find_register(x86_reg name)
{
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        if (registers[i].name == name)
            return &registers[i];
    }
    return NULL;
}

static const struct {
    unsigned name;
    uint8_t operation;
} operations[] = {
    { X86_INS_ADD, OPERATION_ADD }, { X86_INS_OR, OPERATION_OR }, { X86_INS_ADC, OPERATION_ADC },
    { X86_INS_SBB, OPERATION_SBB }, { X86_INS_AND, OPERATION_AND }, { X86_INS_SUB, OPERATION_SUB },
    { X86_INS_XOR, OPERATION_XOR }, { X86_INS_CMP, OPERATION_CMP },
    { X86_INS_TEST, OPERATION_TEST }, { X86_INS_MOV, OPERATION_STORE },
    { X86_INS_MOVABS, OPERATION_STORE }, { X86_INS_MOVNTI, OPERATION_STORE },
    { X86_INS_MOVZX, OPERATION_LOAD }, { X86_INS_MOVSX, OPERATION_LOAD_SIGNED },
    { X86_INS_MOVSXD, OPERATION_LOAD_SIGNED }, { X86_INS_XCHG, OPERATION_XCHG },
    { X86_INS_XADD, OPERATION_XADD }, { X86_INS_CMPXCHG, OPERATION_CMPXCHG },
    { X86_INS_NOT, OPERATION_NOT }, { X86_INS_NEG, OPERATION_NEG }, { X86_INS_INC, OPERATION_INC },
    { X86_INS_DEC, OPERATION_DEC }, { X86_INS_BT, OPERATION_BT }, { X86_INS_BTS, OPERATION_BTS },
    { X86_INS_BTR, OPERATION_BTR }, { X86_INS_BTC, OPERATION_BTC },
    { X86_INS_STOSB, OPERATION_STOS }, { X86_INS_STOSW, OPERATION_STOS },
    { X86_INS_STOSD, OPERATION_STOS }, { X86_INS_STOSQ, OPERATION_STOS },
    { X86_INS_LODSB, OPERATION_LODS }, { X86_INS_LODSW, OPERATION_LODS },
    { X86_INS_LODSD, OPERATION_LODS }, { X86_INS_LODSQ, OPERATION_LODS },
    { X86_INS_MOVSB, OPERATION_MOVS }, { X86_INS_MOVSW, OPERATION_MOVS },
    { X86_INS_MOVSD, OPERATION_MOVS }, { X86_INS_MOVSQ, OPERATION_MOVS },
};

/* The decoder's name for it, with an operand in memory; OPERATION_NONE when it is not one of its. */
static unsigned operation_of(const cs_insn *insn)
{
    const cs_x86 *x86 = &insn->detail->x86;
    bool memory = false;

    for (unsigned i = 0; i < x86->op_count; i++) {
        if (x86->operands[i].type == X86_OP_REG && !find_register(x86->operands[i].reg))
            return OPERATION_NONE;      /* MOV to a segment register, the SSE2 MOVSD */
        memory |= x86->operands[i].type == X86_OP_MEM;
    }
    if (!memory)
        return OPERATION_NONE;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].name != insn->id)
            continue;
        if (operations[i].operation == OPERATION_STORE && x86->operands[0].type == X86_OP_REG)
            return OPERATION_LOAD;
        return operations[i].operation;
    }
    return OPERATION_NONE;
}

struct prefix_bytes {
    unsigned count, segments;
    bool f2, f3, lock, operand_size, idle_rex;
};

static struct prefix_bytes prefix_bytes(const uint8_t *bytes, size_t size, unsigned width)
{
    struct prefix_bytes found = { 0 };
    bool last_is_rex = false;

    for (; found.count < size; found.count++) {
        uint8_t byte = bytes[found.count];
        bool rex = width == 64 && (byte & 0xf0) == 0x40;

        if (!rex && !memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte, 11))
            break;
        found.idle_rex |= last_is_rex;
        last_is_rex = rex;
        found.segments += (byte & 0xe7) == 0x26 || (byte & 0xfe) == 0x64;
        found.f2 |= byte == 0xf2;
        found.f3 |= byte == 0xf3;
        found.lock |= byte == 0xf0;
        found.operand_size |= byte == 0x66;
    }
    return found;
}

static bool is_string(unsigned operation)
{
    return operation == OPERATION_STOS || operation == OPERATION_LODS
           || operation == OPERATION_MOVS;
}

/* What Capstone decodes and the decoder does not want. */
static bool is_handed_over(const uint8_t *bytes, size_t size, unsigned width, unsigned operation)
{
    struct prefix_bytes prefixes = prefix_bytes(bytes, size, width);
    const uint8_t *opcode = bytes + prefixes.count;
    size_t left = size - prefixes.count;

    if (prefixes.idle_rex)
        return true;            /* a REX that another prefix follows: it should have no effect */
    if (prefixes.segments > 1 || prefixes.f2)
        return true;            /* which counts is not the same everywhere; XACQUIRE, undefined REPNE */
    if (prefixes.f3 && !is_string(operation))
        return true;            /* XRELEASE */
    if (prefixes.lock)
        return true;            /* #UD; where it is not, decoded_right() has seen to it */
    if (left > 1 && opcode[0] == 0x82)
        return true;            /* another 80h in 16-bit and 32-bit code */
    if (left > 1 && (opcode[0] & 0xfe) == 0xf6 && (opcode[1] >> 3 & 7) == 1)
        return true;            /* another TEST that not all manuals have */
    if (left > 1 && opcode[0] == 0x0f && opcode[1] == 0xc3 && prefixes.operand_size)
        return true;            /* 66 MOVNTI is #UD */
    if (opcode[0] == 0x63)
        return true;            /* MOVSXD of 16 bits: the vendors read different sizes */
    return opcode[0] == 0x8c || opcode[0] == 0x8e;
}

/*
 * Errors of Capstone 4.0.2 (SDM Vol 2: Instruction Format > Instruction Prefixes; REX Prefixes;
 * MOVS/MOVSB/MOVSW/MOVSD/MOVSQ; MOVSX/MOVSXD):
 *  - 66 with F3 before a string instruction: it shows 32 bits where 66 makes it 16 (or 32 in 16-bit code);
 *  - MOVSXD without REX.W: it shows a 64-bit register;
 */
static bool is_wrong_in_capstone(const struct prefix_bytes *prefixes, uint8_t opcode,
                                 const struct instruction *ours)
{
    if (is_string(ours->operation) && ours->memory_size != 1)
        return prefixes->operand_size && prefixes->f3 && strstr(complaint, "size of ");
    return opcode == 0x63 && ours->register_size == 4 && strstr(complaint, "size of the register");
}

static bool complain(const char *what, const cs_insn *insn, unsigned ours, unsigned theirs)
{
    snprintf(complaint, sizeof complaint, "%s: %#x, but Capstone has %#x (%s %s)", what, ours, theirs,
             insn->mnemonic, insn->op_str);
    return false;
}

static uint64_t mask_of(unsigned bytes)
{
    return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

static unsigned segment_of(const cs_x86_op *operand, unsigned width, unsigned fallback)
{
    static const x86_reg names[] = { X86_REG_ES, X86_REG_CS, X86_REG_SS,
                                     X86_REG_DS, X86_REG_FS, X86_REG_GS };

    for (unsigned i = 0; i < 6; i++) {
        if (operand->mem.segment == names[i] && (width != 64 || i >= SEGMENT_FS))
            return i;
    }
    return fallback;
}

static bool same_address(const cs_insn *insn, const cs_x86_op *operand, unsigned width,
                         const struct instruction *ours)
{
    const struct named_register *base = find_register(operand->mem.base);
    const struct named_register *index = find_register(operand->mem.index);
    unsigned base_number = base ? base->number : INSTRUCTION_NO_REGISTER;
    unsigned index_number = index ? index->number : INSTRUCTION_NO_REGISTER;
    unsigned fallback = base_number == 4 || base_number == 5 ? SEGMENT_SS : SEGMENT_DS;
    unsigned segment = segment_of(operand, width, fallback);
    uint64_t mask = mask_of(ours->address_size);

    if (base_number != ours->base || (base && base->size != ours->address_size))
        return complain("base", insn, ours->base, base_number);
    if (index_number != ours->index || (index && index->size != ours->address_size))
        return complain("index", insn, ours->index, index_number);
    if (index_number != INSTRUCTION_NO_REGISTER && operand->mem.scale != 1 << ours->scale)
        return complain("scale", insn, 1u << ours->scale, (unsigned)operand->mem.scale);
    if (((uint64_t)operand->mem.disp & mask) != ((uint64_t)ours->displacement & mask))
        return complain("displacement", insn, (unsigned)ours->displacement,
                        (unsigned)operand->mem.disp);
    /* Without bases the three are the same in 64-bit code. */
    if (segment != ours->segment && (width != 64 || segment >= SEGMENT_FS
                                     || ours->segment >= SEGMENT_FS))
        return complain("segment", insn, ours->segment, segment);
    if (operand->size != ours->memory_size)
        return complain("size of memory", insn, ours->memory_size, operand->size);
    return true;
}

static bool same_register(const cs_insn *insn, const cs_x86_op *operand,
                          const struct instruction *ours)
{
    const struct named_register *named = find_register(operand->reg);

    if (ours->other != OTHER_REGISTER)
        return is_string(ours->operation) || complain("other operand", insn, ours->other, 1);
    if (named->number != ours->reg || named->high != ours->high_byte)
        return complain("register", insn, ours->reg, named->number);
    if (named->size != ours->register_size)
        return complain("size of the register", insn, ours->register_size, named->size);
    return true;
}

static bool same_operands(const cs_insn *insn, unsigned width, const struct instruction *ours)
{
    const cs_x86 *x86 = &insn->detail->x86;

    for (unsigned i = 0; i < x86->op_count; i++) {
        const cs_x86_op *operand = &x86->operands[i];

        if (operand->type == X86_OP_MEM) {
            struct instruction described = *ours;

            if (ours->operation == OPERATION_MOVS) {
                described.base = i == 0 ? 7 : 6;
                described.segment = i == 0 ? (uint8_t)SEGMENT_ES : ours->segment;
            }
            if (!same_address(insn, operand, width, &described))
                return false;
        } else if (operand->type == X86_OP_REG) {
            if ((i == 0) != ours->to_register && !is_string(ours->operation))
                return complain("destination", insn, ours->to_register, i == 0);
            if (!same_register(insn, operand, ours))
                return false;
        } else if (ours->other != OTHER_IMMEDIATE) {
            return complain("other operand", insn, ours->other, OTHER_IMMEDIATE);
        } else if ((uint64_t)(operand->imm ^ ours->immediate)
                   & mask_of(ours->operation >= OPERATION_BT ? 1 : ours->memory_size)) {
            return complain("immediate", insn, (unsigned)ours->immediate, (unsigned)operand->imm);
        }
    }
    return true;
}

static bool decoded_right(const cs_insn *insn, unsigned width, const struct instruction *ours)
{
    const cs_x86 *x86 = &insn->detail->x86;

    if (insn->size != ours->length)
        return complain("length", insn, ours->length, insn->size);
    if (operation_of(insn) != ours->operation)
        return complain("operation", insn, ours->operation, operation_of(insn));
    if (ours->locked != (x86->prefix[0] == X86_PREFIX_LOCK))
        return complain("LOCK", insn, ours->locked, x86->prefix[0]);
    if (is_string(ours->operation) && ours->repeated != (x86->prefix[0] == X86_PREFIX_REP))
        return complain("REP", insn, ours->repeated, x86->prefix[0]);
    return same_operands(insn, width, ours);
}

static csh handle_of(unsigned width)
{
    static csh handles[3];
    csh *handle = &handles[width / 32];

    if (!*handle) {
        static const cs_mode modes[] = { CS_MODE_16, CS_MODE_32, CS_MODE_64 };

        if (cs_open(CS_ARCH_X86, modes[width / 32], handle) != CS_ERR_OK)
            abort();
        cs_option(*handle, CS_OPT_DETAIL, CS_OPT_ON);
    }
    return *handle;
}

/* Decodes with something else behind the bytes each time: it must not matter. */
static enum decoding decode(const uint8_t *bytes, unsigned size, unsigned width,
                            struct instruction *out)
{
    uint8_t buffer[INSTRUCTION_BUFFER];
    struct instruction again;
    enum decoding first, second;

    memset(out, 0, sizeof *out);
    memset(&again, 0, sizeof again);
    memset(buffer, 0, sizeof buffer);
    memcpy(buffer, bytes, size);
    first = instruction_decode(buffer, size, width, out);
    memset(buffer + size, 0xff, sizeof buffer - size);
    second = instruction_decode(buffer, size, width, &again);
    if (first != second || (first == DECODED && memcmp(out, &again, sizeof again)))
        abort();
    return first;
}

static bool shorter_is_truncated(const uint8_t *bytes, unsigned length, unsigned width)
{
    struct instruction out;

    for (unsigned size = 0; size < length; size++) {
        if (decode(bytes, size, width, &out) != DECODING_TRUNCATED) {
            snprintf(complaint, sizeof complaint, "%u of %u bytes are not called too few", size,
                     length);
            return false;
        }
    }
    return true;
}

/* What Capstone makes of the bytes: false where it knows no instruction. */
static bool ask_capstone(const uint8_t *bytes, size_t size, unsigned width, cs_insn **insn)
{
    static cs_insn *only;
    csh handle = handle_of(width);
    uint64_t address = ADDRESS;

    if (!only)
        only = cs_malloc(handle);
    *insn = only;
    return cs_disasm_iter(handle, &bytes, &size, &address, only);
}

static const char *decoded(const uint8_t *bytes, size_t size, unsigned width, cs_insn *insn,
                           const struct instruction *ours)
{
    struct prefix_bytes prefixes = prefix_bytes(bytes, size, width);

    instruction_oracle_counts.decoded++;
    if (!shorter_is_truncated(bytes, ours->length, width))
        return complaint;
    if (!insn)
        return "Capstone cannot decode it";
    if (decoded_right(insn, width, ours))
        return NULL;
    if (!is_wrong_in_capstone(&prefixes, bytes[prefixes.count], ours))
        return complaint;
    instruction_oracle_counts.excused++;
    return NULL;
}

const char *instruction_oracle(const uint8_t *bytes, size_t size, unsigned width)
{
    struct instruction ours;
    enum decoding result;
    cs_insn *insn;

    if (size > INSTRUCTION_MAX)
        size = INSTRUCTION_MAX;
    if (!ask_capstone(bytes, size, width, &insn))
        insn = NULL;
    instruction_oracle_counts.inputs++;
    result = decode(bytes, (unsigned)size, width, &ours);
    if (result == DECODED)
        return decoded(bytes, size, width, insn, &ours);
    if (!insn || operation_of(insn) == OPERATION_NONE)
        return NULL;
    if (is_handed_over(bytes, size, width, operation_of(insn))) {
        instruction_oracle_counts.handed_over++;
        return NULL;
    }
    snprintf(complaint, sizeof complaint, "%s: Capstone has %s %s",
             result == DECODING_TRUNCATED ? "called too short" : "not decoded", insn->mnemonic,
             insn->op_str);
    return complaint;
}
