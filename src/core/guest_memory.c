/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_memory.h"

#include <string.h>

#include "core/backend.h"
#include "core/cold.h"
#include "core/hidden.h"
#include "core/paging.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define CR4_PSE             (UINT64_C(1) << 4)
#define CR4_LA57            (UINT64_C(1) << 12)
#define ATTRIBUTE_LONG      (1u << 9)
#define ATTRIBUTE_DEFAULT   (1u << 10)
#define PAGE_SIZE           4096u
#define PAGE_MASK           UINT64_C(0xfff)
#define NO_PAGE             UINT64_C(1)     /* the number of none */

static bool read_entry_32(uint64_t physical, uint64_t *entry)
{
    const uint8_t *page = hidden_guest_page(physical);

    if (!page)
        return false;
    *entry = *(const volatile uint32_t *)(page + (physical & PAGE_MASK));
    return *entry & PTE_PRESENT;
}

/* Tables of 512 entries, the first of them for the bits from `shift` up; remembers in `kept`, unless
 * NULL, what it read. */
static bool walk(uint64_t table, unsigned shift, bool large_1g, uint64_t linear,
                 uint64_t *physical, struct code_walk *kept)
{
    for (unsigned i = 0;; i++, shift -= 9) {
        uint64_t at = table + (linear >> shift & 511) * 8, entry;
        const uint8_t *page = hidden_guest_page(at);

        if (!page)
            return false;
        entry = *(const volatile uint64_t *)(page + (at & PAGE_MASK));
        if (!(entry & PTE_PRESENT))
            return false;
        if (kept) {
            kept->entry[i].place = (const volatile uint64_t *)(page + (at & PAGE_MASK));
            kept->entry[i].value = entry;
            kept->levels = i + 1;
        }
        table = entry & PTE_ADDRESS;
        if (shift == 12 || ((entry & PTE_LARGE) && shift <= (large_1g ? 30 : 21)))
            break;
    }
    *physical = (table & ~((UINT64_C(1) << shift) - 1)) | (linear & ((UINT64_C(1) << shift) - 1));
    return true;
}

/* Two levels of 1024 entries of 32 bits; large pages may lie above 4 GiB. */
static bool walk_32(const struct execution_state *state, uint64_t linear, uint64_t *physical)
{
    uint64_t entry;

    if (!read_entry_32((state->cr3 & 0xfffff000) + (linear >> 22) * 4, &entry))
        return false;
    if ((entry & PTE_LARGE) && (state->cr4 & CR4_PSE)) {
        *physical = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32 | (linear & 0x3fffff);
        return true;
    }
    if (!read_entry_32((entry & 0xfffff000) + (linear >> 12 & 1023) * 4, &entry))
        return false;
    *physical = (entry & 0xfffff000) | (linear & PAGE_MASK);
    return true;
}

static bool translate(const struct execution_state *state, uint64_t linear, uint64_t *physical,
                      struct code_walk *kept)
{
    if (!(state->cr0 & CR0_PG)) {
        *physical = linear;
        return true;
    }
    if (state->efer & EFER_LMA)
        return walk(state->cr3 & PTE_ADDRESS, state->cr4 & CR4_LA57 ? 48 : 39, true, linear,
                    physical, kept);
    linear &= 0xffffffff;
    if (state->cr4 & CR4_PAE)
        return walk(state->cr3 & 0xffffffe0, 30, false, linear, physical, kept);
    return walk_32(state, linear, physical);
}

bool guest_translate(const struct execution_state *state, uint64_t linear, uint64_t *physical)
{
    return translate(state, linear, physical, NULL);
}

static unsigned code_width(const struct execution_state *state)
{
    if ((state->efer & EFER_LMA) && (state->cs_attributes & ATTRIBUTE_LONG))
        return 64;
    return state->cs_attributes & ATTRIBUTE_DEFAULT ? 32 : 16;
}

unsigned guest_code_width(struct cpu *cpu)
{
    struct execution_state state;

    backend->execution_read(cpu, &state);
    return code_width(&state);
}

static bool walk_holds(const struct code_walk *walk, const struct execution_state *state,
                       uint64_t page)
{
    if (walk->page != page || walk->cr3 != state->cr3 || walk->cr0 != state->cr0
        || walk->cr4 != state->cr4 || walk->efer != state->efer)
        return false;
    for (unsigned i = walk->levels; i-- > 0;) {
        if (*walk->entry[i].place != walk->entry[i].value)
            return false;
    }
    return true;
}

/* Entries of 32 bits are not remembered, and so walked every time. */
static COLD const uint8_t *walk_again(struct code_walk *walk, const struct execution_state *state,
                                      uint64_t page)
{
    const uint8_t *memory;
    uint64_t physical;

    walk->levels = 0;
    walk->memory = NULL;
    walk->page = NO_PAGE;
    if (!translate(state, page, &physical, walk))
        return NULL;
    memory = hidden_guest_page(physical);
    if (walk->levels || !(state->cr0 & CR0_PG))
        walk->memory = memory;
    walk->page = walk->memory ? page : NO_PAGE;
    walk->cr0 = state->cr0;
    walk->cr3 = state->cr3;
    walk->cr4 = state->cr4;
    walk->efer = state->efer;
    return memory;
}

/* The page of guest memory at a linear address of code, or NULL. */
static const uint8_t *code_page(struct cpu *cpu, const struct execution_state *state,
                                uint64_t linear)
{
    struct code_walk *walk = &cpu->code_walk[linear / PAGE_SIZE % CODE_WALKS];
    uint64_t page = linear & ~PAGE_MASK;

    return walk_holds(walk, state, page) ? walk->memory : walk_again(walk, state, page);
}

/* The instruction begins near the end of a page. */
static COLD void fetch_parts(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                        struct guest_code *code)
{
    while (code->available < GUEST_CODE_BYTES) {
        const uint8_t *page = code_page(cpu, state, linear);
        unsigned offset = linear & PAGE_MASK, left = GUEST_CODE_BYTES - code->available;

        if (!page)
            return;
        if (left > PAGE_SIZE - offset)
            left = PAGE_SIZE - offset;
        memcpy(code->bytes + code->available, page + offset, left);
        code->available += left;
        linear += left;
    }
}

void guest_fetch(struct cpu *cpu, struct guest_code *code)
{
    struct execution_state state;
    const uint8_t *page;
    uint64_t linear;

    backend->execution_read(cpu, &state);
    code->rip = linear = state.rip;
    code->width = code_width(&state);
    code->available = 0;
    if (code->width != 64)
        linear = (linear + state.cs_base) & 0xffffffff;
    if ((linear & PAGE_MASK) > PAGE_SIZE - sizeof code->bytes) {
        fetch_parts(cpu, &state, linear, code);
    } else if ((page = code_page(cpu, &state, linear))) {
        memcpy(code->bytes, page + (linear & PAGE_MASK), sizeof code->bytes);
        code->available = GUEST_CODE_BYTES;
    }
}
