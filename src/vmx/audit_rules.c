/* SPDX-License-Identifier: BSD-2-Clause */
/* SDM Vol 3: VM Entries > Checks on VMX Controls and Host-State Area, in the manual's order. Pure. */
#include "vmx/audit_rules.h"

#include <stddef.h>

#include "core/event.h"
#include "x86/msr.h"
#include "x86/registers.h"
#include "x86/vmcs.h"

#define EPT_TYPE            7u
#define EPT_WRITE_BACK      6u
#define EPT_WALK_SHIFT      3
#define EPT_WALK            7u
#define EPT_WALK_4          3u          /* levels, less 1 */
#define EPT_ACCESSED_DIRTY  (1u << 6)
#define EPT_RESERVED        UINT64_C(0xf00)
#define TPR_CLASS_SHIFT     4
#define SELECTOR_LOW        7u          /* RPL and TI */
#define MSR_ENTRY_SIZE      16

static void check_word(struct vmx_audit *audit, enum vmx_control_word word)
{
    const struct vmx_controls *allowed = &audit->allowed[word];
    uint64_t value, named = 0;

    if (!audit->fields[word])
        return;
    value = audit_read(audit, audit->fields[word]);
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row(id);
        uint64_t bit;

        if (row->kind != CAPABILITY_KIND_CONTROL || row->source != word)
            continue;
        bit = UINT64_C(1) << row->bit;
        named |= bit;
        audit_check(audit, !(value & bit & ~allowed->may_be_1), row->name, 1,
                    "the processor allows 0 only");
        audit_check(audit, !(~value & bit & allowed->must_be_1), row->name, 0,
                    "the processor allows 1 only");
    }
    audit_check(audit, !((value & ~allowed->may_be_1) | (~value & allowed->must_be_1))
                       || ((value & ~allowed->may_be_1) | (~value & allowed->must_be_1)) & named,
                vmx_control_word_row(word)->title, value, "a reserved bit has the wrong value");
}

/* What may be 1 only together with something else. */
static const struct {
    enum capability_id control, needs;
    bool needs_value;
} together[] = {
    { CAPABILITY_VMX_VIRTUAL_NMIS, CAPABILITY_VMX_NMI_EXITING, true },
    { CAPABILITY_VMX_NMI_WINDOW_EXITING, CAPABILITY_VMX_VIRTUAL_NMIS, true },
    { CAPABILITY_VMX_VIRTUALIZE_X2APIC, CAPABILITY_VMX_TPR_SHADOW, true },
    { CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION, CAPABILITY_VMX_TPR_SHADOW, true },
    { CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY, CAPABILITY_VMX_TPR_SHADOW, true },
    { CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY, CAPABILITY_VMX_EXTERNAL_INTERRUPT_EXITING, true },
    { CAPABILITY_VMX_VIRTUALIZE_X2APIC, CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES, false },
    { CAPABILITY_VMX_POSTED_INTERRUPTS, CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY, true },
    { CAPABILITY_VMX_UNRESTRICTED_GUEST, CAPABILITY_VMX_EPT, true },
    { CAPABILITY_VMX_EXIT_SAVE_PREEMPTION_TIMER, CAPABILITY_VMX_PREEMPTION_TIMER, true },
};

static void check_combinations(struct vmx_audit *audit)
{
    for (unsigned i = 0; i < sizeof together / sizeof together[0]; i++) {
        bool right = !audit_control(audit, together[i].control)
                  || audit_control(audit, together[i].needs) == together[i].needs_value;

        audit_check(audit, right, capability_row(together[i].control)->name, 1,
                    together[i].needs_value ? "another control that it needs is 0"
                                            : "another control that excludes it is 1");
    }
}

/* Addresses that a control makes the processor use. */
static const struct {
    enum capability_id control;
    uint32_t field;
    const char *name;
} pages[] = {
    { CAPABILITY_VMX_IO_BITMAPS, VMCS_IO_BITMAP_A, "Address of I/O bitmap A" },
    { CAPABILITY_VMX_IO_BITMAPS, VMCS_IO_BITMAP_B, "Address of I/O bitmap B" },
    { CAPABILITY_VMX_MSR_BITMAPS, VMCS_MSR_BITMAPS, "Address of MSR bitmaps" },
    { CAPABILITY_VMX_TPR_SHADOW, VMCS_VIRTUAL_APIC_ADDRESS, "Virtual-APIC address" },
    { CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES, VMCS_APIC_ACCESS_ADDRESS, "APIC-access address" },
};

