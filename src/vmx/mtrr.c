/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory types of host memory, from the MTRRs (memory_types.c): EPT entries carry them, since the
 * processor does not apply MTRRs to a guest's accesses. All CPUs have the same; the image reads those
 * of the boot CPU.
 *
 * The guest may write its MTRRs. Kernels turn them off first, and write the same values on each
 * CPU: while they are off nothing follows, and afterwards only what differs from what the tables
 * were built with makes all CPUs stop for the moment in which 2 MiB entries get their new types. */
#include <string.h>

#include "core/machine.h"
#include "core/nested_view.h"
#include "core/rendezvous.h"
#include "vmx/memory_types.h"
#include "vmx/vmx.h"
#include "x86/msr.h"

#define MSR_MTRRCAP             0x0fe
#define   MTRRCAP_COUNT         0xff
#define   MTRRCAP_FIXED         (1u << 8)
#define MSR_MTRR_PHYSBASE0      0x200
#define MSR_MTRR_DEF_TYPE       0x2ff
#define EPT_TYPE_SHIFT          3
#define EPT_TYPE                7

__attribute__((section(".sealed"))) static struct mtrr_model model;
static struct mtrr_values now;          /* what the tables were built with */

static void read_all(struct mtrr_values *out)
{
    memset(out, 0, sizeof *out);
    out->def_type = msr_read(MSR_MTRR_DEF_TYPE);
    for (unsigned i = 0; i < MTRR_FIXED_REGISTERS && model.have_fixed; i++)
        out->fixed[i] = msr_read(mtrr_fixed_index(i));
    for (unsigned i = 0; i < model.variable_count; i++) {
        out->variable[i].base = msr_read(MSR_MTRR_PHYSBASE0 + 2 * i);
        out->variable[i].mask = msr_read(MSR_MTRR_PHYSBASE0 + 2 * i + 1);
    }
}

void vmx_mtrr_prepare(bool present)
{
    uint64_t capability, count;

    model.present = present;
    model.address_bits = machine.physical_address_bits;
    if (!present)
        return;
    capability = msr_read(MSR_MTRRCAP);
    count = capability & MTRRCAP_COUNT;
    model.have_fixed = capability & MTRRCAP_FIXED;
    model.variable_count = (uint8_t)(count > MTRR_VARIABLE_MAX ? MTRR_VARIABLE_MAX : count);
    read_all(&now);
}

bool vmx_memory_type(uint64_t physical, uint64_t size, uint64_t *bits)
{
    uint8_t type;
    bool one = mtrr_memory_type(&model, &now, physical, size, &type);

    *bits = (uint64_t)type << EPT_TYPE_SHIFT;
    return one;
}

bool vmx_memory_type_shown(struct cpu *cpu, uint64_t guest_physical, uint8_t *type)
{
    uint64_t entry = nested_view_entry(cpu, guest_physical);

    *type = entry >> EPT_TYPE_SHIFT & EPT_TYPE;
    return entry != 0;
}

bool vmx_is_mtrr(uint32_t index)
{
    if (!model.present)
        return false;
    if (index == MSR_MTRR_DEF_TYPE)
        return true;
    if (index - MSR_MTRR_PHYSBASE0 < 2u * model.variable_count)
        return true;
    for (unsigned i = 0; i < MTRR_FIXED_REGISTERS && model.have_fixed; i++) {
        if (mtrr_fixed_index(i) == index)
            return true;
    }
    return false;
}

void vmx_mtrr_each(void (*each)(void *context, uint32_t index), void *context)
{
    for (uint32_t index = MSR_MTRR_PHYSBASE0; index <= MSR_MTRR_DEF_TYPE; index++) {
        if (vmx_is_mtrr(index))
            each(context, index);
    }
}

static void retype(void *context)
{
    const struct mtrr_values *written = context;

    now = *written;
    nested_view_retype();
}

void vmx_mtrr_written(struct cpu *cpu, uint32_t index)
{
    struct mtrr_values written;

    if (!vmx_is_mtrr(index))
        return;
    read_all(&written);
    if (!(written.def_type & MTRR_DEF_TYPE_ENABLE) || !memcmp(&written, &now, sizeof now))
        return;
    rendezvous_run(retype, &written);
    entry_post(cpu);
}
