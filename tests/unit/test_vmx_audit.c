/* SPDX-License-Identifier: BSD-2-Clause */
/* vmx/audit_rules.c and audit_guest.c: a VMCS that VM entry takes, then one violation at a time: it is
 * said with its name, and a right one is not complained about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/backend.h"
#include "vmx/audit_rules.h"
#include "x86/msr.h"
#include "x86/registers.h"
#include "x86/vmcs.h"

#define ROOM        160
#define SEGMENT(which, offset)  (VMCS_GUEST_ES_##offset + 2 * GUEST_##which)
#define EVENT(type, vector)     (INTERRUPTION_VALID | (type) << INTERRUPTION_TYPE_SHIFT | (vector))
#define NMI_EXITING     (1u << 3)
#define VIRTUAL_NMIS    (1u << 5)
#define ALL_PIN         (NMI_EXITING | VIRTUAL_NMIS | 0x16u)
#define SECONDARY       (1u << 31)
#define MSR_BITMAPS     (1u << 28)
#define IO_BITMAPS      (1u << 25)
#define EPT             (1u << 1)
#define VPID            (1u << 5)
#define UNRESTRICTED    (1u << 7)
#define APIC_ACCESSES   (1u << 0)
#define DELIVERY        (1u << 9)
#define TPR_SHADOW      (1u << 21)
#define HOST_64         (1u << 9)
#define EXIT_LOAD_PAT   (1u << 19)
#define EXIT_LOAD_EFER  (1u << 21)
#define LONG_GUEST      (1u << 9)
#define ENTRY_LOAD_PAT  (1u << 14)

static struct { uint32_t field; uint64_t value; } vmcs[ROOM];
static unsigned used;
static struct vmx_controls allowed[VMX_WORD_COUNT];
static const uint32_t fields[VMX_WORD_COUNT] = {
    [VMX_WORD_PINBASED]   = VMCS_PINBASED_CONTROLS,
    [VMX_WORD_PROCBASED]  = VMCS_PROCBASED_CONTROLS,
    [VMX_WORD_PROCBASED2] = VMCS_PROCBASED2_CONTROLS,
    [VMX_WORD_EXIT]       = VMCS_EXIT_CONTROLS,
    [VMX_WORD_ENTRY]      = VMCS_ENTRY_CONTROLS,
};
static uint64_t efer;
static uint8_t priority, activities;
static bool accessed_dirty;
static unsigned said;
static char first_name[64], first_what[96];

static void put(uint32_t field, uint64_t value)
{
    unsigned i = 0;

    while (i < used && vmcs[i].field != field)
        i++;
    assert_true(i < ROOM);
    used += i == used;
    vmcs[i].field = field;
    vmcs[i].value = value;
}

/* A field that nobody has written has the value 0. */
static uint64_t get(const void *context, uint32_t field)
{
    (void)context;
    for (unsigned i = 0; i < used; i++) {
        if (vmcs[i].field == field)
            return vmcs[i].value;
    }
    return 0;
}

static void say(const void *context, const char *name, uint64_t value, const char *what)
{
    (void)context;
    (void)value;
    if (said++)
        return;
    snprintf(first_name, sizeof first_name, "%s", name);
    snprintf(first_what, sizeof first_what, "%s", what);
}

static void put_segment(unsigned which, uint64_t selector, uint64_t base, uint32_t limit,
                        uint32_t rights)
{
    put(VMCS_GUEST_ES_SELECTOR + 2 * which, selector);
    put(VMCS_GUEST_ES_BASE + 2 * which, base);
    put(VMCS_GUEST_ES_LIMIT + 2 * which, limit);
    put(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * which, rights);
}

static void build_host(void)
{
    put(VMCS_HOST_CR0, CR0_PG | CR0_PE | CR0_NE);
    put(VMCS_HOST_CR4, CR4_PAE | CR4_VMXE);
    put(VMCS_HOST_CS_SELECTOR, 8);
    put(VMCS_HOST_TR_SELECTOR, 0x20);
    put(VMCS_HOST_RIP, UINT64_C(0xffffffff80001000));
    put(VMCS_HOST_PAT, UINT64_C(0x0007040600070406));
    put(VMCS_HOST_EFER, EFER_LMA | EFER_LME);
}

