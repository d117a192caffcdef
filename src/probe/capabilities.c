/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deriving the capability table from raw answers, and the operations on it.
 *
 * Sources: SDM Vol 3: VMX Capability Reporting Facility; SDM Vol 3: Introduction to Virtual-Machine
 * Extensions > Enabling and Entering VMX Operation; APM Vol 2: Secure Virtual Machine > Enabling
 * SVM; APM Vol 3: Obtaining Processor Information Via the CPUID Instruction > Function 8000_000Ah.
 */
#include "probe/capabilities.h"

#include <string.h>

#include "lib/format.h"

#define SOURCE_CPUID(leaf_, subleaf_, reg_, bit_) \
    .kind = CAPABILITY_KIND_CPUID, .source = leaf_, .subleaf = subleaf_, .reg = RAW_##reg_, \
    .bit = bit_
#define SOURCE_CONTROL(word_, bit_) \
    .kind = CAPABILITY_KIND_CONTROL, .source = VMX_WORD_##word_, .bit = bit_
#define SOURCE_MSR_BIT(msr_, bit_) \
    .kind = CAPABILITY_KIND_MSR_BIT, .source = RAW_MSR_##msr_, .bit = bit_
#define SOURCE_DERIVED(rule_) \
    .kind = CAPABILITY_KIND_DERIVED, .rule = rule_

