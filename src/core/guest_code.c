/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_code.h"

#include <string.h>

#include "core/guest_memory.h"
#include "core/hidden.h"
#include "core/paging.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define PAGE_SIZE           4096u
#define PAGE_MASK           UINT64_C(0xfff)
#define NOT_KEPT            (~UINT64_C(0))      /* no value of CR3, no linear page */
#define FETCHED             16                  /* bytes that are copied and compared at once */

#define TWO_BYTE_OPCODE     0x0f
#define RSP                 4           /* as a register's number */

/* A bit for each byte that is a prefix: 26, 2E, 36, 3E, 64 to 67, F0, F2, F3; in 64-bit code 40 to 4F
 * (REX) too. */
#define LEGACY_PREFIXES                                                                             \
    [0x20 / 32] = 1u << 0x06 | 1u << 0x0e | 1u << 0x16 | 1u << 0x1e,                               \
    [0x60 / 32] = 0xfu << 4,                                                                       \
    [0xe0 / 32] = 1u << 0x10 | 1u << 0x12 | 1u << 0x13

static const uint32_t prefixes[8] = { LEGACY_PREFIXES };
static const uint32_t prefixes_64[8] = { LEGACY_PREFIXES, [0x40 / 32] = 0xffff };

/* Opcodes of one byte that write memory and read none, whatever follows: MOV to memory and STOS. */
static const uint32_t stores[8] = {
    [0x88 / 32] = 3u << 0x08,
    [0xa2 / 32] = 3u << 0x02 | 3u << 0x0a,
    [0xc6 / 32] = 3u << 0x06,
};

static bool has(const uint32_t set[8], uint8_t byte)
{
    return set[byte / 32] >> byte % 32 & 1;
}

static uint8_t width_of(const struct execution_state *state)
{
    if ((state->efer & EFER_LMA) && (state->cs_attributes & SEGMENT_CODE_64))
        return 64;
    return state->cs_attributes & SEGMENT_CODE_32 ? 32 : 16;
}

unsigned guest_code_width(struct cpu *cpu)
{
    struct execution_state state;

    backend->execution_read(cpu, &state);
    return width_of(&state);
}

/* Entries of 32 bits, those that the processor may hold elsewhere, and a fifth level are not kept. */
static bool keep_walk(struct kept_walk *kept, const struct execution_state *state,
                      const struct guest_walk *found)
{
    if (!(state->efer & EFER_LMA) || found->depth > KEPT_LEVELS)
        return false;
    for (unsigned i = 0; i < KEPT_LEVELS; i++) {
        kept->entry[i].place = i < found->depth ? found->slot[i] : &kept->entry[i].value;
        kept->entry[i].value = i < found->depth ? found->entry[i] : 0;
    }
    return true;
}

/* Copies what can be fetched, page by page. An instruction is kept when it lies in one page, which is what is
 * there and no page of this CPU's own. */
static void fetch(struct cpu *cpu, const struct execution_state *state, struct guest_code *code)
{
    uint64_t linear = state->rip;

    if (code->width != 64)
        linear = (linear + state->cs_base) & 0xffffffff;
    while (code->available < GUEST_CODE_BYTES) {
        unsigned offset = linear & PAGE_MASK, left = GUEST_CODE_BYTES - code->available;
        const uint8_t *memory;
        struct guest_walk found;

        if (!guest_memory_walk(cpu, state, linear & ~PAGE_MASK, PAGING_FETCH, &found))
            return;
        memory = guest_memory_page(cpu, found.physical);
        if (!memory)
            return;
        if (left > PAGE_SIZE - offset)
            left = PAGE_SIZE - offset;
        if (offset <= PAGE_SIZE - FETCHED && !code->available) {
            memcpy(code->bytes, memory + offset, FETCHED);
            code->memory = memory + offset;
            if (code->width == 64 && memory == hidden_guest_page(found.physical)
                && keep_walk(&code->walk, state, &found))
                code->cr3 = state->cr3;
        } else {
            memcpy(code->bytes + code->available, memory + offset, left);
        }
        code->available += left;
        linear += left;
    }
}

/* MOV of 4 bytes to memory, of a constant or a general register that is in memory, too. */
static bool stores_word(const struct instruction *instruction)
{
    return instruction->operation == OPERATION_STORE && instruction->memory_size == 4
           && !instruction->locked
           && (instruction->other == OTHER_IMMEDIATE || instruction->reg != RSP);
}

