/* SPDX-License-Identifier: BSD-2-Clause */
/* Only the plain case is carried out: one aligned 32-bit register, at CPL 0 to 2, nobody debugging. All the
 * rest is the step's, as if this were not there: the guest cannot tell which it was.
 *
 * Another CPU may have changed the instruction since it faulted, or a mapping. What is found is what the
 * processor would have executed a moment later, but only if its own operand is the register that faulted:
 * the address is computed and translated anew, with the rights of the access. When it leads elsewhere for
 * certain the guest goes back and does that itself. */
#include "apic/emulate.h"

#include <stddef.h>

#include "apic/registers.h"
#include "core/backend.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "core/guest_code.h"
#include "core/guest_memory.h"
#include "core/step.h"
#include "instruction/instruction.h"
#include "x86/registers.h"

#define RAX             0
#define RCX             1
#define RSP             4
#define RSI             6
#define RDI             7

#define RETURNS         16      /* in succession: a processor may hold an old mapping */

static uint64_t *general(struct cpu *cpu, unsigned number)
{
    return &cpu->registers->rax + number;
}

static uint64_t register_value(struct cpu *cpu, unsigned number)
{
    return number == RSP ? backend->register_read(cpu, GUEST_RSP) : *general(cpu, number);
}

static uint64_t mask_of(unsigned size)
{
    return size == 8 ? ~UINT64_C(0) : (UINT64_C(1) << 8 * size) - 1;
}

/* What can be carried out here. RSP is the backend's to write, and nobody loads it from an APIC. */
static bool is_plain(const struct instruction *instruction, bool write)
{
    if (instruction->memory_size != 4 || instruction->locked)
        return false;
    if (write ? !instruction_writes_memory(instruction) : !instruction_reads_memory(instruction))
        return false;
    return instruction->other != OTHER_REGISTER || instruction->reg != RSP
           || instruction->operation == OPERATION_STORE;
}

/* Code that is not 64-bit must end within its segment, and must not wrap around. */
static bool stays_in_segment(struct cpu *cpu, const struct guest_code *code)
{
    uint64_t end = code->rip + code->instruction.length;
    struct segment_state cs;

    if (code->width == 64)
        return true;
    backend->segment_read(cpu, GUEST_CS, &cs);
    return end - 1 <= cs.limit && end <= mask_of(code->width / 8);
}

/* The operand's offset in its segment. BT and its like reach beyond it, by their register. */
static uint64_t effective_address(struct cpu *cpu, const struct guest_code *code, unsigned base)
{
    const struct instruction *instruction = &code->instruction;
    uint64_t address = (uint64_t)instruction->displacement;

    if (base == INSTRUCTION_RIP)
        address += code->rip + instruction->length;
    else if (base != INSTRUCTION_NO_REGISTER)
        address += register_value(cpu, base);
    if (instruction->index != INSTRUCTION_NO_REGISTER)
        address += register_value(cpu, instruction->index) << instruction->scale;
    if (instruction->operation >= OPERATION_BT && instruction->other == OTHER_REGISTER)
        address += (uint64_t)((int64_t)(int32_t)register_value(cpu, instruction->reg) >> 5) * 4;
    return address & mask_of(instruction->address_size);
}

/* SDM Vol 3: Protection > Limit Checking; Type Checking. Expand-down segments are left to the
 * processor. */
static bool segment_allows(struct cpu *cpu, const struct segment_state *segment, uint64_t offset,
                           bool write)
{
    unsigned type = segment->attributes;

    if (offset + 3 > segment->limit)
        return false;
    if (!(backend->register_read(cpu, GUEST_CR0) & CR0_PE))
        return true;
    if (!(type & SEGMENT_PRESENT) || !(type & SEGMENT_NOT_SYSTEM))
        return false;
    if (type & SEGMENT_CODE)
        return !write && type & SEGMENT_WRITABLE;
    return !(type & SEGMENT_EXPAND_DOWN) && (!write || type & SEGMENT_WRITABLE);
}