static const struct capability_row rows[CAPABILITY_COUNT] = {
    [CAPABILITY_NONE] = { .id = "NONE", .name = "none" },
#define CAPABILITY(id_, name_, group_, source_, needed_for_) \
    [CAPABILITY_##id_] = { .id = #id_, .name = name_, .group = CAPABILITY_GROUP_##group_, \
                           SOURCE_##source_, .needed_for = needed_for_ },
#include "probe/capabilities.def"
#undef CAPABILITY
};

#define FORM_PAIR false
#define FORM_WIDE true

static const struct vmx_control_word_row words[VMX_WORD_COUNT] = {
#define CONTROL_WORD(id_, title_, msr_, true_msr_, activating_, form_) \
    [VMX_WORD_##id_] = { #id_, title_, RAW_MSR_##msr_, RAW_MSR_##true_msr_, \
                         CAPABILITY_##activating_, FORM_##form_ },
#include "probe/control_words.def"
#undef CONTROL_WORD
};

const struct capability_row *capability_row(enum capability_id id)
{
    return &rows[id];
}

const struct vmx_control_word_row *vmx_control_word_row(enum vmx_control_word word)
{
    return &words[word];
}

const char *capability_state_name(enum capability_state state)
{
    static const char *const names[] = {
        [CAPABILITY_ABSENT]     = "absent",
        [CAPABILITY_ADVERTISED] = "advertised",
        [CAPABILITY_VERIFIED]   = "verified",
        [CAPABILITY_BROKEN]     = "broken",
        [CAPABILITY_FORCED]     = "forced",
        [CAPABILITY_MASKED]     = "masked",
        [CAPABILITY_UNKNOWN]    = "unknown",
    };

    return names[state];
}

bool capability_has(const struct capabilities *capabilities, enum capability_id id)
{
    uint8_t state = capabilities->state[id];

    return state == CAPABILITY_ADVERTISED || state == CAPABILITY_VERIFIED
           || state == CAPABILITY_FORCED;
}

/* ---- deriving ---- */

/*
 * The MSR that counts for a control word.  The TRUE MSR is used only when it was read: the gate in
 * raw_fill has seen IA32_VMX_BASIC bit 55.
 */
static uint32_t control_msr(const struct raw *raw, const struct vmx_control_word_row *word)
{
    uint64_t value;

    if (raw_msr_value(raw, word->true_msr, &value)) {
        return word->true_msr;
    }
    return raw_msr_value(raw, word->msr, &value) ? word->msr : 0;
}

static void derive_control_words(const struct raw *raw, struct capabilities *capabilities)
{
    for (unsigned i = 0; i < VMX_WORD_COUNT; i++) {
        struct vmx_controls *controls = &capabilities->vmx[i];
        uint64_t value, plain;

        controls->msr = control_msr(raw, &words[i]);
        raw_msr_value(raw, controls->msr, &value);
        raw_msr_value(raw, words[i].msr, &plain);
        if (words[i].wide) {
            controls->may_be_1 = value;
        } else {
            controls->must_be_1 = value & UINT32_MAX;
            controls->may_be_1 = value >> 32;
            controls->plain_must_be_1 = plain & UINT32_MAX;
        }
    }
}

static bool row_is_set(const struct raw *raw, const struct capabilities *capabilities,
                       const struct capability_row *row)
{
    uint64_t value = 0;

    switch (row->kind) {
    case CAPABILITY_KIND_CPUID:
        value = raw_cpuid_word(raw, row->source, row->subleaf, row->reg);
        break;
    case CAPABILITY_KIND_MSR_BIT:
        raw_msr_value(raw, row->source, &value);
        break;
    case CAPABILITY_KIND_CONTROL:
        value = capabilities->vmx[row->source].may_be_1;
        break;
    case CAPABILITY_KIND_DERIVED:
        return false;
    }
    return (value >> row->bit & 1) != 0;
}

/* Its register could not be read.  A control may be 1 where the plain MSR or the TRUE one says so. */
static bool row_is_unknown(const struct raw *raw, const struct capabilities *capabilities,
                           const struct capability_row *row)
{
    switch (row->kind) {
    case CAPABILITY_KIND_MSR_BIT:
        return raw_msr_unread(raw, row->source);
    case CAPABILITY_KIND_CONTROL:
        return capabilities->vmx[row->source].msr == 0
               && raw_msr_unread(raw, words[row->source].msr);
    default:
        return false;
    }
}

static void derive_vmx_lock(const struct raw *raw, struct capabilities *capabilities)
{
    uint64_t value;

    if (!raw_msr_value(raw, RAW_MSR_IA32_FEATURE_CONTROL, &value)) {
        capabilities->vmx_lock = FIRMWARE_LOCK_UNKNOWN;
    } else if ((value & 1) == 0) {
        capabilities->vmx_lock = FIRMWARE_LOCK_OPEN;
    } else {
        /* Bit 2: VMX outside SMX operation, which is where an image started by a loader runs. */
        capabilities->vmx_lock = (value >> 2 & 1) != 0 ? FIRMWARE_LOCK_ON : FIRMWARE_LOCK_OFF;
    }
}

static void derive_svm_lock(const struct raw *raw, struct capabilities *capabilities)
{
    uint64_t value;

    if (!raw_msr_value(raw, RAW_MSR_VM_CR, &value)) {
        capabilities->svm_lock = FIRMWARE_LOCK_UNKNOWN;
    } else {
        bool locked = (value >> 3 & 1) != 0;

        if ((value >> 4 & 1) != 0) {
            capabilities->svm_lock = locked ? FIRMWARE_LOCK_OFF : FIRMWARE_LOCK_DISABLED;
        } else {
            capabilities->svm_lock = locked ? FIRMWARE_LOCK_ON : FIRMWARE_LOCK_OPEN;
        }
    }
}

/*
 * The derived capabilities, from states and locks only, so that masking can repeat it.  An unknown
 * lock does not forbid: a VM_CR that raises #GP is absent, which is not the same as disabled.
 */
static void derive_usable(struct capabilities *capabilities)
{
    bool vmx = capability_has(capabilities, CAPABILITY_VMX)
               && capabilities->vmx_lock != FIRMWARE_LOCK_OFF;
    bool svm = capability_has(capabilities, CAPABILITY_SVM)
               && capabilities->svm_lock != FIRMWARE_LOCK_OFF
               && capabilities->svm_lock != FIRMWARE_LOCK_DISABLED;

    capabilities->state[CAPABILITY_VMX_USABLE] = vmx ? CAPABILITY_ADVERTISED : CAPABILITY_ABSENT;
    capabilities->state[CAPABILITY_SVM_USABLE] = svm ? CAPABILITY_ADVERTISED : CAPABILITY_ABSENT;
}

static void derive_vmx_numbers(const struct raw *raw, struct capabilities *capabilities)
{
    uint64_t basic, misc;

    raw_msr_value(raw, RAW_MSR_IA32_VMX_BASIC, &basic);
    raw_msr_value(raw, RAW_MSR_IA32_VMX_MISC, &misc);
    capabilities->vmx_revision = (uint32_t)(basic & 0x7fffffff);
    capabilities->vmx_region_size = (uint32_t)(basic >> 32 & 0x1fff);
    capabilities->vmx_preemption_timer_shift = (uint8_t)(misc & 0x1f);
    raw_msr_value(raw, RAW_MSR_IA32_VMX_CR0_FIXED0, &capabilities->vmx_cr0_fixed0);
    raw_msr_value(raw, RAW_MSR_IA32_VMX_CR0_FIXED1, &capabilities->vmx_cr0_fixed1);
    raw_msr_value(raw, RAW_MSR_IA32_VMX_CR4_FIXED0, &capabilities->vmx_cr4_fixed0);
    raw_msr_value(raw, RAW_MSR_IA32_VMX_CR4_FIXED1, &capabilities->vmx_cr4_fixed1);
}

static void copy_word(char *to, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        to[i] = (char)(word >> 8 * i & 0xff);
    }
}

/* Twelve characters; what is not printable ASCII would spoil the report and its JSON. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

static void derive_identity(const struct raw *raw, struct capabilities *capabilities)
{
    const struct raw_cpuid *first = raw_cpuid_find(raw, 0, 0);
    const struct raw_cpuid *hypervisor = raw_cpuid_find(raw, 0x40000000, 0);
    uint32_t sizes = raw_cpuid_word(raw, 0x80000008, 0, RAW_EAX);

    if (first != NULL) {
        copy_word(&capabilities->vendor[0], first->word[RAW_EBX]);
        copy_word(&capabilities->vendor[4], first->word[RAW_EDX]);
        copy_word(&capabilities->vendor[8], first->word[RAW_ECX]);
        make_printable(capabilities->vendor);
    }
    if (hypervisor != NULL && capability_has(capabilities, CAPABILITY_HYPERVISOR)) {
        copy_word(&capabilities->hypervisor[0], hypervisor->word[RAW_EBX]);
        copy_word(&capabilities->hypervisor[4], hypervisor->word[RAW_ECX]);
        copy_word(&capabilities->hypervisor[8], hypervisor->word[RAW_EDX]);
        make_printable(capabilities->hypervisor);
    }
    /* Without leaf 0x80000008: 36 bits with PAE, 32 without (SDM Vol 3: Paging > Enumeration of
     * Paging Features by CPUID). */
    capabilities->physical_address_bits = (uint8_t)(sizes & 0xff);
    capabilities->linear_address_bits = (uint8_t)(sizes >> 8 & 0xff);
    if (capabilities->physical_address_bits == 0) {
        capabilities->physical_address_bits =
            capability_has(capabilities, CAPABILITY_PAE) ? 36 : 32;
    }
    if (capabilities->linear_address_bits == 0) {
        capabilities->linear_address_bits =
            capability_has(capabilities, CAPABILITY_LONG_MODE) ? 48 : 32;
    }
}

