/* SPDX-License-Identifier: BSD-2-Clause */
#include "strategies/bind.h"

#include "core/backend.h"
#include "strategies/operations.h"

__attribute__((section(".sealed"))) struct binding binding;
__attribute__((section(".sealed"))) const struct backend *backend;

/* The one place that knows which strategies exist: X(id, axis member, table). */
#define IMPLEMENTED(X)                                              \
    X(STARTUP_SIPI, startup, startup_sipi_operations)               \
    X(STARTUP_ICR, startup, startup_icr_operations)                 \
    X(APIC_PASSTHROUGH, apic, apic_passthrough_operations)          \
    X(APIC_PAGE, apic, apic_page_operations)                        \
    X(X2APIC_HIDE, x2apic, x2apic_hide_operations)                  \
    X(STEP_MTF, step, mtf_operations)                               \
    X(STEP_DBSTEP, step, dbstep_operations)                         \
    X(NMI_VNMI, nmi, nmi_vnmi_operations)                           \
    X(NMI_IRET, nmi, nmi_iret_operations)

static const struct backend *const backends[BACKEND_COUNT] = {
    [BACKEND_VMX] = &vmx_backend,
    [BACKEND_SVM] = &svm_backend,
};

struct strategy_set strategies_implemented(void)
{
    struct strategy_set set = { 0, 0 };

#define X(id, axis, table) strategy_set_add(&set, STRATEGY_##id);
    IMPLEMENTED(X)
#undef X
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        if (backends[i])
            strategy_set_add_backend(&set, i);
    }
    return set;
}

void strategies_bind(enum strategy_id id)
{
    switch (id) {
#define X(id, axis, table)          \
    case STRATEGY_##id:             \
        binding.axis = &table;      \
        break;
    IMPLEMENTED(X)
#undef X
    default:
        break;
    }
}

void strategies_bind_backend(enum backend_id id)
{
    backend = backends[id];
}
