/* SPDX-License-Identifier: BSD-2-Clause */
/* SVM's decode assists: from the image of a VMCB to bytes that the decoder takes, and what the self-test
 * makes of bytes that are right, too few, others', or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "instruction/instruction.h"
#include "svm/instruction_bytes.h"
#include "x86/registers.h"

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))

#define EXIT_PF         (VMEXIT_EXCEPTION + VECTOR_PF)
#define UNTOUCHED       0xee

/* An image by offsets alone, as the manual has them, so that a wrong structure is no alibi. */
static void image(struct vmcb *vmcb, uint64_t code, uint64_t info, uint64_t interrupted,
                  uint8_t count_byte)
{
    uint8_t *raw = (uint8_t *)vmcb;

    memset(raw, 0xa5, sizeof *vmcb);
    memcpy(raw + 0x070, &code, 8);
    memcpy(raw + 0x078, &info, 8);
    memcpy(raw + 0x088, &interrupted, 8);
    raw[0x0d0] = count_byte;
    for (unsigned i = 0; i < SVM_INSTRUCTION_BYTES; i++)
        raw[0x0d1 + i] = (uint8_t)(0x10 + i);
}

/* Every value of the byte that has the count: the low half of it counts, and no more is copied. */
static void every_count(void **state)
{
    static const uint64_t codes[] = { VMEXIT_NPF, EXIT_PF };
    static struct vmcb vmcb;

    (void)state;
    for (unsigned c = 0; c < COUNT(codes); c++) {
        for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
            uint8_t bytes[32];
            unsigned wanted = byte % 16;

            image(&vmcb, codes[c], NPF_PRESENT | NPF_WRITE, 0, (uint8_t)byte);
            memset(bytes, UNTOUCHED, sizeof bytes);
            assert_int_equal(svm_instruction_bytes_of(&vmcb, bytes), wanted);
            for (unsigned i = 0; i < sizeof bytes; i++)
                assert_int_equal(bytes[i], i < wanted ? 0x10 + i : UNTOUCHED);
        }
    }
}

/* No other exit has any: what stands there is an older one's. */
static void every_exit(void **state)
{
    static const uint64_t far[] = { 0x401, 0x402, 0x403, 0xffffffff, UINT64_MAX,
                                    UINT64_C(0x100000000) | VMEXIT_NPF };
    static struct vmcb vmcb;
    uint8_t bytes[SVM_INSTRUCTION_BYTES];

    (void)state;
    for (uint64_t code = 0; code <= VMEXIT_NPF; code++) {
        image(&vmcb, code, 0, 0, 15);
        assert_int_equal(svm_instruction_bytes_of(&vmcb, bytes),
                         code == VMEXIT_NPF || code == EXIT_PF ? 15 : 0);
    }
    for (unsigned i = 0; i < COUNT(far); i++) {
        image(&vmcb, far[i], 0, 0, 15);
        assert_int_equal(svm_instruction_bytes_of(&vmcb, bytes), 0);
    }
}

/* A fetch that faulted, and an event whose delivery did. Nothing else in EXITINFO1 matters. */
static void every_cause(void **state)
{
    static struct vmcb vmcb;
    uint8_t bytes[SVM_INSTRUCTION_BYTES];

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        image(&vmcb, VMEXIT_NPF, UINT64_C(1) << bit, 0, 9);
        assert_int_equal(svm_instruction_bytes_of(&vmcb, bytes), bit == 4 ? 0 : 9);
        image(&vmcb, VMEXIT_NPF, NPF_WRITE, UINT64_C(1) << bit, 9);
        assert_int_equal(svm_instruction_bytes_of(&vmcb, bytes), bit == 31 ? 0 : 9);
    }
}

static const struct sample {
    unsigned width, length;
    uint8_t code[SVM_INSTRUCTION_BYTES];
} samples[] = {
    { 16, 4, { 0x66, 0xa3, 0x80, 0x00, 0x90, 0x90 } },
    { 16, 9, { 0x66, 0xc7, 0x06, 0x80, 0x00, 0xa5, 0xa5, 0x5a, 0x5a, 0xeb } },
    { 32, 5, { 0xa3, 0xb0, 0x00, 0xe0, 0xfe, 0xc3 } },
    { 32, 10, { 0xc7, 0x05, 0xb0, 0x00, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x00, 0xc3 } },
    { 64, 2, { 0x89, 0x07, 0xc3 } },
    { 64, 11, { 0xc7, 0x04, 0x25, 0x00, 0xc3, 0x5f, 0xff, 0x00, 0x00, 0x00, 0x00, 0xc3 } },
    { 64, 15, { 0xf0, 0x2e, 0x67, 0x40, 0x81, 0x04, 0x25, 0x00, 0xc3, 0x5f, 0x7f, 1, 2, 3, 4 } },
};

