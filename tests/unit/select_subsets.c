/* SPDX-License-Identifier: BSD-2-Clause */
#include "select_subsets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const enum capability_id group_members[GROUPS][GROUP_MEMBERS] = {
    [GROUP_VMX] = {
        CAPABILITY_VMX, CAPABILITY_VMX_USABLE, CAPABILITY_VMX_SECONDARY_CONTROLS,
        CAPABILITY_VMX_EPT, CAPABILITY_VMX_EPT_WALK_4, CAPABILITY_VMX_EPT_WRITE_BACK,
        CAPABILITY_VMX_UNRESTRICTED_GUEST, CAPABILITY_VMX_EXIT_HOST_ADDRESS_SPACE_SIZE,
        CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST,
    },
    [GROUP_SVM]      = { CAPABILITY_SVM, CAPABILITY_SVM_USABLE, CAPABILITY_SVM_NP },
    [GROUP_SIPI]     = { CAPABILITY_VMX_ACTIVITY_WAIT_FOR_SIPI },
    [GROUP_APICV]    = {
        CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION, CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY,
        CAPABILITY_VMX_TPR_SHADOW, CAPABILITY_VMX_EXTERNAL_INTERRUPT_EXITING,
        CAPABILITY_VMX_EXIT_ACKNOWLEDGE_INTERRUPT, CAPABILITY_VMX_INTERRUPT_WINDOW_EXITING,
        CAPABILITY_VMX_HLT_EXITING,
    },
    [GROUP_ACCESSES] = { CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES },
    [GROUP_X2APIC]   = { CAPABILITY_X2APIC },
    [GROUP_BITMAPS]  = { CAPABILITY_VMX_MSR_BITMAPS },
    [GROUP_X2VIRT]   = { CAPABILITY_VMX_VIRTUALIZE_X2APIC },
    [GROUP_MTF]      = { CAPABILITY_VMX_MONITOR_TRAP_FLAG },
    [GROUP_VNMI]     = { CAPABILITY_VMX_VIRTUAL_NMIS, CAPABILITY_VMX_NMI_EXITING },
    [GROUP_WINDOW]   = { CAPABILITY_VMX_NMI_WINDOW_EXITING },
};

void subset(uint32_t groups, struct capabilities *capabilities)
{
    memset(capabilities, 0, sizeof(*capabilities));
    capabilities->state[CAPABILITY_LONG_MODE] = CAPABILITY_ADVERTISED;
    for (unsigned group = 0; group < GROUPS; group++) {
        for (unsigned i = 0; i < GROUP_MEMBERS && group_members[group][i] != CAPABILITY_NONE; i++) {
            capabilities->state[group_members[group][i]] =
                (groups & BIT(group)) != 0 ? CAPABILITY_ADVERTISED : CAPABILITY_ABSENT;
        }
    }
}

bool needs_met(uint32_t groups, enum backend_id backend, enum strategy_id id)
{
    bool vmx = backend == BACKEND_VMX;
    uint32_t needs = 0;

    switch (id) {
    case STRATEGY_STARTUP_SIPI:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_SIPI);
        break;
    case STRATEGY_APIC_PASSTHROUGH:
        return vmx;
    case STRATEGY_APIC_APICV:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_APICV) | BIT(GROUP_ACCESSES);
        break;
    case STRATEGY_X2APIC_PASSTHROUGH:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_X2APIC) | BIT(GROUP_BITMAPS);
        break;
    case STRATEGY_X2APIC_MSR:
        needs = BIT(GROUP_X2APIC) | (vmx ? BIT(GROUP_BITMAPS) : 0);
        break;
    case STRATEGY_X2APIC_APICV:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_X2APIC) | BIT(GROUP_BITMAPS) | BIT(GROUP_APICV) | BIT(GROUP_X2VIRT);
        break;
    case STRATEGY_STEP_MTF:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_MTF);
        break;
    case STRATEGY_NMI_VNMI:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_VNMI) | BIT(GROUP_WINDOW);
        break;
    case STRATEGY_NMI_POLL:
        if (!vmx) {
            return false;
        }
        needs = BIT(GROUP_VNMI);
        break;
    case STRATEGY_NMI_IRET:
        return !vmx;
    default:                    /* icr, decode, page, hide, dbstep: the backend is enough */
        break;
    }
    return (groups & needs) == needs;
}

bool selection_runs(const struct selection *selection)
{
    return selection->outcome == OUTCOME_RUNS || selection->outcome == OUTCOME_DEGRADED;
}

void check_outcome(const struct capabilities *capabilities,
                   const struct selection_request *request, const struct selection *selection)
{
    bool complete = true, refused = false, fallback = false;
    char text[SELECTION_SENTENCE_MAX];

    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        complete = complete && selection->axis[axis].chosen != STRATEGY_NONE;
        refused = refused || selection->axis[axis].refused;
        fallback = fallback || selection->axis[axis].fallback;
    }
    assert_int_equal(selection_runs(selection), complete);
    assert_int_equal(selection->outcome == OUTCOME_DEGRADED, complete && fallback);
    if (selection->outcome == OUTCOME_REFUSED) {
        assert_true(refused);
    }
    selection_format_outcome(selection, capabilities, request, text, sizeof(text));
    assert_non_null(memchr(text, '\0', sizeof(text)));
    assert_int_equal(text[0] != '\0', selection->outcome != OUTCOME_RUNS);
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        int length = selection_format_reason(selection, capabilities, (enum strategy_id)i, text,
                                             sizeof(text));

        assert_in_range(length, 5, sizeof(text) - 1);
    }
}