/* In 64-bit code, and its address is made of such registers: what kernels do to an APIC. */
static bool is_plain_store(const struct guest_code *code)
{
    const struct instruction *instruction = &code->instruction;

    return code->width == 64 && code->stores_word && instruction->segment < SEGMENT_FS
           && instruction->address_size == 8 && instruction->base != RSP
           && instruction->base != INSTRUCTION_RIP;
}

/* What can be said of the bytes. A REX prefix that is not the last one has no effect and is skipped too. */
static enum decoding examine(struct guest_code *code)
{
    static const uint64_t mask[] = { [16] = 0xffff, [32] = 0xffffffff, [64] = ~UINT64_C(0) };
    const uint32_t *set = code->width == 64 ? prefixes_64 : prefixes;
    uint8_t bytes[INSTRUCTION_BUFFER] = { 0 };
    enum decoding decoding;
    unsigned at = 0;

    while (at < code->available && has(set, code->bytes[at]))
        at++;
    code->opcode = (uint8_t)at;
    code->second = 0;
    if (at + 1 < code->available && code->bytes[at] == TWO_BYTE_OPCODE)
        code->second = code->bytes[at + 1];
    code->only_stores = at < code->available && has(stores, code->bytes[at]);
    memcpy(bytes, code->bytes, sizeof code->bytes);
    decoding = instruction_decode(bytes, code->available, code->width, &code->instruction);
    code->decoded = decoding == DECODED;
    code->stores_word = code->decoded && stores_word(&code->instruction);
    code->plain_store = is_plain_store(code);
    code->next_rip = (code->rip + (code->decoded ? code->instruction.length : at + 2))
                   & mask[code->width];
    return decoding;
}

static struct guest_code *begin(struct cpu *cpu, const struct execution_state *state)
{
    struct guest_code *code = guest_code_slot(cpu, state->rip);

    code->rip = state->rip;
    code->cr3 = NOT_KEPT;
    code->cr4 = state->cr4;
    code->efer = state->efer;
    code->width = width_of(state);
    code->available = 0;
    code->operand_linear = NOT_KEPT;
    return code;
}

struct guest_code *guest_code_fetch(struct cpu *cpu)
{
    struct execution_state state;
    struct guest_code *code;

    backend->execution_read(cpu, &state);
    code = begin(cpu, &state);
    fetch(cpu, &state, code);
    examine(code);
    return code;
}

void guest_code_forget(struct cpu *cpu)
{
    for (unsigned i = 0; i < GUEST_CODES; i++)
        cpu->code[i].cr3 = NOT_KEPT;
}

static bool begins_with(const struct guest_code *code, const uint8_t *bytes, unsigned count)
{
    unsigned length = code->instruction.length;

    return code->decoded && !memcmp(code->bytes, bytes, count < length ? count : length);
}

struct guest_code *guest_code_given(struct cpu *cpu, const uint8_t *bytes, unsigned count)
{
    struct execution_state state;
    struct guest_code *code;

    backend->execution_read(cpu, &state);
    code = guest_code_slot(cpu, state.rip);
    if (guest_code_is_at(code, &state) && code->instruction.length <= count
        && begins_with(code, bytes, count))
        return code;
    code = guest_code_fetch(cpu);
    if (begins_with(code, bytes, count))
        return code;
    code = begin(cpu, &state);
    memcpy(code->bytes, bytes, count);
    code->available = (uint8_t)count;
    return examine(code) == DECODING_TRUNCATED ? guest_code_fetch(cpu) : code;
}

/* CR0.WP and RFLAGS.AC have no say about a supervisor page that may be written: such a walk is kept. */
enum operand guest_code_find_operand(struct cpu *cpu, struct guest_code *code, uint64_t linear,
                                     unsigned access, uint64_t physical)
{
    struct execution_state state;
    struct guest_walk found;

    code->operand_linear = NOT_KEPT;
    backend->execution_read(cpu, &state);
    if (linear & 3 || !guest_memory_walk(cpu, &state, linear & ~PAGE_MASK, access, &found))
        return OPERAND_UNKNOWN;
    if ((found.physical | (linear & PAGE_MASK)) != physical)
        return OPERAND_ELSEWHERE;
    if (found.all & PTE_WRITE && !(found.all & PTE_USER) && code->cr3 == state.cr3
        && keep_walk(&code->operand_walk, &state, &found)) {
        code->operand_linear = linear;
        code->operand_physical = physical;
    }
    return OPERAND_THERE;
}
