/* SPDX-License-Identifier: BSD-2-Clause */
/* SDM Vol 3: VM Entries > Checks on the Guest State Area, in the manual's order, for processors with
 * unrestricted guests. Pure. */
#include "vmx/audit_rules.h"

#include "core/backend.h"
#include "core/event.h"
#include "x86/msr.h"
#include "x86/registers.h"
#include "x86/vmcs.h"

#define CR4_CET             (UINT64_C(1) << 23)
#define DEBUGCTL_RESERVED   (~UINT64_C(0xdfc3))
#define RFLAGS_RESERVED     (~UINT64_C(0x3f7fd7))
#define SELECTOR_TI         (1u << 2)
#define TYPE_CODE           (1u << 3)
#define TYPE_MASK           0xfu
#define SEGMENT_S           (1u << 4)
#define DPL(rights)         ((rights) >> 5 & 3)
#define SEGMENT_PRESENT     (1u << 7)
#define SEGMENT_LONG        (1u << 13)
#define SEGMENT_BIG         (1u << 14)
#define SEGMENT_GRANULARITY (1u << 15)
#define SEGMENT_RESERVED    0xfffe0f00u
#define VIRTUAL_8086        0xf3u
#define PENDING_RESERVED    (~UINT64_C(0x1580f))
#define PDPTE_RESERVED      UINT64_C(0x1e6)
#define NO_LINK             (~UINT64_C(0))
#define EFER_KNOWN          (EFER_LMA | EFER_LME | UINT64_C(0x801))     /* NXE, SCE */

static const struct { const char *selector, *base, *limit, *rights; } segment_names[] = {
    { "Guest ES selector", "Guest ES base", "Guest ES limit", "Guest ES access rights" },
    { "Guest CS selector", "Guest CS base", "Guest CS limit", "Guest CS access rights" },
    { "Guest SS selector", "Guest SS base", "Guest SS limit", "Guest SS access rights" },
    { "Guest DS selector", "Guest DS base", "Guest DS limit", "Guest DS access rights" },
    { "Guest FS selector", "Guest FS base", "Guest FS limit", "Guest FS access rights" },
    { "Guest GS selector", "Guest GS base", "Guest GS limit", "Guest GS access rights" },
    { "Guest LDTR selector", "Guest LDTR base", "Guest LDTR limit", "Guest LDTR access rights" },
    { "Guest TR selector", "Guest TR base", "Guest TR limit", "Guest TR access rights" },
};

/* The registers of a segment in the VMCS. */
struct segment {
    uint64_t selector, base;
    uint32_t limit, rights;
    bool usable;
};

static struct segment read_segment(const struct vmx_audit *audit, unsigned which)
{
    struct segment out = {
        .selector = audit_read(audit, VMCS_GUEST_ES_SELECTOR + 2 * which),
        .base = audit_read(audit, VMCS_GUEST_ES_BASE + 2 * which),
        .limit = (uint32_t)audit_read(audit, VMCS_GUEST_ES_LIMIT + 2 * which),
        .rights = (uint32_t)audit_read(audit, VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * which),
    };

    out.usable = !(out.rights & VMCS_SEGMENT_UNUSABLE);
    return out;
}

static bool long_mode(const struct vmx_audit *audit)
{
    return audit_control(audit, CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST);
}

