/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks that VM entry makes on a VMCS, each with the name of the field or control that it is
 * about. Pure: the VMCS is behind read(). */
#ifndef SEXTANT_VMX_AUDIT_RULES_H
#define SEXTANT_VMX_AUDIT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/capabilities.h"

struct vmx_audit {
    /* The VMCS. Asked only for fields that exist with the controls that it holds. */
    uint64_t (*read)(const void *context, uint32_t field);
    /* A violation: the field or control by the manual's name, its value, what is wrong. */
    void (*say)(const void *context, const char *name, uint64_t value, const char *what);
    const void *context;
    const struct vmx_controls *allowed;     /* VMX_WORD_COUNT words */
    const uint32_t *fields;                 /* that hold them; 0: not in use */
    uint64_t cr0_fixed0, cr0_fixed1;        /* as IA32_VMX_CR0_FIXED0 and 1, and so on */
    uint64_t cr4_fixed0, cr4_fixed1;
    uint64_t guest_efer;                    /* in its field or in the MSR-load area */
    uint8_t physical_bits, linear_bits;
    uint8_t virtual_priority;               /* VTPR, if there is a virtual-APIC page */
    uint8_t activities;                     /* a bit for each activity state that the processor has */
    bool accessed_dirty;                    /* EPT has these flags */
    unsigned found;
};

/* Makes all checks, not only up to the first violation. Returns how many violations it said. */
unsigned vmx_audit_all(struct vmx_audit *audit);

/* audit_guest.c: those on the guest-state area. */
void vmx_audit_guest(struct vmx_audit *audit);

/* For both files. */
static inline uint64_t audit_read(const struct vmx_audit *audit, uint32_t field)
{
    return audit->read(audit->context, field);
}

static inline void audit_check(struct vmx_audit *audit, bool right, const char *name,
                               uint64_t value, const char *what)
{
    if (right)
        return;
    audit->found++;
    audit->say(audit->context, name, value, what);
}

/* True when a control of a word in use is 1. */
static inline bool audit_control(const struct vmx_audit *audit, enum capability_id id)
{
    const struct capability_row *row = capability_row(id);
    uint32_t field = audit->fields[row->source];

    /* The secondary controls count only when they are activated. */
    if (!field || (row->source == VMX_WORD_PROCBASED2
                   && !audit_control(audit, CAPABILITY_VMX_SECONDARY_CONTROLS)))
        return false;
    return audit_read(audit, field) >> row->bit & 1;
}

/* A linear address that the processor accepts in a register. */
static inline bool audit_canonical(const struct vmx_audit *audit, uint64_t address)
{
    unsigned unused = 64 - audit->linear_bits;

    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* The same for RIP, where bit N - 1 need not be like those above it (SDM Vol 3: Checks on Guest RIP,
 * RFLAGS, and SSP): canonicality faults come with the fetch. */
static inline bool audit_rip(const struct vmx_audit *audit, uint64_t rip)
{
    uint64_t high = rip >> (audit->linear_bits - 1) >> 1;

    return high == 0 || high == ~UINT64_C(0) >> (audit->linear_bits - 1) >> 1;
}

/* A physical address of something aligned. */
static inline bool audit_physical(const struct vmx_audit *audit, uint64_t address,
                                  uint64_t alignment)
{
    return !(address & (alignment - 1)) && !(address >> audit->physical_bits);
}

/* A value of IA32_PAT. */
bool audit_pat(uint64_t pat);

#endif