/* False when the processor would refuse the segment. */
static bool linear_address(struct cpu *cpu, const struct guest_code *code, unsigned segment,
                           uint64_t offset, bool write, uint64_t *linear)
{
    struct segment_state state;

    *linear = offset;
    if (code->width == 64 && segment < SEGMENT_FS)
        return true;
    backend->segment_read(cpu, (enum guest_segment)segment, &state);
    *linear += state.base;
    if (code->width == 64)
        return true;
    *linear = (uint32_t)*linear;
    return segment_allows(cpu, &state, offset, write);
}

/* Is the instruction's operand in memory the register that faulted? */
static enum operand reaches(struct cpu *cpu, struct guest_code *code, uint64_t guest_physical)
{
    const struct instruction *instruction = &code->instruction;
    bool write = instruction_writes_memory(instruction);
    unsigned segment = instruction->operation == OPERATION_MOVS ? (unsigned)SEGMENT_ES
                                                                : instruction->segment;
    uint64_t linear;

    if (!linear_address(cpu, code, segment, effective_address(cpu, code, instruction->base), write,
                        &linear))
        return OPERAND_UNKNOWN;
    return guest_code_operand(cpu, code, linear, write ? PAGING_WRITE : 0, guest_physical);
}

static bool read_source(struct cpu *cpu, const struct guest_code *code, uint32_t *value)
{
    uint64_t linear;

    return linear_address(cpu, code, code->instruction.segment, effective_address(cpu, code, RSI),
                          false, &linear)
           && guest_read_4(cpu, linear, value);
}

/* Adds to a register as wide as an address; 32 bits clear the upper half. */
static void add_to(uint64_t *which, int64_t by, unsigned size)
{
    uint64_t sum = *which + (uint64_t)by;

    if (size == 2)
        *which = (*which & ~UINT64_C(0xffff)) | (sum & 0xffff);
    else
        *which = sum & mask_of(size);
}

static bool is_string(const struct instruction *instruction)
{
    return instruction->operation >= OPERATION_STOS && instruction->operation <= OPERATION_MOVS;
}

/* One iteration of a string instruction; true when it was the last. */
static bool end_of_string(struct cpu *cpu, const struct instruction *instruction, uint64_t rflags)
{
    int64_t by = rflags & RFLAGS_DF ? -4 : 4;
    unsigned size = instruction->address_size;

    if (instruction->operation != OPERATION_STOS)
        add_to(general(cpu, RSI), by, size);
    if (instruction->operation != OPERATION_LODS)
        add_to(general(cpu, RDI), by, size);
    if (!instruction->repeated)
        return true;
    add_to(general(cpu, RCX), -1, size);
    return !(*general(cpu, RCX) & mask_of(size));
}

/* Registers, flags, RIP: the instruction is over, or an iteration of it, after which RF keeps a
 * breakpoint on it quiet (SDM Vol 3: Debug Exceptions > Instruction-Breakpoint Exception Condition). */
static void complete(struct cpu *cpu, const struct guest_code *code,
                     const struct instruction_values *values)
{
    const struct instruction *instruction = &code->instruction;

    *general(cpu, RAX) = values->rax;
    if (values->register_written)
        *general(cpu, instruction->reg) = values->other;
    if (is_string(instruction) && !end_of_string(cpu, instruction, values->rflags)) {
        backend->register_write(cpu, GUEST_RFLAGS, values->rflags | RFLAGS_RF);
        backend->interrupt_shadow_write(cpu, 0);
        return;
    }
    backend->register_write(cpu, GUEST_RFLAGS, values->rflags);
    backend->advance(cpu, code->next_rip);
}

static uint64_t other_operand(struct cpu *cpu, const struct instruction *instruction)
{
    return instruction->other == OTHER_IMMEDIATE ? (uint64_t)instruction->immediate
                                                 : register_value(cpu, instruction->reg);
}

