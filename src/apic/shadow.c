/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic/shadow.h"

#include "apic/policy.h"
#include "apic/registers.h"
#include "core/advance.h"
#include "core/backend.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "core/guest_code.h"
#include "core/hidden.h"
#include "core/step.h"
#include "x86/registers.h"

#define DOES_NOT_TELL   (~UINT64_C(0))      /* no word is as it was for certain */

static void map_between_steps(struct cpu *cpu)
{
    backend->page_map(cpu, cpu->apic.base, cpu->apic.hardware_base,
                      cpu->apic.reads_closed ? PAGE_NONE : PAGE_READ);
}

/* The override of the real page comes first and stays, wherever the guest has put its own: nothing
 * may ever show the guest the registers themselves for writing. */
void apic_shadow_attach(struct cpu *cpu)
{
    backend->page_map(cpu, cpu->apic.hardware_base, cpu->apic.hardware_base, PAGE_NONE);
    map_between_steps(cpu);
}

/* Another CPU may change the store, or where it leads, before it is stepped: then nothing is replayed. So
 * what it would store must not be there already. What is there instead differs from the register by the
 * delivery status, which is reserved in most others: nearly right for whatever reads it then. */
static inline uint32_t mark(const struct cpu *cpu, uint32_t *word, const struct guest_code *code)
{
    uint32_t marked = *word | APIC_ICR_SEND_PENDING;

    if (marked == guest_code_word(cpu, code))
        marked ^= APIC_ICR_SEND_PENDING;
    *word = marked;
    return marked;
}

static inline void step(struct cpu *cpu, void *shadow, uint64_t guest_physical, bool write,
                        uint32_t owner)
{
    struct apic_page_state *apic = &cpu->apic;

    if (write && !apic->faulted_on_write) {
        apic->faulted_on_write = true;
        apic->stepped_register = guest_physical & (APIC_PAGE_SIZE - 1);
    }
    backend->page_map(cpu, apic->base, physical_of(shadow),
                      apic->faulted_on_write ? PAGE_READ_WRITE : PAGE_READ);
    step_begin(cpu, owner, !write && guest_loads_rflags(cpu));
}

/* What the instruction may read of the shadow page must be there. */
static COLD void step_with_all(struct cpu *cpu, void *shadow, uint64_t guest_physical, bool write)
{
    bool pushes = write && guest_pushes_rflags(cpu);

    apic_policy_snapshot(cpu, shadow);
    apic_policy_snapshot_other(cpu, shadow, guest_physical & (APIC_PAGE_SIZE - 1));
    cpu->apic.untouched = DOES_NOT_TELL;
    cpu->apic.faulted_on_write = false;
    step(cpu, shadow, guest_physical, write, STEP_OWNER_APIC | (pushes ? STEP_OWNER_PUSHF : 0));
}

/* NULL: what writes is not known to read nothing. The delivery of an event is no instruction. */
static inline const struct guest_code *store_of(struct cpu *cpu, bool write)
{
    const struct guest_code *code;

    if (!write || cpu->interrupted.valid)
        return NULL;
    code = backend->code(cpu);
    return code->only_stores ? code : NULL;
}

/* A store needs no more than the register that it may write a part of. */
void apic_shadow_fault(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    void *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);

    if (!(cpu->step.owners & STEP_OWNER_APIC)) {
        const struct guest_code *store = store_of(cpu, write);
        uint32_t *word;

        if (!store) {
            step_with_all(cpu, shadow, guest_physical, write);
            return;
        }
        word = apic_policy_snapshot_register(cpu, shadow, guest_physical & (APIC_PAGE_SIZE - 1));
        cpu->apic.untouched = store->stores_word ? mark(cpu, word, store) : DOES_NOT_TELL;
        cpu->apic.faulted_on_write = false;
    }
    step(cpu, shadow, guest_physical, write, STEP_OWNER_APIC);
}

/* A write that does not begin at a register is undefined by the manuals and goes nowhere. */
void apic_shadow_step_finished(struct cpu *cpu)
{
    const char *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);
    uint32_t offset = cpu->apic.stepped_register & ~(APIC_REGISTER_STRIDE - 1);
    uint32_t value;

    map_between_steps(cpu);
    value = *(const uint32_t *)(shadow + offset);
    if (!cpu->apic.faulted_on_write)
        cpu->counters[COUNTER_APIC_READ]++;
    else if (cpu->apic.stepped_register == offset && value != cpu->apic.untouched)
        apic_policy_write(cpu, offset, value);
}

void apic_shadow_flags_pushed(struct cpu *cpu)
{
    const uint32_t mask = RFLAGS_TF | RFLAGS_IF;
    char *shadow = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);
    uint32_t *image = (uint32_t *)(shadow + (cpu->apic.stepped_register & ~(APIC_REGISTER_STRIDE - 1)));

    *image = (*image & ~mask) | ((uint32_t)cpu->step.saved_rflags & mask);
}

void apic_shadow_step_cancelled(struct cpu *cpu)
{
    map_between_steps(cpu);
}

void apic_shadow_icr_disturbed(struct cpu *cpu)
{
    if (cpu->apic.reads_closed)
        return;
    cpu->apic.reads_closed = true;
    if (!(cpu->step.owners & STEP_OWNER_APIC))
        map_between_steps(cpu);
}

void apic_shadow_icr_restored(struct cpu *cpu)
{
    if (!cpu->apic.reads_closed)
        return;
    cpu->apic.reads_closed = false;
    map_between_steps(cpu);
}