static void check_ept_pointer(struct vmx_audit *audit)
{
    uint64_t pointer = audit_read(audit, VMCS_EPT_POINTER);
    unsigned type = pointer & EPT_TYPE;
    bool right = (type == EPT_WRITE_BACK || type == 0)
              && (pointer >> EPT_WALK_SHIFT & EPT_WALK) == EPT_WALK_4
              && !(pointer & EPT_RESERVED) && !(pointer >> audit->physical_bits);

    audit_check(audit, right, "EPT pointer", pointer, "no memory type, walk length or address");
    audit_check(audit, !(pointer & EPT_ACCESSED_DIRTY) || audit->accessed_dirty, "EPT pointer", pointer,
                "accessed and dirty flags, which the processor does not have");
}

/* Used where the processor does not deliver virtual interrupts itself. */
static void check_tpr_threshold(struct vmx_audit *audit)
{
    uint64_t threshold;

    if (!audit_control(audit, CAPABILITY_VMX_TPR_SHADOW)
        || audit_control(audit, CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY))
        return;
    threshold = audit_read(audit, VMCS_TPR_THRESHOLD);
    audit_check(audit, threshold <= 0xf, "TPR threshold", threshold, "more than 4 bits");
    audit_check(audit, threshold > 0xf
                       || audit_control(audit, CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES)
                       || threshold <= audit->virtual_priority >> TPR_CLASS_SHIFT,
                "TPR threshold", threshold, "above the class of VTPR");
}

static void check_execution_fields(struct vmx_audit *audit)
{
    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        uint64_t address;

        if (!audit_control(audit, pages[i].control))
            continue;
        address = audit_read(audit, pages[i].field);
        audit_check(audit, audit_physical(audit, address, 4096), pages[i].name, address,
                    "not a page in physical memory");
    }
    check_tpr_threshold(audit);
    audit_check(audit, audit_read(audit, VMCS_CR3_TARGET_COUNT) <= 4, "CR3-target count",
                audit_read(audit, VMCS_CR3_TARGET_COUNT), "above 4");
    if (audit_control(audit, CAPABILITY_VMX_EPT))
        check_ept_pointer(audit);
    if (audit_control(audit, CAPABILITY_VMX_VPID))
        audit_check(audit, audit_read(audit, VMCS_VPID) != 0, "Virtual-processor identifier", 0,
                    "0 is the host's");
}

static void check_msr_areas(struct vmx_audit *audit)
{
    static const struct { uint32_t count, address; const char *name; } areas[] = {
        { VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE_ADDRESS, "VM-exit MSR-store address" },
        { VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD_ADDRESS, "VM-exit MSR-load address" },
        { VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_ADDRESS, "VM-entry MSR-load address" },
    };

    for (unsigned i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        uint64_t address = audit_read(audit, areas[i].address);

        if (audit_read(audit, areas[i].count))
            audit_check(audit, audit_physical(audit, address, MSR_ENTRY_SIZE), areas[i].name,
                        address, "not aligned, or beyond physical memory");
    }
}

/* Event injection: the field itself; whether the guest can take the event is its state's. */
static void check_injection(struct vmx_audit *audit)
{
    uint64_t event = audit_read(audit, VMCS_ENTRY_INTERRUPTION);
    unsigned type = event >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE;
    unsigned vector = event & INTERRUPTION_VECTOR;
    bool soft = type >= EVENT_SOFTWARE_INTERRUPT && type <= EVENT_SOFTWARE_EXCEPTION;
    bool protected_mode = audit_read(audit, VMCS_GUEST_CR0) & CR0_PE;
    bool error = event & INTERRUPTION_ERROR_VALID;
    const char *name = "VM-entry interruption information";
    uint64_t length;

    if (!(event & INTERRUPTION_VALID))
        return;
    audit_check(audit, type != 1, name, event, "a reserved type");
    audit_check(audit, type != EVENT_NMI || vector == VECTOR_NMI, name, event,
                "an NMI with a vector other than 2");
    audit_check(audit, type != EVENT_EXCEPTION || vector < 32, name, event,
                "an exception with a vector above 31");
    audit_check(audit, !(event & UINT64_C(0x7ffff000)), name, event, "a reserved bit is 1");
    audit_check(audit, error == (type == EVENT_EXCEPTION && protected_mode
                                 && event_exception_has_error((uint8_t)vector)),
                name, event, "an error code where there is none, or none where there is one");
    if (error)
        audit_check(audit, !(audit_read(audit, VMCS_ENTRY_EXCEPTION_ERROR) >> 16),
                    "VM-entry exception error code",
                    audit_read(audit, VMCS_ENTRY_EXCEPTION_ERROR), "more than 16 bits");
    if (!soft)
        return;
    length = audit_read(audit, VMCS_ENTRY_INSTRUCTION_LENGTH);
    audit_check(audit, length >= 1 && length <= 15, "VM-entry instruction length", length,
                "not 1 to 15 bytes");
}