void capabilities_derive(const struct raw *raw, struct capabilities *capabilities)
{
    memset(capabilities, 0, sizeof(*capabilities));
    derive_control_words(raw, capabilities);
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (row_is_set(raw, capabilities, &rows[id])) {
            capabilities->state[id] = CAPABILITY_ADVERTISED;
        } else if (row_is_unknown(raw, capabilities, &rows[id])) {
            capabilities->state[id] = CAPABILITY_UNKNOWN;
        }
    }
    derive_vmx_lock(raw, capabilities);
    derive_svm_lock(raw, capabilities);
    derive_usable(capabilities);
    derive_vmx_numbers(raw, capabilities);
    if (capability_has(capabilities, CAPABILITY_SVM)) {
        capabilities->svm_asid_count = raw_cpuid_word(raw, 0x8000000a, 0, RAW_EBX);
        capabilities->svm_revision = (uint8_t)raw_cpuid_word(raw, 0x8000000a, 0, RAW_EAX);
    }
    derive_identity(raw, capabilities);
}

/* ---- marking ---- */

void capability_mark_verified(struct capabilities *capabilities, enum capability_id id)
{
    if (capability_has(capabilities, id)) {
        capabilities->state[id] = CAPABILITY_VERIFIED;
    }
}

void capability_mark_broken(struct capabilities *capabilities, enum capability_id id)
{
    if (capability_has(capabilities, id)) {
        capabilities->state[id] = CAPABILITY_BROKEN;
    }
}

void capability_mark_forced(struct capabilities *capabilities, enum capability_id id)
{
    if (capabilities->state[id] == CAPABILITY_BROKEN) {
        capabilities->state[id] = CAPABILITY_FORCED;
    }
}

enum capability_id capability_depends_on(enum capability_id id)
{
    const struct capability_row *row = &rows[id];

    if (row->kind == CAPABILITY_KIND_CONTROL) {
        return words[row->source].activating;
    }
    if (row->kind == CAPABILITY_KIND_MSR_BIT && row->source == RAW_MSR_IA32_VMX_EPT_VPID_CAP) {
        /* Bits 31:0 are about EPT, the others about VPIDs. */
        return row->bit < 32 ? CAPABILITY_VMX_EPT : CAPABILITY_VMX_VPID;
    }
    if (row->kind == CAPABILITY_KIND_MSR_BIT && row->source == RAW_MSR_IA32_VMX_VMFUNC) {
        return CAPABILITY_VMX_VM_FUNCTIONS;
    }
    return CAPABILITY_NONE;
}