/* Whatever number of bytes an instruction comes with: it is decoded as from memory, or the answer is
 * that they are too few, which sends the caller to memory. */
static void any_number_decodes_or_is_too_few(void **state)
{
    static struct vmcb vmcb;

    (void)state;
    for (unsigned s = 0; s < COUNT(samples); s++) {
        const struct sample *sample = &samples[s];
        uint8_t memory[INSTRUCTION_BUFFER] = { 0 };
        struct instruction whole;

        memcpy(memory, sample->code, SVM_INSTRUCTION_BYTES);
        assert_int_equal(instruction_decode(memory, 15, sample->width, &whole), DECODED);
        assert_int_equal(whole.length, sample->length);
        for (unsigned count = 1; count <= SVM_INSTRUCTION_BYTES; count++) {
            uint8_t bytes[INSTRUCTION_BUFFER];
            struct instruction found;
            enum decoding decoding;

            memset(bytes, UNTOUCHED, sizeof bytes);
            image(&vmcb, VMEXIT_NPF, NPF_WRITE, 0, (uint8_t)count);
            memcpy((uint8_t *)&vmcb + 0x0d1, sample->code, SVM_INSTRUCTION_BYTES);
            assert_int_equal(svm_instruction_bytes_of(&vmcb, bytes), count);
            decoding = instruction_decode(bytes, count, sample->width, &found);
            assert_int_equal(decoding, count < sample->length ? DECODING_TRUNCATED : DECODED);
            if (decoding == DECODED) {
                assert_int_equal(found.length, whole.length);
                assert_int_equal(found.operation, whole.operation);
                assert_int_equal(found.displacement, whole.displacement);
                assert_int_equal(found.immediate, whole.immediate);
            }
        }
    }
}

/* Right ones from the instruction's length on, whatever follows it. */
static void the_judgement_of_right_and_short_bytes(void **state)
{
    (void)state;
    for (unsigned s = 0; s < COUNT(samples); s++) {
        const struct sample *sample = &samples[s];

        for (unsigned count = 1; count <= SVM_INSTRUCTION_BYTES; count++) {
            const char *problem = svm_instruction_bytes_problem(sample->code, count, sample->code,
                                                                sample->length);

            if (count < sample->length)
                assert_string_equal(problem, "a nested page fault gave fewer bytes than its "
                                             "instruction has");
            else
                assert_null(problem);
        }
    }
}

/* One bit anywhere in what is given; none behind it. */
static void the_judgement_of_wrong_bytes(void **state)
{
    const struct sample *sample = &samples[5];

    (void)state;
    for (unsigned bit = 0; bit < 8 * SVM_INSTRUCTION_BYTES; bit++) {
        for (unsigned count = sample->length; count <= SVM_INSTRUCTION_BYTES; count++) {
            uint8_t bytes[SVM_INSTRUCTION_BYTES];
            const char *problem;

            memcpy(bytes, sample->code, sizeof bytes);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            problem = svm_instruction_bytes_problem(bytes, count, sample->code, sample->length);
            if (bit / 8 < count)
                assert_string_equal(problem, "the bytes that a nested page fault gave are not its "
                                             "instruction's");
            else
                assert_null(problem);
        }
    }
    /* Another instruction's, an impossible count. */
    assert_non_null(svm_instruction_bytes_problem(samples[0].code, 15, sample->code, 11));
    assert_non_null(svm_instruction_bytes_problem(sample->code, 16, sample->code, 11));
}

static void the_judgement_of_no_bytes(void **state)
{
    (void)state;
    for (unsigned length = 1; length <= SVM_INSTRUCTION_BYTES; length++)
        assert_string_equal(svm_instruction_bytes_problem(samples[0].code, 0, samples[0].code,
                                                          length),
                            "a nested page fault gave no bytes of its instruction");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_count),
        cmocka_unit_test(every_exit),
        cmocka_unit_test(every_cause),
        cmocka_unit_test(any_number_decodes_or_is_too_few),
        cmocka_unit_test(the_judgement_of_right_and_short_bytes),
        cmocka_unit_test(the_judgement_of_wrong_bytes),
        cmocka_unit_test(the_judgement_of_no_bytes),
    };

    return cmocka_run_group_tests_name("svm/instruction_bytes", tests, NULL, NULL);
}