static void check_control_registers(struct vmx_audit *audit)
{
    uint64_t cr0 = audit_read(audit, VMCS_GUEST_CR0), cr4 = audit_read(audit, VMCS_GUEST_CR4);
    uint64_t cr3 = audit_read(audit, VMCS_GUEST_CR3), dr7 = audit_read(audit, VMCS_GUEST_DR7);
    uint64_t debug = audit_read(audit, VMCS_GUEST_DEBUGCTL);
    uint64_t must = audit->cr0_fixed0 & ~(CR0_PE | CR0_PG);     /* unrestricted guest */

    audit_check(audit, !((cr0 & ~audit->cr0_fixed1) | (~cr0 & must)), "Guest CR0", cr0,
                "a bit that VMX fixes has the wrong value");
    audit_check(audit, !(cr0 & CR0_PG) || cr0 & CR0_PE, "Guest CR0", cr0, "PG without PE");
    audit_check(audit, !((cr4 & ~audit->cr4_fixed1) | (~cr4 & audit->cr4_fixed0)), "Guest CR4",
                cr4, "a bit that VMX fixes has the wrong value");
    audit_check(audit, !(cr4 & CR4_CET) || cr0 & CR0_WP, "Guest CR4", cr4, "CET without CR0.WP");
    audit_check(audit, !(debug & DEBUGCTL_RESERVED), "Guest IA32_DEBUGCTL", debug,
                "a reserved bit is 1");
    audit_check(audit, !long_mode(audit) || cr0 & CR0_PG, "Guest CR0", cr0,
                "PG is 0 and \"IA-32e mode guest\" is 1");
    audit_check(audit, !long_mode(audit) || cr4 & CR4_PAE, "Guest CR4", cr4,
                "PAE is 0 and \"IA-32e mode guest\" is 1");
    audit_check(audit, long_mode(audit) || !(cr4 & CR4_PCIDE), "Guest CR4", cr4,
                "PCIDE is 1 and \"IA-32e mode guest\" is 0");
    audit_check(audit, !(cr3 >> audit->physical_bits), "Guest CR3", cr3,
                "beyond the physical address width");
    audit_check(audit, !(dr7 >> 32), "Guest DR7", dr7, "more than 32 bits");
}

static void check_msrs(struct vmx_audit *audit)
{
    uint64_t esp = audit_read(audit, VMCS_GUEST_SYSENTER_ESP);
    uint64_t eip = audit_read(audit, VMCS_GUEST_SYSENTER_EIP), efer = audit->guest_efer;

    audit_check(audit, audit_canonical(audit, esp), "Guest IA32_SYSENTER_ESP", esp,
                "not canonical");
    audit_check(audit, audit_canonical(audit, eip), "Guest IA32_SYSENTER_EIP", eip,
                "not canonical");
    if (audit_control(audit, CAPABILITY_VMX_ENTRY_LOAD_PAT))
        audit_check(audit, audit_pat(audit_read(audit, VMCS_GUEST_PAT)), "Guest IA32_PAT",
                    audit_read(audit, VMCS_GUEST_PAT), "not memory types");
    audit_check(audit, !(efer & ~EFER_KNOWN), "Guest IA32_EFER", efer, "a reserved bit is 1");
    audit_check(audit, !(efer & EFER_LMA) == !long_mode(audit), "Guest IA32_EFER", efer,
                "LMA differs from \"IA-32e mode guest\"");
    audit_check(audit, !(audit_read(audit, VMCS_GUEST_CR0) & CR0_PG)
                       || !(efer & EFER_LMA) == !(efer & EFER_LME),
                "Guest IA32_EFER", efer, "LMA differs from LME while paging is on");
}

static void check_virtual_8086(struct vmx_audit *audit)
{
    for (unsigned i = GUEST_ES; i <= GUEST_GS; i++) {
        struct segment segment = read_segment(audit, i);

        audit_check(audit, segment.base == segment.selector << 4, segment_names[i].base,
                    segment.base, "not 16 times the selector in virtual-8086 mode");
        audit_check(audit, segment.limit == 0xffff, segment_names[i].limit, segment.limit,
                    "not 0xffff in virtual-8086 mode");
        audit_check(audit, segment.rights == VIRTUAL_8086, segment_names[i].rights,
                    segment.rights, "not 0xf3 in virtual-8086 mode");
    }
}

