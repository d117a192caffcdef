/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/advance.h"

#include "core/backend.h"
#include "core/guest_memory.h"
#include "core/step.h"
#include "x86/registers.h"

#define INSTRUCTION_MAX     15
#define TWO_BYTE_OPCODE     0x0f
#define GROUP_7             0x01
#define GROUP_7_SVM         0xd8    /* to DFh */
#define OPCODE_POPF         0x9d
#define OPCODE_INT3         0xcc
#define OPCODE_INT          0xcd
#define OPCODE_INTO         0xce
#define OPCODE_IRET         0xcf
#define OPCODE_INT1         0xf1

static bool is_legacy_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
    case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
        return true;
    default:
        return false;
    }
}

/* Copies the guest's next instruction and finds its opcode behind the prefixes; returns how many
 * bytes could be read. A REX prefix that is not the last one has no effect and is skipped too. */
static unsigned fetch(struct cpu *cpu, uint8_t bytes[INSTRUCTION_MAX], unsigned *opcode)
{
    unsigned available = (unsigned)guest_fetch(cpu, bytes, INSTRUCTION_MAX);
    bool rex = guest_code_width(cpu) == 64;
    unsigned i = 0;

    while (i < available && (is_legacy_prefix(bytes[i]) || (rex && (bytes[i] & 0xf0) == 0x40)))
        i++;
    *opcode = i;
    return available;
}

/* Length of the instruction `0F which` (no operands in memory, no immediate) with its prefixes; 0
 * when something else is there. */
static unsigned length_of(struct cpu *cpu, enum instruction which)
{
    uint8_t bytes[INSTRUCTION_MAX];
    unsigned i, available = fetch(cpu, bytes, &i);

    if (i + 2 > available || bytes[i] != TWO_BYTE_OPCODE || bytes[i + 1] != which)
        return 0;
    return i + 2;
}

bool guest_is_at_svm_instruction(struct cpu *cpu)
{
    uint8_t bytes[INSTRUCTION_MAX];
    unsigned i, available = fetch(cpu, bytes, &i);

    return i + 3 <= available && bytes[i] == TWO_BYTE_OPCODE && bytes[i + 1] == GROUP_7
           && (bytes[i + 2] & 0xf8) == GROUP_7_SVM;
}

bool guest_loads_rflags(struct cpu *cpu)
{
    uint8_t bytes[INSTRUCTION_MAX];
    unsigned i, available = fetch(cpu, bytes, &i);

    return i < available && (bytes[i] == OPCODE_POPF || bytes[i] == OPCODE_IRET);
}

unsigned guest_int_length(struct cpu *cpu)
{
    uint8_t bytes[INSTRUCTION_MAX];
    unsigned i, available = fetch(cpu, bytes, &i);

    if (i >= available)
        return 0;
    switch (bytes[i]) {
    case OPCODE_INT:
        return i + 2;
    case OPCODE_INT3:
    case OPCODE_INTO:
    case OPCODE_INT1:
        return i + 1;
    default:
        return 0;
    }
}

bool guest_is_at(struct cpu *cpu, enum instruction which)
{
    return length_of(cpu, which) != 0;
}

void guest_advance_to(struct cpu *cpu, uint64_t next_rip)
{
    uint64_t rflags = backend->register_read(cpu, GUEST_RFLAGS);

    backend->register_write(cpu, GUEST_RIP, next_rip);
    backend->register_write(cpu, GUEST_RFLAGS, rflags & ~RFLAGS_RF);
    backend->interrupt_shadow_write(cpu, 0);
    if (step_active(cpu)) {
        step_finish(cpu);
    } else if (rflags & RFLAGS_TF) {
        backend->register_write(cpu, GUEST_DR6,
                                backend->register_read(cpu, GUEST_DR6) | DR6_BS);
        event_raise(cpu, VECTOR_DB, false, 0);
    }
}

bool guest_advance_over(struct cpu *cpu, enum instruction which)
{
    static const uint64_t mask[] = { [16] = 0xffff, [32] = 0xffffffff, [64] = ~UINT64_C(0) };
    uint64_t next = backend->next_rip(cpu);

    if (!next) {
        unsigned length = length_of(cpu, which);

        if (!length)
            return false;
        next = (backend->register_read(cpu, GUEST_RIP) + length) & mask[guest_code_width(cpu)];
    }
    guest_advance_to(cpu, next);
    return true;
}