static void mask_one(struct capabilities *capabilities, enum capability_id id)
{
    if (capabilities->state[id] != CAPABILITY_ABSENT) {
        capabilities->state[id] = CAPABILITY_MASKED;
    }
    if (rows[id].kind == CAPABILITY_KIND_CONTROL) {
        capabilities->vmx[rows[id].source].may_be_1 &= ~(UINT64_C(1) << rows[id].bit);
    }
}

/* Whether other falls when id is masked: directly, or because what it depends on falls. */
static bool falls_with(enum capability_id other, enum capability_id id)
{
    enum capability_id needed = capability_depends_on(other);

    return (id == CAPABILITY_VMX && rows[other].group == CAPABILITY_GROUP_VMX)
           || (id == CAPABILITY_SVM && rows[other].group == CAPABILITY_GROUP_SVM)
           || (needed != CAPABILITY_NONE && (needed == id || falls_with(needed, id)));
}

/* Without the TRUE MSRs the plain ones count: the same controls may be 1, more must be. */
static void use_plain_controls(struct capabilities *capabilities)
{
    for (unsigned i = 0; i < VMX_WORD_COUNT; i++) {
        if (capabilities->vmx[i].msr != 0) {
            capabilities->vmx[i].msr = words[i].msr;
            capabilities->vmx[i].must_be_1 = capabilities->vmx[i].plain_must_be_1;
        }
    }
}

void capability_mask(struct capabilities *capabilities, enum capability_id id)
{
    if (id == CAPABILITY_NONE || capabilities->state[id] == CAPABILITY_ABSENT) {
        return;
    }
    mask_one(capabilities, id);
    if (id == CAPABILITY_VMX_TRUE_CONTROLS) {
        use_plain_controls(capabilities);
    }
    for (unsigned other = CAPABILITY_NONE + 1; other < CAPABILITY_COUNT; other++) {
        if (falls_with((enum capability_id)other, id)) {
            mask_one(capabilities, (enum capability_id)other);
        }
    }
}

/* ---- names ---- */

/* The next letter or digit at or after *at, in lower case; 0 at the end. */
static char next_letter(const char **at, const char *end)
{
    while (*at < end && **at != '\0') {
        char c = *(*at)++;

        if (c >= 'A' && c <= 'Z') {
            return (char)(c - 'A' + 'a');
        }
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            return c;
        }
    }
    return '\0';
}

static bool same_letters(const char *word, size_t length, const char *name)
{
    const char *word_end = word + length;
    const char *name_end = name + strlen(name);
    char a, b;

    do {
        a = next_letter(&word, word_end);
        b = next_letter(&name, name_end);
        if (a != b) {
            return false;
        }
    } while (a != '\0');
    return true;
}

enum capability_id capability_find(const char *word, size_t length)
{
    enum capability_id found = CAPABILITY_NONE;

    if (same_letters(word, length, "")) {
        return CAPABILITY_NONE;
    }
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (same_letters(word, length, rows[id].id)) {
            return (enum capability_id)id;
        }
    }
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (same_letters(word, length, rows[id].name)) {
            if (found != CAPABILITY_NONE) {
                return CAPABILITY_NONE;
            }
            found = (enum capability_id)id;
        }
    }
    return found;
}

bool capability_msr(const struct capabilities *capabilities, enum capability_id id,
                    uint32_t *index, unsigned *bit)
{
    const struct capability_row *row = &rows[id];

    *bit = row->bit;
    if (row->kind == CAPABILITY_KIND_MSR_BIT) {
        *index = row->source;
        return true;
    }
    if (row->kind != CAPABILITY_KIND_CONTROL) {
        return false;
    }
    *index = words[row->source].msr;
    if (capabilities != NULL && capabilities->vmx[row->source].msr != 0) {
        *index = capabilities->vmx[row->source].msr;
    }
    *bit += words[row->source].wide ? 0 : 32;
    return true;
}