/* CS: what code it is, and its privilege level against that of SS, which is the CPL. */
static void check_code(struct vmx_audit *audit, const struct segment *code)
{
    struct segment stack = read_segment(audit, GUEST_SS);
    unsigned type = code->rights & TYPE_MASK, dpl = DPL(code->rights), cpl = DPL(stack.rights);
    const char *name = segment_names[GUEST_CS].rights;

    audit_check(audit, type == 3 || (type & (TYPE_CODE | 1)) == (TYPE_CODE | 1), name,
                code->rights, "neither accessed code nor the data of real mode");
    audit_check(audit, type != 3 || dpl == 0, name, code->rights, "DPL is not 0");
    audit_check(audit, type != 9 || dpl == cpl, name, code->rights, "DPL differs from SS.DPL");
    audit_check(audit, type != 11 || dpl == cpl, name, code->rights, "DPL differs from SS.DPL");
    audit_check(audit, (type != 13 && type != 15) || dpl <= cpl, name, code->rights,
                "DPL is above SS.DPL");
    audit_check(audit, !(long_mode(audit) && code->rights & SEGMENT_LONG
                         && code->rights & SEGMENT_BIG), name, code->rights,
                "L and D are both 1");
    audit_check(audit, cpl == 0 || (type != 3 && audit_read(audit, VMCS_GUEST_CR0) & CR0_PE),
                segment_names[GUEST_SS].rights, stack.rights, "DPL is not 0 in real mode");
}

static bool is_legal_type(unsigned which, uint32_t rights)
{
    unsigned type = rights & TYPE_MASK;

    if (which == GUEST_SS)
        return type == 3 || type == 7;
    return type & 1 && (!(type & TYPE_CODE) || type & 2);
}

static void check_segment(struct vmx_audit *audit, unsigned which)
{
    struct segment segment = read_segment(audit, which);
    bool system = which >= GUEST_LDTR, must_be_usable = which == GUEST_CS || which == GUEST_TR;
    const char *name = segment_names[which].rights;
    bool granular = segment.rights & SEGMENT_GRANULARITY;
    bool top = (segment.limit & 0xfff00000) != 0, bottom = (segment.limit & 0xfff) == 0xfff;

    if (which >= GUEST_FS)
        audit_check(audit, (!segment.usable && which == GUEST_LDTR)
                           || audit_canonical(audit, segment.base),
                    segment_names[which].base, segment.base, "not canonical");
    else if (segment.usable)
        audit_check(audit, !(segment.base >> 32), segment_names[which].base, segment.base,
                    "more than 32 bits");
    if (!segment.usable) {
        audit_check(audit, !must_be_usable, name, segment.rights, "unusable");
        return;
    }
    audit_check(audit, !(segment.rights & SEGMENT_S) == system, name, segment.rights,
                "a system segment, or not one where it must be");
    audit_check(audit, segment.rights & SEGMENT_PRESENT, name, segment.rights, "not present");
    audit_check(audit, !(segment.rights & SEGMENT_RESERVED), name, segment.rights,
                "a reserved bit is 1");
    audit_check(audit, granular ? bottom : !top, segment_names[which].limit, segment.limit,
                "does not fit to the granularity");
    if (which == GUEST_CS)
        check_code(audit, &segment);
    else if (!system)
        audit_check(audit, is_legal_type(which, segment.rights), name, segment.rights,
                    "a type that this register cannot hold, or not accessed");
}

static void check_system_segments(struct vmx_audit *audit)
{
    struct segment task = read_segment(audit, GUEST_TR), table = read_segment(audit, GUEST_LDTR);
    unsigned type = task.rights & TYPE_MASK;

    audit_check(audit, !(task.selector & SELECTOR_TI), segment_names[GUEST_TR].selector,
                task.selector, "in the LDT");
    audit_check(audit, type == 11 || (type == 3 && !long_mode(audit)),
                segment_names[GUEST_TR].rights, task.rights, "not a busy TSS of the mode");
    if (!table.usable)
        return;
    audit_check(audit, !(table.selector & SELECTOR_TI), segment_names[GUEST_LDTR].selector,
                table.selector, "in the LDT");
    audit_check(audit, (table.rights & TYPE_MASK) == 2, segment_names[GUEST_LDTR].rights,
                table.rights, "not an LDT");
}

