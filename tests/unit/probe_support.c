/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe_support.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void collected_put(void *context, const char *bytes, size_t length)
{
    struct collected *collected = context;

    if (collected->length + length + 1 > collected->size) {
        collected->size = 2 * (collected->length + length + 1);
        collected->text = realloc(collected->text, collected->size);
        assert_non_null(collected->text);
    }
    memcpy(collected->text + collected->length, bytes, length);
    collected->length += length;
    collected->text[collected->length] = '\0';
}

void collected_free(struct collected *collected)
{
    free(collected->text);
    memset(collected, 0, sizeof(*collected));
}

static struct raw_cpuid *leaf_of(struct raw *raw, uint32_t leaf, uint32_t subleaf)
{
    const uint32_t zero[4] = { 0 };

    for (unsigned i = 0; i < raw->cpuid_count; i++) {
        if (raw->cpuid[i].leaf == leaf && raw->cpuid[i].subleaf == subleaf) {
            return &raw->cpuid[i];
        }
    }
    assert_true(raw_add_cpuid(raw, leaf, subleaf, zero));
    return &raw->cpuid[raw->cpuid_count - 1];
}

void raw_set_cpuid(struct raw *raw, uint32_t leaf, uint32_t subleaf, uint32_t eax, uint32_t ebx,
                   uint32_t ecx, uint32_t edx)
{
    struct raw_cpuid *entry = leaf_of(raw, leaf, subleaf);

    entry->word[RAW_EAX] = eax;
    entry->word[RAW_EBX] = ebx;
    entry->word[RAW_ECX] = ecx;
    entry->word[RAW_EDX] = edx;
}

void raw_set_bit(struct raw *raw, uint32_t leaf, uint32_t subleaf, enum raw_register reg,
                 unsigned bit)
{
    leaf_of(raw, leaf, subleaf)->word[reg] |= UINT32_C(1) << bit;
}

void raw_set_msr(struct raw *raw, uint32_t index, uint64_t value)
{
    for (unsigned i = 0; i < raw->msr_count; i++) {
        if (raw->msr[i].index == index) {
            raw->msr[i].present = true;
            raw->msr[i].value = value;
            return;
        }
    }
    assert_true(raw_add_msr(raw, index, true, value));
}

void raw_from_text(struct raw *raw, const char *text)
{
    raw_clear(raw);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char line[256];

        assert_true(length < sizeof(line));
        memcpy(line, text, length);
        line[length] = '\0';
        assert_true(raw_parse_line(raw, line));
        text += length + (text[length] == '\n');
    }
}

void raw_full_vmx(struct raw *raw)
{
    raw_clear(raw);
    raw_set_cpuid(raw, 0, 0, 1, 0x756e6547, 0x6c65746e, 0x49656e69);    /* GenuineIntel */
    raw_set_cpuid(raw, 1, 0, 0x000806c1, 0, 1u << 5 | 1u << 21, 1u << 5 | 1u << 6 | 1u << 9);
    raw_set_cpuid(raw, 0x80000000, 0, 0x80000008, 0, 0, 0);
    raw_set_cpuid(raw, 0x80000001, 0, 0, 0, 0, 1u << 29 | 1u << 20);
    raw_set_cpuid(raw, 0x80000008, 0, 48u << 8 | 39, 0, 0, 0);
    raw_set_msr(raw, 0x3a, 5);
    raw_set_msr(raw, 0x480, UINT64_C(0x00da040000000004));
    raw_set_msr(raw, 0x481, UINT64_C(0xffffffff00000016));
    raw_set_msr(raw, 0x482, UINT64_C(0xffffffff0401e172));
    raw_set_msr(raw, 0x483, UINT64_C(0xffffffff00036dff));
    raw_set_msr(raw, 0x484, UINT64_C(0xffffffff000011ff));
    raw_set_msr(raw, 0x485, UINT64_C(0x00000000000401e5));
    raw_set_msr(raw, 0x486, UINT64_C(0x0000000080000021));
    raw_set_msr(raw, 0x487, UINT64_C(0x00000000ffffffff));
    raw_set_msr(raw, 0x488, UINT64_C(0x0000000000002000));
    raw_set_msr(raw, 0x489, UINT64_C(0x00000000003727ff));
    raw_set_msr(raw, 0x48d, UINT64_C(0xffffffff00000016));
    raw_set_msr(raw, 0x48e, UINT64_C(0xffffffff04006172));
    raw_set_msr(raw, 0x48f, UINT64_C(0xffffffff00036dfb));
    raw_set_msr(raw, 0x490, UINT64_C(0xffffffff000011fb));
    raw_set_msr(raw, 0x48b, UINT64_C(0xffffffff00000000));
    raw_set_msr(raw, 0x48c, UINT64_C(0x00000f0106734141));
    raw_set_msr(raw, 0x491, UINT64_C(1));
    raw_set_msr(raw, 0x492, UINT64_C(0xffffffffffffffff));
    raw_set_msr(raw, 0x493, UINT64_C(0xffffffffffffffff));
}

