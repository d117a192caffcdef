/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_memory.h"

#include <string.h>

#include "core/backend.h"
#include "core/cold.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define PAGE_SIZE           4096u
#define PAGE_MASK           UINT64_C(0xfff)
#define KEYS_ALL_DENIED     UINT32_MAX

/* A kept walk is found by its page and, in the low bits, all that its rights depended on. */
#define KEY_AC              (UINT64_C(1) << 3)      /* above PAGING_… */
#define KEY_NONE            (~UINT64_C(0))

/* What this CPU's view shows at a page: as a rule what is there. The APIC's registers, wherever the guest
 * has them, are not for a second look. */
static void *page(const void *context, uint64_t physical)
{
    const struct cpu *cpu = context;
    const struct cpu_view *view = &cpu->view;

    if (physical == cpu->apic.base || apic_message_address(physical))
        return NULL;
    for (unsigned i = 0; i < view->override_count; i++) {
        const struct view_override *override = &view->override[i];
        const struct view_mapping *mapping = &override->mapping[override->now];

        if (override->guest_physical == physical)
            return mapping->access == PAGE_NONE ? NULL
                                                : (void *)(DIRECT_MAP + mapping->host_physical);
    }
    return (void *)hidden_guest_page(physical);
}

/* PKRU is the guest's, but can be read only with CR4.PKE: an access that keys may decide is as good as
 * denied. */
static bool walk(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                 unsigned access, struct guest_walk *found)
{
    uint64_t pointers[4];
    struct guest_paging paging = {
        .cr0 = state->cr0, .cr3 = state->cr3, .cr4 = state->cr4, .efer = state->efer,
        .rflags = state->rflags, .pkru = KEYS_ALL_DENIED,
        .physical_bits = machine.physical_address_bits, .pages_1g = machine.pages_1g,
        .page = page, .context = cpu,
    };

    if (!(state->efer & EFER_LMA) && state->cr0 & CR0_PG && state->cr4 & CR4_PAE
        && backend->pdptes_read(cpu, pointers))
        paging.pointers = pointers;
    return guest_paging_find(&paging, linear, access, found);
}

static unsigned as_user(const struct execution_state *state, unsigned access)
{
    return state->privilege == 3 ? access | PAGING_USER : access;
}

/* True when the walk would come along the same entries again, find the same there, and have no flag to
 * set. */
static bool walk_holds(const struct kept_walk *kept, const struct execution_state *state,
                       uint64_t key)
{
    if (kept->key != key || kept->cr3 != state->cr3 || kept->cr0 != state->cr0
        || kept->cr4 != state->cr4 || kept->efer != state->efer)
        return false;
    for (unsigned i = kept->levels; i-- > 0;) {
        if (*kept->entry[i].place != kept->entry[i].value)
            return false;
    }
    return true;
}

/* Entries of 32 bits, and those that the processor may hold elsewhere, are not kept: such a walk is made
 * every time. So is one to a page that only this CPU's view shows. */
static COLD bool walk_again(struct cpu *cpu, struct kept_walk *kept,
                            const struct execution_state *state, uint64_t linear, unsigned access,
                            uint64_t key)
{
    struct guest_walk found;
    void *memory;

    kept->key = KEY_NONE;
    if (!walk(cpu, state, linear & ~PAGE_MASK, as_user(state, access), &found))
        return false;
    memory = page(cpu, found.physical);
    kept->physical = found.physical;
    kept->memory = memory;
    kept->levels = found.depth;
    for (unsigned i = 0; i < found.depth; i++) {
        kept->entry[i].place = found.slot[i];
        kept->entry[i].value = found.entry[i];
    }
    kept->cr0 = state->cr0;
    kept->cr3 = state->cr3;
    kept->cr4 = state->cr4;
    kept->efer = state->efer;
    if ((state->efer & EFER_LMA || !(state->cr0 & CR0_PG))
        && (!memory || memory == (void *)(DIRECT_MAP + found.physical)))
        kept->key = key;
    return true;
}

