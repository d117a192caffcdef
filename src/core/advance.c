/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/advance.h"

#include "core/backend.h"
#include "core/guest_memory.h"
#include "core/step.h"
#include "x86/registers.h"

#define TWO_BYTE_OPCODE     0x0f
#define GROUP_7             0x01
#define GROUP_7_SVM         0xd8    /* to DFh */
#define OPCODE_MOV_STORE_8  0x88
#define OPCODE_MOV_STORE    0x89
#define OPCODE_POPF         0x9d
#define OPCODE_MOV_OFFSET_8 0xa2
#define OPCODE_MOV_OFFSET   0xa3
#define OPCODE_STOS_8       0xaa
#define OPCODE_STOS         0xab
#define OPCODE_MOV_IMMEDIATE_8 0xc6
#define OPCODE_MOV_IMMEDIATE 0xc7
#define OPCODE_INT3         0xcc
#define OPCODE_INT          0xcd
#define OPCODE_INTO         0xce
#define OPCODE_IRET         0xcf
#define OPCODE_INT1         0xf1

/* A bit for each byte that is a prefix: 26, 2E, 36, 3E, 64 to 67, F0, F2, F3; in 64-bit code 40 to 4F
 * (REX) too. */
#define LEGACY_PREFIXES                                                                             \
    [0x20 / 32] = 1u << 0x06 | 1u << 0x0e | 1u << 0x16 | 1u << 0x1e,                               \
    [0x60 / 32] = 0xfu << 4,                                                                       \
    [0xe0 / 32] = 1u << 0x10 | 1u << 0x12 | 1u << 0x13

static const uint32_t prefixes[8] = { LEGACY_PREFIXES };
static const uint32_t prefixes_64[8] = { LEGACY_PREFIXES, [0x40 / 32] = 0xffff };

/* Copies the guest's next instruction and finds its opcode behind the prefixes: its index in
 * code->bytes. A REX prefix that is not the last one has no effect and is skipped too. */
static unsigned fetch(struct cpu *cpu, struct guest_code *code)
{
    const uint32_t *table;
    unsigned i = 0;

    guest_fetch(cpu, code);
    table = code->width == 64 ? prefixes_64 : prefixes;
    while (i < code->available && table[code->bytes[i] / 32] >> code->bytes[i] % 32 & 1)
        i++;
    return i;
}

/* The byte at an index, or -1 when the instruction ends before it. */
static int byte_at(const struct guest_code *code, unsigned index)
{
    return index < code->available ? code->bytes[index] : -1;
}

/* Length of the instruction `0F which` (no operands in memory, no immediate) with its prefixes; 0
 * when something else is there. */
static unsigned length_of(const struct guest_code *code, unsigned opcode, enum instruction which)
{
    return byte_at(code, opcode) == TWO_BYTE_OPCODE && byte_at(code, opcode + 1) == (int)which
           ? opcode + 2 : 0;
}

bool guest_is_at_svm_instruction(struct cpu *cpu)
{
    struct guest_code code;
    unsigned opcode = fetch(cpu, &code);

    return byte_at(&code, opcode) == TWO_BYTE_OPCODE && byte_at(&code, opcode + 1) == GROUP_7
           && (byte_at(&code, opcode + 2) & ~7) == GROUP_7_SVM;
}

bool guest_loads_rflags(struct cpu *cpu)
{
    struct guest_code code;
    int opcode = byte_at(&code, fetch(cpu, &code));

    return opcode == OPCODE_POPF || opcode == OPCODE_IRET;
}

/* The delivery of an event is no instruction. */
bool guest_only_stores(struct cpu *cpu)
{
    struct guest_code code;

    if (cpu->interrupted.valid)
        return false;
    switch (byte_at(&code, fetch(cpu, &code))) {
    case OPCODE_MOV_STORE_8: case OPCODE_MOV_STORE:
    case OPCODE_MOV_OFFSET_8: case OPCODE_MOV_OFFSET:
    case OPCODE_MOV_IMMEDIATE_8: case OPCODE_MOV_IMMEDIATE:
    case OPCODE_STOS_8: case OPCODE_STOS:
        return true;
    default:
        return false;
    }
}

unsigned guest_int_length(struct cpu *cpu)
{
    struct guest_code code;
    unsigned opcode = fetch(cpu, &code);

    switch (byte_at(&code, opcode)) {
    case OPCODE_INT:
        return opcode + 2;
    case OPCODE_INT3:
    case OPCODE_INTO:
    case OPCODE_INT1:
        return opcode + 1;
    default:
        return 0;
    }
}

bool guest_is_at(struct cpu *cpu, enum instruction which)
{
    struct guest_code code;
    unsigned opcode = fetch(cpu, &code);

    return length_of(&code, opcode, which) != 0;
}

void guest_advance_to(struct cpu *cpu, uint64_t next_rip)
{
    uint64_t rflags = backend->advance(cpu, next_rip);

    if (step_active(cpu)) {
        step_finish(cpu);
    } else if (rflags & RFLAGS_TF) {
        backend->register_write(cpu, GUEST_DR6,
                                backend->register_read(cpu, GUEST_DR6) | DR6_BS);
        event_raise(cpu, VECTOR_DB, false, 0);
    }
}

/* Where the instruction ends, from its bytes; false when another is there. */
static bool end_of(struct cpu *cpu, enum instruction which, uint64_t *next)
{
    static const uint64_t mask[] = { [16] = 0xffff, [32] = 0xffffffff, [64] = ~UINT64_C(0) };
    struct guest_code code;
    unsigned opcode = fetch(cpu, &code), length = length_of(&code, opcode, which);

    *next = (code.rip + length) & mask[code.width];
    return length != 0;
}

bool guest_find_next(struct cpu *cpu, enum instruction which, uint64_t *next_rip)
{
    *next_rip = backend->next_rip(cpu);
    return *next_rip || end_of(cpu, which, next_rip);
}

bool guest_advance_over(struct cpu *cpu, enum instruction which)
{
    uint64_t next;

    if (!guest_find_next(cpu, which, &next))
        return false;
    guest_advance_to(cpu, next);
    return true;
}
