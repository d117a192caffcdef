/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting: which CPUID leaves and subleaves exist, and which MSRs may be read.
 *
 * The maximum leaf of a range is asked first and never passed, because a leaf beyond it answers
 * with another leaf's data on some processors.  An MSR is read only when CPUID, or an MSR that is
 * known to exist, says that it is there: QEMU's TCG answers 0 for any MSR, and Bochs' ryzen answers
 * plausible VMX MSRs on a processor without VMX.
 *
 * Sources: SDM Vol 2: CPUID-CPU Identification; SDM Vol 3: VMX Capability Reporting Facility;
 * APM Vol 3: Obtaining Processor Information Via the CPUID Instruction.
 */
#include "probe/raw.h"

#define BASIC_FIRST       UINT32_C(0x00000000)
#define HYPERVISOR_FIRST  UINT32_C(0x40000000)
#define EXTENDED_FIRST    UINT32_C(0x80000000)

/* Leaves of one range that are asked for; none of the manuals reaches these ends. */
#define BASIC_LEAVES      0x30
#define HYPERVISOR_LEAVES 0x10
#define EXTENDED_LEAVES   0x30

/* Subleaves of one leaf that are asked for. */
#define SUBLEAVES         0x20

struct collection {
    struct raw *raw;
    const struct raw_reader *reader;
};

static const uint32_t *ask(struct collection *c, uint32_t leaf, uint32_t subleaf)
{
    uint32_t word[4] = { 0 };

    c->reader->cpuid(c->reader->context, leaf, subleaf, word);
    if (!raw_add_cpuid(c->raw, leaf, subleaf, word)) {
        return NULL;
    }
    return c->raw->cpuid[c->raw->cpuid_count - 1].word;
}

/*
 * True when there is a subleaf after this one, which answered word; highest is EAX of subleaf 0.
 */
static bool another_subleaf(uint32_t leaf, uint32_t subleaf, const uint32_t word[4],
                            uint32_t highest)
{
    switch (leaf) {
    case 0x00000004:            /* caches: type 0 ends */
    case 0x8000001d:
        return (word[RAW_EAX] & 0x1f) != 0;
    case 0x0000000b:            /* topology: domain type 0 ends */
    case 0x0000001f:
    case 0x80000026:
        return (word[RAW_ECX] & 0xff00) != 0;
    case 0x00000012:            /* SGX: from subleaf 2 on, type 0 ends */
        return subleaf < 2 || (word[RAW_EAX] & 0xf) != 0;
    case 0x00000007:            /* EAX of subleaf 0 is the highest subleaf */
    case 0x00000014:
    case 0x00000017:
    case 0x00000018:
    case 0x0000001d:
    case 0x00000020:
    case 0x00000024:
        return subleaf < highest;
    case 0x0000000f:            /* a fixed number of subleaves */
    case 0x0000001b:
    case 0x0000001e:
    case 0x00000023:
        return subleaf < 1;
    case 0x00000010:
    case 0x80000020:
        return subleaf < 3;
    default:
        return false;
    }
}

/* Leaf 0xd: subleaves 0 and 1, then one for each bit of XCR0 and IA32_XSS that can be set. */
static void collect_extended_state(struct collection *c)
{
    const uint32_t *word = ask(c, 0xd, 0);
    uint64_t components;

    if (word == NULL) {
        return;
    }
    components = (uint64_t)word[RAW_EDX] << 32 | word[RAW_EAX];
    word = ask(c, 0xd, 1);
    if (word == NULL) {
        return;
    }
    components |= (uint64_t)word[RAW_EDX] << 32 | word[RAW_ECX];
    for (uint32_t component = 2; component < 64; component++) {
        if ((components >> component & 1) != 0 && ask(c, 0xd, component) == NULL) {
            return;
        }
    }
}

static void collect_leaf(struct collection *c, uint32_t leaf)
{
    uint32_t highest = 0;

    if (leaf == 0xd) {
        collect_extended_state(c);
        return;
    }
    for (uint32_t subleaf = 0; subleaf < SUBLEAVES; subleaf++) {
        const uint32_t *word = ask(c, leaf, subleaf);

        if (word == NULL) {
            return;
        }
        if (subleaf == 0) {
            highest = word[RAW_EAX];
        }
        if (!another_subleaf(leaf, subleaf, word, highest)) {
            return;
        }
    }
    c->raw->truncated = true;
}

/* One range: its first leaf says the last one in EAX. */
static void collect_range(struct collection *c, uint32_t first, uint32_t leaves)
{
    const uint32_t *word = ask(c, first, 0);
    uint32_t last;

    if (word == NULL) {
        return;
    }
    last = word[RAW_EAX];
    /* A range that does not exist answers with anything; its maximum then lies elsewhere.  The
     * hypervisor's range exists (the caller has looked): old KVM says 0 and means no further leaf.
     * */
    if (last < first || last - first > 0xffff) {
        if (first == EXTENDED_FIRST) {
            c->raw->cpuid_count--;
        }
        return;
    }
    if (last - first >= leaves) {
        c->raw->truncated = true;
        last = first + leaves - 1;
    }
    for (uint32_t leaf = first; leaf < last; ) {
        leaf++;
        collect_leaf(c, leaf);
    }
}