static bool carry_out(struct cpu *cpu, const struct guest_code *code, uint32_t offset,
                      const struct apic_emulation *registers)
{
    const struct instruction *instruction = &code->instruction;
    struct instruction_values values = {
        .rax = *general(cpu, RAX), .rflags = backend->register_read(cpu, GUEST_RFLAGS),
    };

    if (instruction->repeated && !(*general(cpu, RCX) & mask_of(instruction->address_size)))
        return false;
    if (instruction->operation == OPERATION_MOVS && !read_source(cpu, code, &values.memory))
        return false;
    if (instruction->other != OTHER_NOTHING)
        values.other = other_operand(cpu, instruction);
    if (instruction_reads_memory(instruction)
        && !registers->show(cpu, offset, &values.memory))
        return false;
    instruction_execute(instruction, &values);
    complete(cpu, code, &values);
    cpu->counters[COUNTER_APIC_DECODED]++;
    if (instruction_writes_memory(instruction))
        registers->write(cpu, offset, values.memory);
    return true;
}

/* True when the guest goes back to its instruction. */
static bool goes_back(struct cpu *cpu)
{
    struct apic_page_state *apic = &cpu->apic;
    uint64_t exits = cpu->counters[COUNTER_EXITS];

    apic->returns = exits == apic->last_return + 1 ? apic->returns + 1 : 1;
    apic->last_return = exits;
    return apic->returns <= RETURNS;
}

static COLD void not_there(struct cpu *cpu, enum operand operand, uint64_t guest_physical, bool write,
                           const struct apic_emulation *registers)
{
    if (operand == OPERAND_ELSEWHERE && goes_back(cpu))
        cpu->counters[COUNTER_APIC_CHANGED]++;
    else
        registers->otherwise(cpu, guest_physical, write);
}

/* Any instruction that is known and plain. */
static COLD void emulate_any(struct cpu *cpu, struct guest_code *code, uint64_t guest_physical,
                             bool write, const struct apic_emulation *registers)
{
    enum operand operand = OPERAND_UNKNOWN;

    if (code->decoded && is_plain(&code->instruction, write) && stays_in_segment(cpu, code))
        operand = reaches(cpu, code, guest_physical);
    if (operand != OPERAND_THERE)
        not_there(cpu, operand, guest_physical, write, registers);
    else if (!carry_out(cpu, code, guest_physical & (APIC_PAGE_SIZE - 1), registers))
        registers->otherwise(cpu, guest_physical, write);
}

/* What kernels do. The operand's segment has neither base nor limit, and its registers are all in memory. */
static inline void emulate_store(struct cpu *cpu, struct guest_code *code, uint64_t guest_physical,
                                 const struct apic_emulation *registers)
{
    const struct instruction *instruction = &code->instruction;
    uint64_t linear = (uint64_t)instruction->displacement;
    uint64_t value = (uint64_t)instruction->immediate;
    enum operand operand;

    if (instruction->base != INSTRUCTION_NO_REGISTER)
        linear += *general(cpu, instruction->base);
    if (instruction->index != INSTRUCTION_NO_REGISTER)
        linear += *general(cpu, instruction->index) << instruction->scale;
    operand = guest_code_operand(cpu, code, linear, PAGING_WRITE, guest_physical);
    if (operand != OPERAND_THERE) {
        not_there(cpu, operand, guest_physical, true, registers);
        return;
    }
    if (instruction->other == OTHER_REGISTER)
        value = *general(cpu, instruction->reg);
    backend->advance(cpu, code->next_rip);
    cpu->counters[COUNTER_APIC_DECODED]++;
    registers->write(cpu, guest_physical & (APIC_PAGE_SIZE - 1), (uint32_t)value);
}

void apic_emulate(struct cpu *cpu, uint64_t guest_physical, bool write,
                  const struct apic_emulation *registers)
{
    struct guest_code *code = NULL;

    if (guest_physical % APIC_REGISTER_STRIDE == 0 && !step_active(cpu) && !cpu->interrupted.valid)
        code = backend->undisturbed_code(cpu);
    if (!code)
        registers->otherwise(cpu, guest_physical, write);
    else if (write && code->plain_store)
        emulate_store(cpu, code, guest_physical, registers);
    else
        emulate_any(cpu, code, guest_physical, write, registers);
}