/* Where the page of a linear address is, or NULL. */
static const struct kept_walk *translation(struct cpu *cpu, struct kept_walk *kept,
                                           const struct execution_state *state, uint64_t linear,
                                           unsigned access)
{
    uint64_t key = (linear & ~PAGE_MASK) | as_user(state, access)
                 | (state->rflags & RFLAGS_AC ? KEY_AC : 0);

    return walk_holds(kept, state, key) || walk_again(cpu, kept, state, linear, access, key)
           ? kept : NULL;
}

void guest_memory_forget(struct cpu *cpu)
{
    for (unsigned i = 0; i < CODE_WALKS; i++)
        cpu->code_walk[i].key = KEY_NONE;
    cpu->operand_walk.key = KEY_NONE;
}

bool guest_translate(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                     unsigned access, uint64_t *physical)
{
    const struct kept_walk *kept = translation(cpu, &cpu->operand_walk, state, linear, access);

    if (!kept)
        return false;
    *physical = kept->physical | (linear & PAGE_MASK);
    return true;
}

bool guest_read_4(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                  uint32_t *value)
{
    struct guest_walk found;
    const char *memory;

    if ((linear & PAGE_MASK) > PAGE_SIZE - sizeof *value
        || !walk(cpu, state, linear, as_user(state, 0), &found)
        || found.physical >= machine.physical_end)
        return false;
    memory = page(cpu, found.physical & ~PAGE_MASK);
    if (!memory)
        return false;
    memcpy(value, memory + (found.physical & PAGE_MASK), sizeof *value);
    return true;
}

static unsigned code_width(const struct execution_state *state)
{
    if ((state->efer & EFER_LMA) && (state->cs_attributes & SEGMENT_CODE_64))
        return 64;
    return state->cs_attributes & SEGMENT_CODE_32 ? 32 : 16;
}

unsigned guest_code_width(struct cpu *cpu)
{
    struct execution_state state;

    backend->execution_read(cpu, &state);
    return code_width(&state);
}

/* The page of guest memory at a linear address of code, or NULL. */
static const uint8_t *code_page(struct cpu *cpu, const struct execution_state *state,
                                uint64_t linear)
{
    const struct kept_walk *kept = translation(cpu, &cpu->code_walk[linear / PAGE_SIZE % CODE_WALKS],
                                               state, linear, PAGING_FETCH);

    return kept ? kept->memory : NULL;
}

/* The instruction begins near the end of a page. */
static COLD void fetch_parts(struct cpu *cpu, const struct execution_state *state, uint64_t linear,
                             struct guest_code *code)
{
    while (code->available < GUEST_CODE_BYTES) {
        const uint8_t *memory = code_page(cpu, state, linear);
        unsigned offset = linear & PAGE_MASK, left = GUEST_CODE_BYTES - code->available;

        if (!memory)
            return;
        if (left > PAGE_SIZE - offset)
            left = PAGE_SIZE - offset;
        memcpy(code->bytes + code->available, memory + offset, left);
        code->available += left;
        linear += left;
    }
}

void guest_fetch_at(struct cpu *cpu, const struct execution_state *state, struct guest_code *code)
{
    uint64_t linear = code->rip = state->rip;
    const uint8_t *memory;

    code->width = code_width(state);
    code->available = 0;
    if (code->width != 64)
        linear = (linear + state->cs_base) & 0xffffffff;
    if ((linear & PAGE_MASK) > PAGE_SIZE - 16) {
        fetch_parts(cpu, state, linear, code);
    } else if ((memory = code_page(cpu, state, linear))) {
        memcpy(code->bytes, memory + (linear & PAGE_MASK), 16);
        code->available = GUEST_CODE_BYTES;
    }
}

void guest_fetch(struct cpu *cpu, struct guest_code *code)
{
    struct execution_state state;

    backend->execution_read(cpu, &state);
    guest_fetch_at(cpu, &state, code);
}

bool guest_fetch_given(struct cpu *cpu, const struct execution_state *state,
                       struct guest_code *code)
{
    code->rip = state->rip;
    code->width = code_width(state);
    code->available = backend->instruction_bytes(cpu, code->bytes);
    return code->available != 0;
}
