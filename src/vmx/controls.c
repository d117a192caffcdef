/* SPDX-License-Identifier: BSD-2-Clause */
/* Which VMX controls are used (SDM Vol 3: Virtual Machine Control Structures > VM-Execution
 * Control Fields, VM-Exit Control Fields, VM-Entry Control Fields; VMX Capability Reporting
 * Facility). A control enters a VMCS only through this file, which knows what the sealed
 * capability table allows.
 *
 * Required: without it no guest can run. Preferred: used where it is allowed. On demand: allowed
 * or not, set and cleared while the guest runs. What must be 1 is set, and what must be 1 but
 * would cause exits that nobody handles is a miss like a required control that is absent. */
#include <string.h>

#include "lib/format.h"
#include "lib/panic.h"
#include "vmx/vmx.h"

static const uint16_t required[] = {
    CAPABILITY_VMX_NMI_EXITING,             /* a guest's NMI handler must not see the host's NMIs */
    CAPABILITY_VMX_VIRTUAL_NMIS,
    CAPABILITY_VMX_SECONDARY_CONTROLS,
    CAPABILITY_VMX_MSR_BITMAPS,             /* else RDMSR of FS base would read the host's */
    CAPABILITY_VMX_EPT,
    CAPABILITY_VMX_UNRESTRICTED_GUEST,
    CAPABILITY_VMX_EXIT_HOST_ADDRESS_SPACE_SIZE,
    CAPABILITY_VMX_EXIT_SAVE_DEBUG_CONTROLS,
    CAPABILITY_VMX_ENTRY_LOAD_DEBUG_CONTROLS,
};

static const uint16_t preferred[] = {
    CAPABILITY_VMX_IO_BITMAPS,
    CAPABILITY_VMX_ENABLE_RDTSCP,           /* without its control each is #UD */
    CAPABILITY_VMX_ENABLE_INVPCID,
    CAPABILITY_VMX_ENABLE_XSAVES,
    CAPABILITY_VMX_USER_WAIT,
};

/* All of a group or none: a value that is loaded on one way and not on the other would leak. */
#define GROUP_MAX 4
static const uint16_t groups[][GROUP_MAX] = {
    { CAPABILITY_VMX_ENTRY_LOAD_EFER, CAPABILITY_VMX_EXIT_SAVE_EFER,
      CAPABILITY_VMX_EXIT_LOAD_EFER },
    { CAPABILITY_VMX_ENTRY_LOAD_PAT, CAPABILITY_VMX_EXIT_SAVE_PAT,
      CAPABILITY_VMX_EXIT_LOAD_PAT },
};

static const uint16_t on_demand[] = {
    CAPABILITY_VMX_EXTERNAL_INTERRUPT_EXITING,
    CAPABILITY_VMX_PREEMPTION_TIMER,
    CAPABILITY_VMX_INTERRUPT_WINDOW_EXITING,
    CAPABILITY_VMX_HLT_EXITING,
    CAPABILITY_VMX_TPR_SHADOW,
    CAPABILITY_VMX_NMI_WINDOW_EXITING,
    CAPABILITY_VMX_MONITOR_TRAP_FLAG,
    CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES,
    CAPABILITY_VMX_VIRTUALIZE_X2APIC,
    CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION,
    CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY,
    CAPABILITY_VMX_EXIT_ACKNOWLEDGE_INTERRUPT,
    CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST,
};

/* The words that this file fills: the fields that hold them. */
const uint32_t vmx_control_fields[VMX_WORD_COUNT] = {
    [VMX_WORD_PINBASED]   = VMCS_PINBASED_CONTROLS,
    [VMX_WORD_PROCBASED]  = VMCS_PROCBASED_CONTROLS,
    [VMX_WORD_PROCBASED2] = VMCS_PROCBASED2_CONTROLS,
    [VMX_WORD_EXIT]       = VMCS_EXIT_CONTROLS,
    [VMX_WORD_ENTRY]      = VMCS_ENTRY_CONTROLS,
};

#define SEALED __attribute__((section(".sealed")))
SEALED static struct vmx_controls allowed[VMX_WORD_COUNT];
SEALED static uint32_t initial[VMX_WORD_COUNT];

static uint64_t bit_of(enum capability_id id)
{
    return UINT64_C(1) << capability_row(id)->bit;
}

static enum vmx_control_word word_of(enum capability_id id)
{
    return (enum vmx_control_word)capability_row(id)->source;
}