static void check_host_registers(struct vmx_audit *audit)
{
    uint64_t cr0 = audit_read(audit, VMCS_HOST_CR0), cr4 = audit_read(audit, VMCS_HOST_CR4);
    uint64_t cr3 = audit_read(audit, VMCS_HOST_CR3);
    static const struct { uint32_t field; const char *name; } addresses[] = {
        { VMCS_HOST_SYSENTER_ESP, "Host IA32_SYSENTER_ESP" },
        { VMCS_HOST_SYSENTER_EIP, "Host IA32_SYSENTER_EIP" },
        { VMCS_HOST_FS_BASE, "Host FS base" }, { VMCS_HOST_GS_BASE, "Host GS base" },
        { VMCS_HOST_TR_BASE, "Host TR base" }, { VMCS_HOST_GDTR_BASE, "Host GDTR base" },
        { VMCS_HOST_IDTR_BASE, "Host IDTR base" }, { VMCS_HOST_RIP, "Host RIP" },
    };

    audit_check(audit, !((cr0 & ~audit->cr0_fixed1) | (~cr0 & audit->cr0_fixed0)), "Host CR0",
                cr0, "a bit that VMX fixes has the wrong value");
    audit_check(audit, !((cr4 & ~audit->cr4_fixed1) | (~cr4 & audit->cr4_fixed0)), "Host CR4",
                cr4, "a bit that VMX fixes has the wrong value");
    audit_check(audit, cr4 & CR4_PAE, "Host CR4", cr4, "PAE is 0 in a 64-bit host");
    audit_check(audit, !(cr3 >> audit->physical_bits), "Host CR3", cr3,
                "beyond the physical address width");
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        audit_check(audit, audit_canonical(audit, audit_read(audit, addresses[i].field)),
                    addresses[i].name, audit_read(audit, addresses[i].field), "not canonical");
    if (audit_control(audit, CAPABILITY_VMX_EXIT_LOAD_PAT))
        audit_check(audit, audit_pat(audit_read(audit, VMCS_HOST_PAT)), "Host IA32_PAT",
                    audit_read(audit, VMCS_HOST_PAT), "not memory types");
    if (audit_control(audit, CAPABILITY_VMX_EXIT_LOAD_EFER))
        audit_check(audit, (audit_read(audit, VMCS_HOST_EFER) & (EFER_LMA | EFER_LME))
                           == (EFER_LMA | EFER_LME), "Host IA32_EFER",
                    audit_read(audit, VMCS_HOST_EFER), "LMA and LME are not 1 in a 64-bit host");
}

static void check_host_segments(struct vmx_audit *audit)
{
    static const char *const names[] = {
        "Host ES selector", "Host CS selector", "Host SS selector", "Host DS selector",
        "Host FS selector", "Host GS selector", "Host TR selector",
    };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t field = VMCS_HOST_ES_SELECTOR + 2 * i;
        uint64_t selector = audit_read(audit, field);

        audit_check(audit, !(selector & SELECTOR_LOW), names[i], selector, "RPL or TI is not 0");
        if (field == VMCS_HOST_CS_SELECTOR || field == VMCS_HOST_TR_SELECTOR)
            audit_check(audit, selector != 0, names[i], selector, "null");
    }
}

bool audit_pat(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++, pat >>= 8) {
        unsigned type = pat & 0xff;

        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

unsigned vmx_audit_all(struct vmx_audit *audit)
{
    audit->found = 0;
    for (unsigned word = 0; word < VMX_WORD_COUNT; word++)
        check_word(audit, word);
    check_combinations(audit);
    check_execution_fields(audit);
    check_msr_areas(audit);
    check_injection(audit);
    check_host_registers(audit);
    check_host_segments(audit);
    vmx_audit_guest(audit);
    return audit->found;
}