/* 64-bit code at privilege level 0. */
static void build(void)
{
    used = 0;
    priority = 0;
    activities = 0xf;
    accessed_dirty = false;
    for (unsigned word = 0; word < VMX_WORD_COUNT; word++)
        allowed[word] = (struct vmx_controls){ .may_be_1 = UINT32_MAX };
    allowed[VMX_WORD_PINBASED].must_be_1 = 0x16;
    allowed[VMX_WORD_PROCBASED].may_be_1 = UINT32_MAX & ~(1u << 27);
    put(VMCS_PINBASED_CONTROLS, ALL_PIN);
    put(VMCS_PROCBASED_CONTROLS, SECONDARY | MSR_BITMAPS | IO_BITMAPS);
    put(VMCS_PROCBASED2_CONTROLS, EPT | VPID | UNRESTRICTED);
    put(VMCS_EXIT_CONTROLS, HOST_64 | EXIT_LOAD_PAT | EXIT_LOAD_EFER);
    put(VMCS_ENTRY_CONTROLS, LONG_GUEST | ENTRY_LOAD_PAT);
    put(VMCS_EPT_POINTER, 0x1000 | 3 << 3 | 6);
    put(VMCS_VPID, 1);
    put(VMCS_GUEST_CR0, CR0_PG | CR0_PE | CR0_NE);
    put(VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE);
    put(VMCS_GUEST_PAT, UINT64_C(0x0007040600070406));
    put(VMCS_GUEST_DR7, DR7_INIT);
    put(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    put(VMCS_LINK_POINTER, ~UINT64_C(0));
    for (unsigned i = GUEST_ES; i <= GUEST_GS; i++)
        put_segment(i, 0x10, 0, UINT32_MAX, 0xc093);
    put_segment(GUEST_CS, 8, 0, UINT32_MAX, 0xa09b);
    put_segment(GUEST_LDTR, 0, 0, 0, VMCS_SEGMENT_UNUSABLE);
    put_segment(GUEST_TR, 0x20, 0, 0x67, 0x8b);
    efer = EFER_LMA | EFER_LME;
    build_host();
}

/* The 32-bit guest with PAE paging. */
static void build_pae(void)
{
    build();
    put(VMCS_ENTRY_CONTROLS, ENTRY_LOAD_PAT);
    put(SEGMENT(CS, ACCESS_RIGHTS), 0xc09b);
    efer = 0;
}

/* With the task priority on a page, class 5. */
static void build_shadow(void)
{
    build();
    put(VMCS_PROCBASED_CONTROLS, SECONDARY | MSR_BITMAPS | IO_BITMAPS | TPR_SHADOW);
    priority = 0x5f;
}

/* Virtual-8086 mode. */
static void build_8086(void)
{
    build_pae();
    put(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_VM);
    for (unsigned i = GUEST_ES; i <= GUEST_GS; i++)
        put_segment(i, 0x1234, 0x12340, 0xffff, 0xf3);
}

static unsigned audit(void)
{
    struct vmx_audit input = {
        .read = get, .say = say, .allowed = allowed, .fields = fields,
        .cr0_fixed0 = CR0_PG | CR0_PE | CR0_NE, .cr0_fixed1 = UINT32_MAX,
        .cr4_fixed0 = CR4_VMXE, .cr4_fixed1 = 0x3767ff,
        .guest_efer = efer, .physical_bits = 40, .linear_bits = 48,
        .virtual_priority = priority, .activities = activities, .accessed_dirty = accessed_dirty,
    };

    said = 0;
    first_name[0] = first_what[0] = '\0';
    return vmx_audit_all(&input);
}

static void what_is_right_is_not_complained_about(void **unused)
{
    static void (*const builds[])(void) = { build, build_pae, build_8086 };

    (void)unused;
    for (unsigned i = 0; i < sizeof builds / sizeof builds[0]; i++) {
        builds[i]();
        if (audit())
            fail_msg("build %u: %s: %s", i, first_name, first_what);
    }
    /* Real mode, as after an INIT, waiting for a SIPI. */
    build();
    put(VMCS_ENTRY_CONTROLS, ENTRY_LOAD_PAT);
    put(VMCS_GUEST_CR0, CR0_NE | CR0_ET);
    put(VMCS_GUEST_CR4, CR4_VMXE);
    put(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
    put(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
    for (unsigned i = GUEST_ES; i <= GUEST_GS; i++)
        put_segment(i, 0, 0, 0xffff, i == GUEST_CS ? 0x9b : 0x93);
    efer = 0;
    if (audit())
        fail_msg("real mode: %s: %s", first_name, first_what);
}

/* One field, its impossible value, and the name that must be said. */
struct violation {
    void (*build)(void);
    uint32_t field;
    uint64_t value;
    const char *name;
};

static const struct violation violations[] = {
    { build, VMCS_PINBASED_CONTROLS, ALL_PIN & ~2u, "pin-based VM-execution controls" },
    { build, VMCS_PROCBASED_CONTROLS, SECONDARY | MSR_BITMAPS | 1u << 27, "Monitor trap flag" },
    { build, VMCS_PINBASED_CONTROLS, ALL_PIN & ~NMI_EXITING, "Virtual NMIs" },
    { build, VMCS_PINBASED_CONTROLS, 0x16 | NMI_EXITING, NULL },
    { build, VMCS_PROCBASED2_CONTROLS, UNRESTRICTED, "Unrestricted guest" },
    { build, VMCS_PROCBASED2_CONTROLS, EPT | 1u << 9, "Virtual-interrupt delivery" },
    { build, VMCS_MSR_BITMAPS, 0x800, "Address of MSR bitmaps" },
    { build, VMCS_IO_BITMAP_B, UINT64_C(1) << 40, "Address of I/O bitmap B" },
    { build, VMCS_EPT_POINTER, 0x1000 | 6, "EPT pointer" },
    { build, VMCS_EPT_POINTER, 0x1000 | 3 << 3 | 4, "EPT pointer" },
    { build, VMCS_EPT_POINTER, 0x1000 | 1 << 6 | 3 << 3 | 6, "EPT pointer" },
    { build, VMCS_TPR_THRESHOLD, 0x10, NULL },
    { build_shadow, VMCS_TPR_THRESHOLD, 0x10, "TPR threshold" },
    { build_shadow, VMCS_TPR_THRESHOLD, 6, "TPR threshold" },
    { build_shadow, VMCS_TPR_THRESHOLD, 5, NULL },
    { build, VMCS_VPID, 0, "Virtual-processor identifier" },
    { build, VMCS_CR3_TARGET_COUNT, 5, "CR3-target count" },
    { build, VMCS_ENTRY_INTERRUPTION, EVENT(2, 3), "VM-entry interruption information" },
    { build, VMCS_ENTRY_INTERRUPTION, EVENT(3, 13), "VM-entry interruption information" },
    { build, VMCS_ENTRY_INTERRUPTION, EVENT(3, 6) | INTERRUPTION_ERROR_VALID,
      "VM-entry interruption information" },
    { build, VMCS_ENTRY_INTERRUPTION, EVENT(3, 32), "VM-entry interruption information" },
    { build, VMCS_ENTRY_INTERRUPTION, EVENT(4, 0x80), "VM-entry instruction length" },
    { build, VMCS_ENTRY_INTERRUPTION, EVENT(1, 0x80), "VM-entry interruption information" },
    { build, VMCS_HOST_CR0, CR0_PG | CR0_PE, "Host CR0" },
    { build, VMCS_HOST_CR4, CR4_VMXE, "Host CR4" },
    { build, VMCS_HOST_CR3, UINT64_C(1) << 40, "Host CR3" },
    { build, VMCS_HOST_RIP, UINT64_C(1) << 47, "Host RIP" },
    { build, VMCS_HOST_FS_BASE, UINT64_C(1) << 63, "Host FS base" },
    { build, VMCS_HOST_CS_SELECTOR, 0, "Host CS selector" },
    { build, VMCS_HOST_TR_SELECTOR, 0x24, "Host TR selector" },
    { build, VMCS_HOST_DS_SELECTOR, 3, "Host DS selector" },
    { build, VMCS_HOST_PAT, 2, "Host IA32_PAT" },
    { build, VMCS_HOST_EFER, EFER_LME, "Host IA32_EFER" },
    { build, VMCS_GUEST_CR0, CR0_PG | CR0_PE, "Guest CR0" },
    { build, VMCS_GUEST_CR0, CR0_PG | CR0_NE, "Guest CR0" },
    { build, VMCS_GUEST_CR4, CR4_PAE, "Guest CR4" },
    { build, VMCS_GUEST_CR4, CR4_VMXE, "Guest CR4" },
    { build, VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE | 1u << 28, "Guest CR4" },
    { build_pae, VMCS_GUEST_CR4, CR4_PAE | CR4_VMXE | CR4_PCIDE, "Guest CR4" },
    { build, VMCS_GUEST_CR3, UINT64_C(1) << 40, "Guest CR3" },
    { build, VMCS_GUEST_DR7, UINT64_C(1) << 32, "Guest DR7" },
    { build, VMCS_GUEST_DEBUGCTL, 1u << 16, "Guest IA32_DEBUGCTL" },
    { build, VMCS_GUEST_PAT, 3, "Guest IA32_PAT" },
    { build, VMCS_GUEST_SYSENTER_EIP, UINT64_C(1) << 50, "Guest IA32_SYSENTER_EIP" },
    { build, VMCS_ENTRY_CONTROLS, ENTRY_LOAD_PAT, "Guest IA32_EFER" },
    { build, SEGMENT(CS, ACCESS_RIGHTS), 0xa091, "Guest CS access rights" },
    { build, SEGMENT(CS, ACCESS_RIGHTS), 0xa0fb, "Guest CS access rights" },
    { build, SEGMENT(CS, ACCESS_RIGHTS), 0xe09b, "Guest CS access rights" },
    { build, SEGMENT(CS, ACCESS_RIGHTS), VMCS_SEGMENT_UNUSABLE, "Guest CS access rights" },
    { build, SEGMENT(CS, ACCESS_RIGHTS), 0xa01b, "Guest CS access rights" },
    { build, SEGMENT(SS, ACCESS_RIGHTS), 0xc091, "Guest SS access rights" },
    { build, SEGMENT(DS, ACCESS_RIGHTS), 0xc092, "Guest DS access rights" },
    { build, SEGMENT(ES, ACCESS_RIGHTS), 0xc083, "Guest ES access rights" },
    { build, SEGMENT(FS, ACCESS_RIGHTS), 0xc193, "Guest FS access rights" },
    { build, SEGMENT(DS, LIMIT), 0x123456, "Guest DS limit" },
    { build, SEGMENT(TR, LIMIT), 0x100000, "Guest TR limit" },
    { build, SEGMENT(SS, BASE), UINT64_C(1) << 32, "Guest SS base" },
    { build, SEGMENT(GS, BASE), UINT64_C(1) << 60, "Guest GS base" },
    { build, SEGMENT(TR, SELECTOR), 0x24, "Guest TR selector" },
    { build, SEGMENT(TR, ACCESS_RIGHTS), 0x89, "Guest TR access rights" },
    { build, SEGMENT(TR, ACCESS_RIGHTS), 0x83, "Guest TR access rights" },
    { build_pae, SEGMENT(TR, ACCESS_RIGHTS), 0x83, NULL },
    { build, SEGMENT(LDTR, ACCESS_RIGHTS), 0x83, "Guest LDTR access rights" },
    { build_8086, SEGMENT(FS, BASE), 0, "Guest FS base" },
    { build_8086, SEGMENT(SS, LIMIT), 0x1ffff, "Guest SS limit" },
    { build_8086, SEGMENT(CS, ACCESS_RIGHTS), 0x9b, "Guest CS access rights" },
    { build, VMCS_GUEST_GDTR_LIMIT, 0x10000, "Guest GDTR limit" },
    { build, VMCS_GUEST_IDTR_BASE, UINT64_C(1) << 50, "Guest IDTR base" },
    { build, VMCS_GUEST_RIP, UINT64_C(1) << 50, "Guest RIP" },
    { build, VMCS_GUEST_RIP, UINT64_C(1) << 48, "Guest RIP" },
    { build, VMCS_GUEST_RIP, UINT64_C(1) << 47, NULL },
    { build, VMCS_GUEST_RIP, ~(UINT64_C(1) << 47), NULL },
    { build, VMCS_GUEST_RIP, ~(UINT64_C(1) << 63), "Guest RIP" },
    { build_pae, VMCS_GUEST_RIP, UINT64_C(1) << 32, "Guest RIP" },
    { build, VMCS_GUEST_RFLAGS, 0, "Guest RFLAGS" },
    { build, VMCS_GUEST_RFLAGS, RFLAGS_FIXED | 1u << 15, "Guest RFLAGS" },
    { build, VMCS_GUEST_ACTIVITY, 4, "Guest activity state" },
    { build, VMCS_GUEST_INTERRUPTIBILITY, 3, "Guest interruptibility state" },
    { build, VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_SMI, "Guest interruptibility state" },
    { build, VMCS_GUEST_PENDING_DEBUG, 1u << 13, "Guest pending debug exceptions" },
    { build, VMCS_LINK_POINTER, 0, "VMCS link pointer" },
    { build_pae, VMCS_GUEST_PDPTE0, 3, "Guest PDPTE0" },
    { build_pae, VMCS_GUEST_PDPTE0 + 6, UINT64_C(1) << 40 | 1, "Guest PDPTE3" },
    { build, VMCS_GUEST_PDPTE0, 3, NULL },
};

static void every_violation_is_named(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < sizeof violations / sizeof violations[0]; i++) {
        const struct violation *row = &violations[i];
        unsigned found;

        row->build();
        put(row->field, row->value);
        found = audit();
        assert_int_equal(found, said);
        if (strcmp(first_name, row->name ? row->name : "") != 0)
            fail_msg("row %u, field %#x = %#llx: \"%s\" (%s), expected \"%s\"", i, row->field,
                     (unsigned long long)row->value, first_name, first_what,
                     row->name ? row->name : "nothing");
    }
}

/* A threshold is compared where the page's accesses are not virtualized, and used where delivery is not. */
static void thresholds(void **unused)
{
    (void)unused;
    build_shadow();
    put(VMCS_TPR_THRESHOLD, 6);
    put(VMCS_PROCBASED2_CONTROLS, EPT | VPID | UNRESTRICTED | APIC_ACCESSES);
    assert_int_equal(audit(), 0);
    put(VMCS_TPR_THRESHOLD, 0x10);
    assert_int_equal(audit(), 1);
    assert_string_equal(first_what, "more than 4 bits");
    put(VMCS_PINBASED_CONTROLS, ALL_PIN | 1u);
    put(VMCS_PROCBASED2_CONTROLS, EPT | VPID | UNRESTRICTED | DELIVERY);
    assert_int_equal(audit(), 0);
}

/* By activity state, those that may be injected. */
static void events_and_activity(void **unused)
{
    static const struct { uint64_t event; bool halted, shut_down; } rows[] = {
        { EVENT(0, 0x40), true, false }, { EVENT(2, 2), true, true }, { EVENT(3, 1), true, false },
        { EVENT(3, 18), true, true }, { EVENT(3, 6), false, false }, { EVENT(4, 0x80), false, false },
        { EVENT(5, 1), false, false }, { EVENT(7, 0), true, false },
    };

    (void)unused;
    build();
    put(VMCS_ENTRY_INSTRUCTION_LENGTH, 2);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool allowed_in[] = { true, rows[i].halted, rows[i].shut_down, false };

        put(VMCS_ENTRY_INTERRUPTION, rows[i].event);
        for (unsigned state = 0; state < 4; state++) {
            put(VMCS_GUEST_ACTIVITY, state);
            assert_int_equal(audit(), !allowed_in[state]);
            assert_string_equal(first_name, allowed_in[state] ? "" : "Guest activity state");
        }
    }
}

static void what_the_processor_lacks(void **unused)
{
    (void)unused;
    build();
    put(VMCS_GUEST_ACTIVITY, ACTIVITY_SHUTDOWN);
    assert_int_equal(audit(), 0);
    activities = 1u << ACTIVITY_ACTIVE | 1u << ACTIVITY_HLT;
    assert_int_equal(audit(), 1);
    assert_string_equal(first_what, "not one that IA32_VMX_MISC offers");
    put(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
    put(VMCS_EPT_POINTER, 0x1000 | 1 << 6 | 3 << 3 | 6);
    accessed_dirty = true;
    assert_int_equal(audit(), 0);
}

/* What is wrong only together. */
static void pairs(void **unused)
{
    (void)unused;
    build();
    put(VMCS_ENTRY_INTERRUPTION, EVENT(2, 2));
    assert_int_equal(audit(), 0);
    put(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI);
    assert_int_equal(audit(), 1);
    assert_string_equal(first_what, "an NMI is injected while NMIs are blocked");

    build();
    put(VMCS_ENTRY_INTERRUPTION, EVENT(0, 0x40));
    assert_int_equal(audit(), 0);
    put(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
    assert_int_equal(audit(), 1);
    assert_string_equal(first_name, "Guest RFLAGS");

    build();
    put(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
    put(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF);
    assert_int_equal(audit(), 1);
    assert_string_equal(first_name, "Guest pending debug exceptions");
    put(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_BS);
    assert_int_equal(audit(), 0);
    put(VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_STI);
    assert_int_equal(audit(), 1);
    assert_string_equal(first_name, "Guest activity state");

    build();
    put(VMCS_ENTRY_MSR_LOAD_COUNT, 1);
    assert_int_equal(audit(), 0);
    put(VMCS_ENTRY_MSR_LOAD_ADDRESS, 8);
    assert_int_equal(audit(), 1);
    assert_string_equal(first_name, "VM-entry MSR-load address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_not_complained_about),
        cmocka_unit_test(every_violation_is_named),
        cmocka_unit_test(pairs),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(events_and_activity),
        cmocka_unit_test(what_the_processor_lacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