static void check_tables(struct vmx_audit *audit)
{
    static const struct { uint32_t base, limit; const char *base_name, *limit_name; } tables[] = {
        { VMCS_GUEST_GDTR_BASE, VMCS_GUEST_GDTR_LIMIT, "Guest GDTR base", "Guest GDTR limit" },
        { VMCS_GUEST_IDTR_BASE, VMCS_GUEST_IDTR_LIMIT, "Guest IDTR base", "Guest IDTR limit" },
    };

    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        uint64_t base = audit_read(audit, tables[i].base);
        uint64_t limit = audit_read(audit, tables[i].limit);

        audit_check(audit, audit_canonical(audit, base), tables[i].base_name, base,
                    "not canonical");
        audit_check(audit, !(limit >> 16), tables[i].limit_name, limit, "more than 16 bits");
    }
}

static void check_rip_and_rflags(struct vmx_audit *audit)
{
    uint64_t rip = audit_read(audit, VMCS_GUEST_RIP), rflags = audit_read(audit, VMCS_GUEST_RFLAGS);
    bool code_64 = long_mode(audit) && read_segment(audit, GUEST_CS).rights & SEGMENT_LONG;

    audit_check(audit, code_64 || !(rip >> 32), "Guest RIP", rip,
                "more than 32 bits outside 64-bit code");
    audit_check(audit, !code_64 || audit_rip(audit, rip), "Guest RIP", rip,
                "the bits above the linear-address width differ");
    audit_check(audit, !(rflags & RFLAGS_RESERVED) && rflags & RFLAGS_FIXED, "Guest RFLAGS",
                rflags, "a reserved bit has the wrong value");
    audit_check(audit, !(rflags & RFLAGS_VM) || (!long_mode(audit)
                                                 && audit_read(audit, VMCS_GUEST_CR0) & CR0_PE),
                "Guest RFLAGS", rflags, "VM is 1 in a mode without it");
}