int capability_format_source(const struct capabilities *capabilities, enum capability_id id,
                             char *buffer, size_t size)
{
    static const char *const registers[4] = { "EAX", "EBX", "ECX", "EDX" };
    const struct capability_row *row = &rows[id];
    uint32_t msr;
    unsigned bit;

    if (capability_msr(capabilities, id, &msr, &bit)) {
        return format_text(buffer, size, "%s (0x%x) bit %u", raw_msr_name(msr), (unsigned)msr,
                           bit);
    }
    if (row->kind == CAPABILITY_KIND_DERIVED) {
        return format_text(buffer, size, "%s", row->rule);
    }
    if (row->subleaf != 0) {
        return format_text(buffer, size, "CPUID 0x%x.%u %s bit %u", (unsigned)row->source,
                           (unsigned)row->subleaf, registers[row->reg], (unsigned)row->bit);
    }
    return format_text(buffer, size, "CPUID 0x%x %s bit %u", (unsigned)row->source,
                       registers[row->reg], (unsigned)row->bit);
}

/* ---- several CPUs ---- */

/* Weakest first: what cannot be used, what can be used at a risk, what can be used. */
static const uint8_t strength[] = {
    [CAPABILITY_ABSENT]     = 0,
    [CAPABILITY_UNKNOWN]    = 1,
    [CAPABILITY_MASKED]     = 2,
    [CAPABILITY_BROKEN]     = 3,
    [CAPABILITY_FORCED]     = 4,
    [CAPABILITY_ADVERTISED] = 5,
    [CAPABILITY_VERIFIED]   = 6,
};

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The lock that leaves less: off, disabled, unknown, open, on are the order of what can be done. */
static uint8_t weaker_lock(uint8_t a, uint8_t b)
{
    static const uint8_t order[] = {
        [FIRMWARE_LOCK_OFF]      = 0,
        [FIRMWARE_LOCK_DISABLED] = 1,
        [FIRMWARE_LOCK_UNKNOWN]  = 2,
        [FIRMWARE_LOCK_OPEN]     = 3,
        [FIRMWARE_LOCK_ON]       = 4,
    };

    return order[a] <= order[b] ? a : b;
}

static void weakest_vmx(const struct capabilities *a, const struct capabilities *b,
                        struct capabilities *out)
{
    for (unsigned i = 0; i < VMX_WORD_COUNT; i++) {
        out->vmx[i].msr = a->vmx[i].msr != 0 && b->vmx[i].msr != 0 ? a->vmx[i].msr : 0;
        out->vmx[i].must_be_1 = a->vmx[i].must_be_1 | b->vmx[i].must_be_1;
        out->vmx[i].may_be_1 = a->vmx[i].may_be_1 & b->vmx[i].may_be_1;
        out->vmx[i].plain_must_be_1 = a->vmx[i].plain_must_be_1 | b->vmx[i].plain_must_be_1;
    }
    out->vmx_cr0_fixed0 = a->vmx_cr0_fixed0 | b->vmx_cr0_fixed0;
    out->vmx_cr0_fixed1 = a->vmx_cr0_fixed1 & b->vmx_cr0_fixed1;
    out->vmx_cr4_fixed0 = a->vmx_cr4_fixed0 | b->vmx_cr4_fixed0;
    out->vmx_cr4_fixed1 = a->vmx_cr4_fixed1 & b->vmx_cr4_fixed1;
    out->vmx_revision_differs = a->vmx_revision_differs || b->vmx_revision_differs
                                || a->vmx_revision != b->vmx_revision;
    out->vmx_region_size = a->vmx_region_size > b->vmx_region_size ? a->vmx_region_size
                                                                   : b->vmx_region_size;
    out->vmx_preemption_timer_shift = (uint8_t)lower(a->vmx_preemption_timer_shift,
                                                     b->vmx_preemption_timer_shift);
}

void capabilities_weakest(const struct capabilities *a, const struct capabilities *b,
                          struct capabilities *out)
{
    struct capabilities result = *a;    /* names and revision are those of a */

    for (unsigned id = 0; id < CAPABILITY_COUNT; id++) {
        if (strength[b->state[id]] < strength[a->state[id]]) {
            result.state[id] = b->state[id];
        }
    }
    weakest_vmx(a, b, &result);
    result.svm_asid_count = (uint32_t)lower(a->svm_asid_count, b->svm_asid_count);
    result.svm_revision = (uint8_t)lower(a->svm_revision, b->svm_revision);
    result.physical_address_bits = (uint8_t)lower(a->physical_address_bits,
                                                  b->physical_address_bits);
    result.linear_address_bits = (uint8_t)lower(a->linear_address_bits, b->linear_address_bits);
    result.vmx_lock = weaker_lock(a->vmx_lock, b->vmx_lock);
    result.svm_lock = weaker_lock(a->svm_lock, b->svm_lock);
    *out = result;
}