static bool cpuid_bit(const struct raw *raw, uint32_t leaf, enum raw_register reg, unsigned bit)
{
    return (raw_cpuid_word(raw, leaf, 0, reg) >> bit & 1) != 0;
}

/* An MSR that could not be read shuts no gate. */
static bool msr_bit(const struct raw *raw, uint32_t index, unsigned bit)
{
    uint64_t value;

    if (raw->msrs_unread && raw_msr_find(raw, index) == NULL) {
        return true;
    }
    return raw_msr_value(raw, index, &value) && (value >> bit & 1) != 0;
}

/* The allowed-1 half of a control word, where both the plain and the TRUE MSR say the same. */
static bool control_allowed(const struct raw *raw, uint32_t index, unsigned control)
{
    return msr_bit(raw, index, control + 32);
}

static bool gate_MSR(const struct raw *raw)
{
    return cpuid_bit(raw, 0x1, RAW_EDX, 5);
}

static bool gate_APIC(const struct raw *raw)
{
    return gate_MSR(raw) && cpuid_bit(raw, 0x1, RAW_EDX, 9);
}

static bool gate_MTRR(const struct raw *raw)
{
    return gate_MSR(raw) && cpuid_bit(raw, 0x1, RAW_EDX, 12);
}

static bool gate_PAT(const struct raw *raw)
{
    return gate_MSR(raw) && cpuid_bit(raw, 0x1, RAW_EDX, 16);
}

static bool gate_LONG_MODE(const struct raw *raw)
{
    return gate_MSR(raw) && cpuid_bit(raw, 0x80000001, RAW_EDX, 29);
}

static bool gate_VMX(const struct raw *raw)
{
    return gate_MSR(raw) && cpuid_bit(raw, 0x1, RAW_ECX, 5);
}

static bool gate_SVM(const struct raw *raw)
{
    return gate_MSR(raw) && cpuid_bit(raw, 0x80000001, RAW_ECX, 2);
}

static bool gate_TRUE_CONTROLS(const struct raw *raw)
{
    return gate_VMX(raw) && msr_bit(raw, RAW_MSR_IA32_VMX_BASIC, 55);
}

static bool gate_SECONDARY_CONTROLS(const struct raw *raw)
{
    return gate_VMX(raw) && control_allowed(raw, RAW_MSR_IA32_VMX_PROCBASED_CTLS, 31);
}

static bool gate_TERTIARY_CONTROLS(const struct raw *raw)
{
    return gate_VMX(raw) && control_allowed(raw, RAW_MSR_IA32_VMX_PROCBASED_CTLS, 17);
}

static bool gate_SECONDARY_EXIT_CONTROLS(const struct raw *raw)
{
    return gate_VMX(raw) && control_allowed(raw, RAW_MSR_IA32_VMX_EXIT_CTLS, 31);
}

static bool gate_EPT_OR_VPID(const struct raw *raw)
{
    return gate_SECONDARY_CONTROLS(raw)
           && (control_allowed(raw, RAW_MSR_IA32_VMX_PROCBASED_CTLS2, 1)
               || control_allowed(raw, RAW_MSR_IA32_VMX_PROCBASED_CTLS2, 5));
}

static bool gate_VM_FUNCTIONS(const struct raw *raw)
{
    return gate_SECONDARY_CONTROLS(raw)
           && control_allowed(raw, RAW_MSR_IA32_VMX_PROCBASED_CTLS2, 13);
}

static const struct {
    uint32_t index;
    const char *name;
    bool (*gate)(const struct raw *raw);
} msr_rows[] = {
#define MSR(name, index, gate) { index, #name, gate_##gate },
#include "probe/msrs.def"
#undef MSR
};

#define MSR_ROWS (sizeof(msr_rows) / sizeof(msr_rows[0]))

_Static_assert(MSR_ROWS <= RAW_MSR_MAX, "struct raw is too small for msrs.def");

const char *raw_msr_name(uint32_t index)
{
    for (size_t i = 0; i < MSR_ROWS; i++) {
        if (msr_rows[i].index == index) {
            return msr_rows[i].name;
        }
    }
    return NULL;
}

bool raw_msr_unread(const struct raw *raw, uint32_t index)
{
    if (!raw->msrs_unread || raw_msr_find(raw, index) != NULL) {
        return false;
    }
    for (size_t i = 0; i < MSR_ROWS; i++) {
        if (msr_rows[i].index == index) {
            return msr_rows[i].gate(raw);
        }
    }
    return false;
}

void raw_fill(struct raw *raw, const struct raw_reader *reader)
{
    struct collection c = { .raw = raw, .reader = reader };

    raw_clear(raw);
    collect_range(&c, BASIC_FIRST, BASIC_LEAVES);
    if (cpuid_bit(raw, 0x1, RAW_ECX, 31)) {
        collect_range(&c, HYPERVISOR_FIRST, HYPERVISOR_LEAVES);
    }
    collect_range(&c, EXTENDED_FIRST, EXTENDED_LEAVES);
    for (size_t i = 0; i < MSR_ROWS; i++) {
        if (msr_rows[i].gate(raw)) {
            uint64_t value = 0;
            bool present = reader->msr(reader->context, msr_rows[i].index, &value);

            raw_add_msr(raw, msr_rows[i].index, present, present ? value : 0);
        }
    }
}