/* Interruptibility against RFLAGS, the activity and the event that is injected. */
static void check_interruptibility(struct vmx_audit *audit)
{
    uint64_t state = audit_read(audit, VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t rflags = audit_read(audit, VMCS_GUEST_RFLAGS);
    uint64_t event = audit_read(audit, VMCS_ENTRY_INTERRUPTION);
    unsigned type = event >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE;
    bool injects = event & INTERRUPTION_VALID;
    unsigned shadow = state & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
    const char *name = "Guest interruptibility state";

    audit_check(audit, !(state & ~UINT64_C(0x1f)), name, state, "a reserved bit is 1");
    audit_check(audit, shadow != (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS), name, state,
                "blocking by STI and by MOV SS at once");
    audit_check(audit, !(state & INTERRUPTIBILITY_STI) || rflags & RFLAGS_IF, name, state,
                "blocking by STI and RFLAGS.IF is 0");
    audit_check(audit, !(state & INTERRUPTIBILITY_SMI), name, state, "blocking by SMI outside SMM");
    if (injects && type == EVENT_EXTERNAL_INTERRUPT) {
        audit_check(audit, !shadow, name, state, "an interrupt is injected into a shadow");
        audit_check(audit, rflags & RFLAGS_IF, "Guest RFLAGS", rflags,
                    "an interrupt is injected and IF is 0");
    }
    if (injects && type == EVENT_NMI) {
        audit_check(audit, !(state & INTERRUPTIBILITY_MOV_SS), name, state,
                    "an NMI is injected behind MOV SS");
        audit_check(audit, !(state & INTERRUPTIBILITY_NMI)
                           || !audit_control(audit, CAPABILITY_VMX_VIRTUAL_NMIS),
                    name, state, "an NMI is injected while NMIs are blocked");
    }
}

/* Whether an event may be injected into an activity state. */
static bool wakes(uint64_t activity, uint64_t event)
{
    unsigned type = event >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE;
    unsigned vector = event & INTERRUPTION_VECTOR;
    bool machine_check = type == EVENT_EXCEPTION && vector == VECTOR_MC;

    switch (activity) {
    case ACTIVITY_HLT:
        return type == EVENT_EXTERNAL_INTERRUPT || type == EVENT_NMI || machine_check
            || (type == EVENT_EXCEPTION && vector == VECTOR_DB)
            || (type == EVENT_OTHER && vector == 0);
    case ACTIVITY_SHUTDOWN:
        return type == EVENT_NMI || machine_check;
    default:
        return activity != ACTIVITY_WAIT_FOR_SIPI;
    }
}

static void check_activity(struct vmx_audit *audit)
{
    uint64_t activity = audit_read(audit, VMCS_GUEST_ACTIVITY);
    uint64_t state = audit_read(audit, VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t event = audit_read(audit, VMCS_ENTRY_INTERRUPTION);
    struct segment stack = read_segment(audit, GUEST_SS);
    const char *name = "Guest activity state";

    audit_check(audit, activity <= ACTIVITY_WAIT_FOR_SIPI && audit->activities >> activity & 1, name,
                activity, "not one that IA32_VMX_MISC offers");
    audit_check(audit, activity != ACTIVITY_HLT || DPL(stack.rights) == 0, name, activity,
                "HLT at a privilege level other than 0");
    audit_check(audit, activity == ACTIVITY_ACTIVE
                       || !(state & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)),
                name, activity, "not active and blocking by STI or MOV SS");
    audit_check(audit, !(event & INTERRUPTION_VALID) || wakes(activity, event), name, activity,
                "an event is injected that this state blocks");
}

static void check_pending_debug(struct vmx_audit *audit)
{
    uint64_t pending = audit_read(audit, VMCS_GUEST_PENDING_DEBUG);
    uint64_t state = audit_read(audit, VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t rflags = audit_read(audit, VMCS_GUEST_RFLAGS);
    bool shadow = state & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)
               || audit_read(audit, VMCS_GUEST_ACTIVITY) == ACTIVITY_HLT;
    bool steps = rflags & RFLAGS_TF && !(audit_read(audit, VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);
    const char *name = "Guest pending debug exceptions";

    audit_check(audit, !(pending & PENDING_RESERVED), name, pending, "a reserved bit is 1");
    audit_check(audit, !shadow || !(pending & PENDING_DEBUG_BS) == !steps, name, pending,
                "BS disagrees with RFLAGS.TF in a shadow");
}

/* The processor takes them from the VMCS while the guest uses PAE paging under EPT. */
static void check_page_directory_pointers(struct vmx_audit *audit)
{
    static const char *const names[] = { "Guest PDPTE0", "Guest PDPTE1", "Guest PDPTE2",
                                         "Guest PDPTE3" };

    if (!(audit_read(audit, VMCS_GUEST_CR0) & CR0_PG) || long_mode(audit)
        || !(audit_read(audit, VMCS_GUEST_CR4) & CR4_PAE)
        || !audit_control(audit, CAPABILITY_VMX_EPT))
        return;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t entry = audit_read(audit, VMCS_GUEST_PDPTE0 + 2 * i);

        audit_check(audit, !(entry & 1) || (!(entry & PDPTE_RESERVED)
                                            && !(entry >> audit->physical_bits)),
                    names[i], entry, "a reserved bit is 1");
    }
}

void vmx_audit_guest(struct vmx_audit *audit)
{
    bool virtual_8086 = audit_read(audit, VMCS_GUEST_RFLAGS) & RFLAGS_VM;

    check_control_registers(audit);
    check_msrs(audit);
    if (virtual_8086)
        check_virtual_8086(audit);
    for (unsigned i = virtual_8086 ? GUEST_LDTR : GUEST_ES; i <= GUEST_TR; i++)
        check_segment(audit, i);
    check_system_segments(audit);
    check_tables(audit);
    check_rip_and_rflags(audit);
    check_activity(audit);
    check_interruptibility(audit);
    check_pending_debug(audit);
    audit_check(audit, audit_read(audit, VMCS_LINK_POINTER) == NO_LINK, "VMCS link pointer",
                audit_read(audit, VMCS_LINK_POINTER), "not all ones");
    check_page_directory_pointers(audit);
}
