/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The container of raw answers: adding, finding, reading them from text, comparing two CPUs.
 * Text format: that of cpuid(1) with option -r; docs/report-format.md > Raw registers.
 */
#include "probe/raw.h"

#include <string.h>

void raw_clear(struct raw *raw)
{
    memset(raw, 0, sizeof(*raw));
}

bool raw_add_cpuid(struct raw *raw, uint32_t leaf, uint32_t subleaf, const uint32_t word[4])
{
    struct raw_cpuid *entry;

    if (raw->cpuid_count >= RAW_CPUID_MAX) {
        raw->truncated = true;
        return false;
    }
    entry = &raw->cpuid[raw->cpuid_count++];
    entry->leaf = leaf;
    entry->subleaf = subleaf;
    memcpy(entry->word, word, sizeof(entry->word));
    return true;
}

bool raw_add_msr(struct raw *raw, uint32_t index, bool present, uint64_t value)
{
    struct raw_msr *entry;

    if (raw->msr_count >= RAW_MSR_MAX) {
        raw->truncated = true;
        return false;
    }
    entry = &raw->msr[raw->msr_count++];
    entry->index = index;
    entry->present = present;
    entry->value = value;
    return true;
}

const struct raw_cpuid *raw_cpuid_find(const struct raw *raw, uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < raw->cpuid_count; i++) {
        const struct raw_cpuid *entry = &raw->cpuid[i];

        if (entry->leaf == leaf && entry->subleaf == subleaf) {
            return entry;
        }
    }
    return NULL;
}

uint32_t raw_cpuid_word(const struct raw *raw, uint32_t leaf, uint32_t subleaf,
                        enum raw_register reg)
{
    const struct raw_cpuid *entry = raw_cpuid_find(raw, leaf, subleaf);

    return entry != NULL ? entry->word[reg] : 0;
}

const struct raw_msr *raw_msr_find(const struct raw *raw, uint32_t index)
{
    for (unsigned i = 0; i < raw->msr_count; i++) {
        if (raw->msr[i].index == index) {
            return &raw->msr[i];
        }
    }
    return NULL;
}

bool raw_msr_value(const struct raw *raw, uint32_t index, uint64_t *value)
{
    const struct raw_msr *entry = raw_msr_find(raw, index);

    if (entry == NULL || !entry->present) {
        *value = 0;
        return false;
    }
    *value = entry->value;
    return true;
}

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    return text;
}

static const char *skip_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    return strncmp(text, word, length) == 0 ? text + length : NULL;
}

/* "0x" and at most digits hexadecimal digits; NULL when that is not what stands there. */
static const char *parse_hex(const char *text, unsigned digits, uint64_t *value)
{
    unsigned n = 0;

    text = skip_word(text, "0x");
    if (text == NULL) {
        return NULL;
    }
    *value = 0;
    for (; n <= digits; n++, text++) {
        unsigned digit;

        if (*text >= '0' && *text <= '9') {
            digit = (unsigned)(*text - '0');
        } else if (*text >= 'a' && *text <= 'f') {
            digit = (unsigned)(*text - 'a') + 10;
        } else {
            break;
        }
        *value = *value << 4 | digit;
    }
    return n >= 1 && n <= digits ? text : NULL;
}

static bool at_end(const char *text)
{
    text = skip_blanks(text);
    return *text == '\0' || *text == '\r' || *text == '\n';
}

static bool parse_cpuid_line(struct raw *raw, const char *text)
{
    static const char *const names[4] = { "eax=", "ebx=", "ecx=", "edx=" };
    uint64_t leaf, subleaf, value;
    uint32_t word[4];

    text = parse_hex(text, 8, &leaf);
    if (text == NULL || (text = parse_hex(skip_blanks(text), 8, &subleaf)) == NULL
        || *text++ != ':') {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        text = skip_word(skip_blanks(text), names[i]);
        if (text == NULL || (text = parse_hex(text, 8, &value)) == NULL) {
            return false;
        }
        word[i] = (uint32_t)value;
    }
    return at_end(text) && raw_add_cpuid(raw, (uint32_t)leaf, (uint32_t)subleaf, word);
}

/* MSR 0x00000480 IA32_VMX_BASIC = 0x00da040000000004, or "= #GP" */
static bool parse_msr_line(struct raw *raw, const char *text)
{
    uint64_t index, value = 0;
    const char *end;

    text = parse_hex(skip_blanks(text), 8, &index);
    if (text == NULL || (text = strchr(text, '=')) == NULL) {
        return false;
    }
    text = skip_blanks(text + 1);
    end = skip_word(text, "#GP");
    if (end != NULL) {
        return at_end(end) && raw_add_msr(raw, (uint32_t)index, false, 0);
    }
    end = parse_hex(text, 16, &value);
    return end != NULL && at_end(end) && raw_add_msr(raw, (uint32_t)index, true, value);
}

