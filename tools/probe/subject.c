/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting a machine together from its CPUs. */
#include "subject.h"

#include <string.h>

static void add_sentence(struct arena *arena, const char ***list, size_t *count,
                         const char *sentence)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i], sentence) == 0) {
            return;
        }
    }
    *list = arena_grow(arena, *list, *count, sizeof(**list));
    (*list)[(*count)++] = sentence;
}

void subject_note(struct arena *arena, struct subject *subject, const char *sentence)
{
    add_sentence(arena, &subject->notes, &subject->note_count, sentence);
}

void subject_advise(struct arena *arena, struct subject *subject, const char *sentence)
{
    add_sentence(arena, &subject->advice, &subject->advice_count, sentence);
}

uint32_t subject_apic_id(const struct raw *raw)
{
    const struct raw_cpuid *topology = raw_cpuid_find(raw, 0xb, 0);

    return topology != NULL && topology->word[RAW_EBX] != 0
           ? topology->word[RAW_EDX] : raw_cpuid_word(raw, 1, 0, RAW_EBX) >> 24;
}

void subject_first_cpu(struct subject *subject, const struct raw *raw)
{
    subject->raw = *raw;
    capabilities_derive(raw, &subject->capabilities);
    subject->cpus = subject->cpus_probed = 1;
}

void subject_other_cpu(struct arena *arena, struct subject *subject, uint32_t apic_id,
                       const struct raw *raw)
{
    struct raw_difference words[SUBJECT_DIFFERENCES_A_CPU];
    size_t found = raw_differences(&subject->raw, raw, words, SUBJECT_DIFFERENCES_A_CPU);
    struct capabilities theirs, common;

    subject->cpus++;
    subject->cpus_probed++;
    subject->difference_total += found;
    for (size_t i = 0; i < found && i < SUBJECT_DIFFERENCES_A_CPU; i++) {
        subject->differences = arena_grow(arena, subject->differences, subject->difference_count,
                                          sizeof(*subject->differences));
        subject->differences[subject->difference_count++] =
            (struct cpu_difference){ apic_id, words[i] };
    }
    capabilities_derive(raw, &theirs);
    capabilities_weakest(&subject->capabilities, &theirs, &common);
    subject->capabilities = common;
}

static void note_missing(struct arena *arena, struct subject *subject,
                         const struct missing_leaves *missing)
{
    if (missing->count != 0) {
        subject_note(arena, subject,
                     arena_format(arena, "The dump lacks %u CPUID lea%s that this processor must "
                                  "have, the first is 0x%x: zeros are taken instead.",
                                  (unsigned)missing->count, missing->count == 1 ? "f" : "ves",
                                  (unsigned)missing->first));
    }
}

bool subject_from_dump(struct arena *arena, const struct dump *dump, struct subject *subject,
                       const char **error)
{
    memset(subject, 0, sizeof(*subject));
    if (dump->cpu_count == 0) {
        *error = "there are MSRs and no CPUID: without it nothing says which processor they are "
                 "of. Give a cpuid -r dump of the same machine with another --from";
        return false;
    }
    for (size_t i = 0; i < dump->cpu_count; i++) {
        struct missing_leaves missing;
        struct raw raw;

        dump_probe(dump, i, &raw, &missing);
        if (raw_cpuid_find(&raw, 1, 0) == NULL || missing.decide) {
            *error = arena_format(arena, "CPU %u has no CPUID leaf 0x%x: the dump was cut, or is "
                                  "not whole", (unsigned)i,
                                  (unsigned)(missing.decide ? missing.deciding : 1));
            return false;
        }
        if (i == 0) {
            subject_first_cpu(subject, &raw);
        } else {
            subject_other_cpu(arena, subject, subject_apic_id(&raw), &raw);
        }
        note_missing(arena, subject, &missing);
    }
    if (dump->without_value != 0) {
        subject_note(arena, subject,
                     arena_format(arena, "%u of the MSRs listed ha%s no value: what they say is "
                                  "not known.", dump->without_value,
                                  dump->without_value == 1 ? "s" : "ve"));
    }
    return true;
}