bool vmx_control_allowed(enum capability_id id)
{
    return allowed[word_of(id)].may_be_1 & bit_of(id);
}

bool vmx_control_used(enum capability_id id)
{
    return initial[word_of(id)] & bit_of(id);
}

const struct vmx_controls *vmx_controls_allowed(enum vmx_control_word word)
{
    return &allowed[word];
}

static void use(enum capability_id id)
{
    initial[word_of(id)] |= (uint32_t)bit_of(id);
}

static void add_miss(char *error, size_t size, const char *name, const char *what)
{
    size_t used = strlen(error);

    format_text(error + used, size - used, "%s\"%s\" %s", used ? ", " : "", name, what);
}

static void compose_groups(void)
{
    for (unsigned i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        bool all = true;

        for (unsigned j = 0; j < GROUP_MAX && groups[i][j]; j++)
            all = all && vmx_control_allowed(groups[i][j]);
        for (unsigned j = 0; j < GROUP_MAX && groups[i][j] && all; j++)
            use(groups[i][j]);
    }
}

static bool is_on_demand(enum capability_id id)
{
    for (unsigned i = 0; i < sizeof on_demand / sizeof on_demand[0]; i++) {
        if (on_demand[i] == id)
            return true;
    }
    return false;
}

/* Controls that cannot be 0 here, though nothing in this backend handles what they cause. */
static void find_unwanted(char *error, size_t size)
{
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row(id);

        if (row->kind != CAPABILITY_KIND_CONTROL || !vmx_control_fields[row->source])
            continue;
        if (allowed[row->source].must_be_1 & bit_of(id) & ~(uint64_t)initial[row->source]
            && !is_on_demand(id))
            add_miss(error, size, row->name, "cannot be 0");
    }
}

bool vmx_controls_compose(const struct capabilities *capabilities, char *error, size_t error_size)
{
    memcpy(allowed, capabilities->vmx, sizeof allowed);
    memset(initial, 0, sizeof initial);
    error[0] = '\0';
    for (unsigned i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (vmx_control_allowed(required[i]))
            use(required[i]);
        else
            add_miss(error, error_size, capability_row(required[i])->name, "cannot be 1");
    }
    for (unsigned i = 0; i < sizeof preferred / sizeof preferred[0]; i++) {
        if (vmx_control_allowed(preferred[i]))
            use(preferred[i]);
    }
    /* A VPID that cannot be flushed is worse than none. */
    if (vmx_control_allowed(CAPABILITY_VMX_VPID)
        && capability_has(capabilities, CAPABILITY_VMX_INVVPID)
        && (capability_has(capabilities, CAPABILITY_VMX_INVVPID_SINGLE)
            || capability_has(capabilities, CAPABILITY_VMX_INVVPID_ALL)))
        use(CAPABILITY_VMX_VPID);
    compose_groups();
    if (!capability_has(capabilities, CAPABILITY_VMX_EPT_2MB))
        add_miss(error, error_size, "EPT 2-MByte pages", "are absent");
    if (!capability_has(capabilities, CAPABILITY_VMX_INVEPT))
        add_miss(error, error_size, "INVEPT", "is absent");
    find_unwanted(error, error_size);
    for (unsigned word = 0; word < VMX_WORD_COUNT; word++)
        initial[word] |= (uint32_t)allowed[word].must_be_1;
    return error[0] == '\0';
}

void vmx_controls_initialise(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);

    for (unsigned word = 0; word < VMX_WORD_COUNT; word++) {
        vmx->controls[word] = initial[word];
        if (vmx_control_fields[word])
            vmcs_write(vmx_control_fields[word], initial[word]);
    }
}

void vmx_control_set(struct cpu *cpu, enum capability_id id, bool on)
{
    const struct capability_row *row = capability_row(id);
    enum vmx_control_word word = (enum vmx_control_word)row->source;
    uint32_t *now = &vmx_of(cpu)->controls[word];
    uint32_t bit = UINT32_C(1) << row->bit, wanted;

    /* The guest's own MOV to CR0 changes "IA-32e mode guest". */
    if (word == VMX_WORD_ENTRY)
        *now = (uint32_t)vmcs_read(vmx_control_fields[word]);
    wanted = on ? *now | bit : *now & ~bit;

    if (wanted == *now)
        return;
    if (on ? !(allowed[word].may_be_1 & bit) : (allowed[word].must_be_1 & bit) != 0)
        panic("the VMX control \"%s\" cannot be %d here", row->name, on);
    *now = wanted;
    vmcs_write(vmx_control_fields[word], wanted);
}