void raw_full_svm(struct raw *raw)
{
    raw_clear(raw);
    raw_set_cpuid(raw, 0, 0, 1, 0x68747541, 0x444d4163, 0x69746e65);    /* AuthenticAMD */
    raw_set_cpuid(raw, 1, 0, 0x00a20f10, 0, 1u << 21, 1u << 5 | 1u << 6 | 1u << 9);
    raw_set_cpuid(raw, 0x80000000, 0, 0x8000000a, 0, 0, 0);
    raw_set_cpuid(raw, 0x80000001, 0, 0, 0, 1u << 2, 1u << 29 | 1u << 20);
    raw_set_cpuid(raw, 0x80000008, 0, 48u << 8 | 48, 0, 0, 0);
    raw_set_cpuid(raw, 0x8000000a, 0, 1, 0x8000, 1u << 6, 0xffffffff);
    raw_set_msr(raw, 0xc0010114, 0);
}

void raw_qemu_epyc(struct raw *raw)
{
    raw_clear(raw);
    raw_set_cpuid(raw, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
    raw_set_cpuid(raw, 1, 0, 0x00800f12, 0x00010800, 0xf6d83203, 0x178bfbff);
    raw_set_cpuid(raw, 0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447);
    raw_set_cpuid(raw, 0x80000000, 0, 0x8000001e, 0x68747541, 0x444d4163, 0x69746e65);
    raw_set_cpuid(raw, 0x80000001, 0, 0x00800f12, 0, 0x00000175, 0x25d3fbff);
    raw_set_cpuid(raw, 0x80000008, 0, 0x00003028, 0, 0, 0);
    raw_set_cpuid(raw, 0x8000000a, 0, 1, 0x10, 0, 1);
    raw_set_msr(raw, 0x1b, 0xfee00900);
    raw_set_msr(raw, 0xc0010114, 0);
}

struct strategy_set everything_built(void)
{
    struct strategy_set set = { 0 };

    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        strategy_set_add(&set, (enum strategy_id)i);
    }
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        strategy_set_add_backend(&set, (enum backend_id)i);
    }
    return set;
}

struct selection_request request_of(enum strategy_id id, bool forced)
{
    struct selection_request request;
    struct preference *preference;

    memset(&request, 0, sizeof(request));
    preference = &request.axis[strategy_row(id)->axis];
    preference->count = 1;
    preference->entry[0].strategy = (uint8_t)id;
    preference->entry[0].forced = forced;
    return request;
}

void reported_prepare(struct reported *reported, const struct raw *raw, const char *command_line,
                      struct strategy_set implemented)
{
    memset(reported, 0, sizeof(*reported));
    reported->raw = *raw;
    if (!cmdline_parse(command_line, &reported->parameters, &reported->error)) {
        reported->environment.refusal = reported->error.text;
    }
    capabilities_derive(&reported->raw, &reported->capabilities);
    boot_parameters_apply_mask(&reported->parameters, &reported->capabilities);
    boot_parameters_request(&reported->parameters, &reported->request);
    select_strategies(&reported->capabilities, &reported->request, implemented,
                      &reported->selection);
}

struct report_input reported_input(const struct reported *reported)
{
    struct report_input input = {
        .raw = &reported->raw,
        .capabilities = &reported->capabilities,
        .selection = &reported->selection,
        .request = &reported->request,
        .parameters = &reported->parameters,
        .environment = &reported->environment,
    };

    return input;
}

void reported_write(struct reported *reported)
{
    struct report_input input = reported_input(reported);
    struct report_sink sink = { collected_put, &reported->output };

    collected_free(&reported->output);
    report_write(&input, &sink);
}
