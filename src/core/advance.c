/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/advance.h"

#include "core/backend.h"
#include "core/guest_code.h"
#include "core/step.h"
#include "x86/registers.h"

#define TWO_BYTE_OPCODE     0x0f
#define GROUP_7             0x01
#define GROUP_7_SVM         0xd8    /* to DFh */
#define OPCODE_PUSHF        0x9c
#define OPCODE_POPF         0x9d
#define OPCODE_INT3         0xcc
#define OPCODE_INT          0xcd
#define OPCODE_INTO         0xce
#define OPCODE_IRET         0xcf
#define OPCODE_INT1         0xf1

/* The byte at an index, or -1 when the instruction ends before it. */
static int byte_at(const struct guest_code *code, unsigned index)
{
    return index < code->available ? code->bytes[index] : -1;
}

static int opcode_of(const struct guest_code *code)
{
    return byte_at(code, code->opcode);
}

bool guest_is_at_svm_instruction(struct cpu *cpu)
{
    const struct guest_code *code = backend->code(cpu);

    return opcode_of(code) == TWO_BYTE_OPCODE && code->second == GROUP_7
           && (byte_at(code, code->opcode + 2) & ~7) == GROUP_7_SVM;
}

bool guest_loads_rflags(struct cpu *cpu)
{
    int opcode = opcode_of(backend->code(cpu));

    return opcode == OPCODE_POPF || opcode == OPCODE_IRET;
}

/* The delivery of an event is no instruction. */
bool guest_pushes_rflags(struct cpu *cpu)
{
    return !cpu->interrupted.valid && opcode_of(backend->code(cpu)) == OPCODE_PUSHF;
}

unsigned guest_int_length(struct cpu *cpu)
{
    const struct guest_code *code = backend->code(cpu);

    switch (opcode_of(code)) {
    case OPCODE_INT:
        return code->opcode + 2;
    case OPCODE_INT3:
    case OPCODE_INTO:
    case OPCODE_INT1:
        return code->opcode + 1;
    default:
        return 0;
    }
}

bool guest_is_at(struct cpu *cpu, enum intercepted which)
{
    return backend->code(cpu)->second == which;
}

void guest_trap(struct cpu *cpu, uint64_t rflags)
{
    if (step_active(cpu)) {
        step_finish(cpu);
    } else if (guest_single_steps(cpu, rflags)) {
        backend->register_write(cpu, GUEST_DR6,
                                backend->register_read(cpu, GUEST_DR6) | DR6_BS);
        event_raise(cpu, VECTOR_DB, false, 0);
    }
}
