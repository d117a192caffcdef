/* SPDX-License-Identifier: BSD-2-Clause */
/* The probe's questions, answered from a dump: raw_fill asks, so the gates are the image's. */
#include "dump.h"

#include <string.h>

struct question {
    const struct dump *dump;
    const struct dump_cpu *cpu;
    struct missing_leaves missing;
};

static const struct raw_msr *find_msr(const struct dump_cpu *cpu, uint32_t index)
{
    for (size_t i = 0; i < cpu->msr_count; i++) {
        if (cpu->msr[i].index == index) {
            return &cpu->msr[i];
        }
    }
    return NULL;
}

static const struct raw_msr *known_msr(const struct question *question, uint32_t index)
{
    const struct raw_msr *msr = find_msr(question->cpu, index);

    return msr != NULL ? msr : find_msr(&question->dump->common, index);
}

/*
 * Without these nothing can be said.  Every program that dumps CPUID knows them, so that a dump
 * without one has been cut.
 */
static bool decides(uint32_t leaf)
{
    return leaf <= 1 || leaf == 0x80000000 || leaf == 0x80000001 || leaf == 0x8000000a;
}

static void note_missing(struct missing_leaves *missing, uint32_t leaf)
{
    if (missing->count++ == 0) {
        missing->first = leaf;
    }
    if (decides(leaf) && !missing->decide) {
        missing->decide = true;
        missing->deciding = leaf;
    }
}

/*
 * cpuid(1) leaves out the subleaves that say nothing, and old programs know fewer leaves than new
 * processors have: both count as zeros.
 */
static void answer_cpuid(void *context, uint32_t leaf, uint32_t subleaf, uint32_t word[4])
{
    struct question *question = context;

    for (size_t i = 0; i < question->cpu->cpuid_count; i++) {
        const struct raw_cpuid *entry = &question->cpu->cpuid[i];

        if (entry->leaf == leaf && entry->subleaf == subleaf) {
            memcpy(word, entry->word, sizeof(entry->word));
            return;
        }
    }
    memset(word, 0, 4 * sizeof(*word));
    if (subleaf == 0) {
        note_missing(&question->missing, leaf);
    }
}

static bool answer_msr(void *context, uint32_t index, uint64_t *value)
{
    const struct raw_msr *msr = known_msr(context, index);

    if (msr == NULL || !msr->present) {
        return false;
    }
    *value = msr->value;
    return true;
}

/* raw_fill takes an MSR that is not in the dump for one that raises #GP. */
static void forget_unread(const struct question *question, struct raw *raw)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < raw->msr_count; i++) {
        if (known_msr(question, raw->msr[i].index) != NULL) {
            raw->msr[kept++] = raw->msr[i];
        } else {
            raw->msrs_unread = true;
        }
    }
    raw->msr_count = (uint16_t)kept;
}

/* An MSR that is known, behind a gate that is not. */
static void add_behind_unread(const struct dump_cpu *cpu, struct raw *raw)
{
    for (size_t i = 0; i < cpu->msr_count; i++) {
        if (raw_msr_unread(raw, cpu->msr[i].index)) {
            raw_add_msr(raw, cpu->msr[i].index, cpu->msr[i].present, cpu->msr[i].value);
        }
    }
}

void dump_probe(const struct dump *dump, size_t cpu, struct raw *raw,
                struct missing_leaves *missing)
{
    struct question question = { .dump = dump, .cpu = &dump->cpus[cpu] };
    const struct raw_reader reader = {
        .name = "dump", .cpuid = answer_cpuid, .msr = answer_msr, .context = &question,
    };

    raw_fill(raw, &reader);
    forget_unread(&question, raw);
    add_behind_unread(question.cpu, raw);
    add_behind_unread(&dump->common, raw);
    *missing = question.missing;
}