bool raw_parse_line(struct raw *raw, const char *line)
{
    const char *text = skip_blanks(line);
    const char *msr = skip_word(text, "MSR ");

    return msr != NULL ? parse_msr_line(raw, msr) : parse_cpuid_line(raw, text);
}

/*
 * The bits of a CPUID register that differ between CPUs of every machine, or that follow XCR0 and
 * CR4 instead of the processor.
 */
static uint32_t varying_bits(uint32_t leaf, uint32_t subleaf, enum raw_register reg)
{
    switch (leaf) {
    case 0x00000001:
        return reg == RAW_EBX ? UINT32_C(0xff000000)            /* initial APIC ID */
               : reg == RAW_ECX ? UINT32_C(1) << 27             /* OSXSAVE */
               : reg == RAW_EDX ? UINT32_C(1) << 9 : 0;         /* APIC: follows IA32_APIC_BASE */
    case 0x00000007:
        return subleaf == 0 && reg == RAW_ECX ? UINT32_C(1) << 4 : 0;   /* OSPKE */
    case 0x0000000b:
    case 0x0000001f:
    case 0x80000026:
        return reg == RAW_EDX ? UINT32_MAX : 0;                 /* x2APIC ID */
    case 0x0000000d:
        return subleaf < 2 && reg == RAW_EBX ? UINT32_MAX : 0;  /* size for the current XCR0 */
    case 0x8000001e:
        return reg == RAW_EAX || reg == RAW_EBX || reg == RAW_ECX ? UINT32_MAX : 0; /* IDs */
    default:
        return 0;
    }
}

struct difference_list {
    struct raw_difference *out;
    size_t max, count;
};

static void add_difference(struct difference_list *list, const struct raw_difference *difference)
{
    if (list->count < list->max) {
        list->out[list->count] = *difference;
    }
    list->count++;
}

static void compare_cpuid(const struct raw_cpuid *entry, const struct raw_cpuid *other,
                          struct difference_list *list)
{
    for (unsigned reg = 0; reg < 4; reg++) {
        struct raw_difference difference = {
            .leaf = entry->leaf, .subleaf = entry->subleaf, .reg = (enum raw_register)reg,
            .present_a = true, .present_b = other != NULL,
            .a = entry->word[reg], .b = other != NULL ? other->word[reg] : 0,
        };
        uint32_t varying = varying_bits(entry->leaf, entry->subleaf, (enum raw_register)reg);

        if (((difference.a ^ difference.b) & ~(uint64_t)varying) != 0) {
            add_difference(list, &difference);
        }
    }
}

static void compare_msr(const struct raw_msr *entry, const struct raw_msr *other,
                        struct difference_list *list)
{
    struct raw_difference difference = {
        .is_msr = true, .leaf = entry->index,
        .present_a = entry->present, .present_b = other != NULL && other->present,
        .a = entry->value, .b = other != NULL ? other->value : 0,
    };
    /* The bootstrap-processor flag; and EFER is what software made of it. */
    uint64_t varying = entry->index == RAW_MSR_IA32_APIC_BASE ? UINT64_C(1) << 8
                       : entry->index == RAW_MSR_IA32_EFER ? UINT64_MAX : 0;

    if (difference.present_a != difference.present_b
        || ((difference.a ^ difference.b) & ~varying) != 0) {
        add_difference(list, &difference);
    }
}

static void swap_sides(struct raw_difference *difference)
{
    uint64_t value = difference->a;
    bool present = difference->present_a;

    difference->a = difference->b;
    difference->present_a = difference->present_b;
    difference->b = value;
    difference->present_b = present;
}

size_t raw_differences(const struct raw *a, const struct raw *b, struct raw_difference *out,
                       size_t max)
{
    struct difference_list list = { .out = out, .max = max };
    size_t first_reversed;

    for (unsigned i = 0; i < a->cpuid_count; i++) {
        const struct raw_cpuid *entry = &a->cpuid[i];

        compare_cpuid(entry, raw_cpuid_find(b, entry->leaf, entry->subleaf), &list);
    }
    for (unsigned i = 0; i < a->msr_count; i++) {
        compare_msr(&a->msr[i], raw_msr_find(b, a->msr[i].index), &list);
    }
    first_reversed = list.count;
    for (unsigned i = 0; i < b->cpuid_count; i++) {
        const struct raw_cpuid *entry = &b->cpuid[i];

        if (raw_cpuid_find(a, entry->leaf, entry->subleaf) == NULL) {
            compare_cpuid(entry, NULL, &list);
        }
    }
    for (unsigned i = 0; i < b->msr_count; i++) {
        if (raw_msr_find(a, b->msr[i].index) == NULL) {
            compare_msr(&b->msr[i], NULL, &list);
        }
    }
    for (size_t i = first_reversed; i < list.count && i < max; i++) {
        swap_sides(&out[i]);
    }
    return list.count;
}
