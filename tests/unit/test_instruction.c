/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction decoder: every prefix pair, opcode and ModR/M byte against Capstone, and by hand what
 * kernels use and what Capstone has no opinion on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "instruction/instruction.h"
#include "instruction_oracle.h"

static const unsigned widths[] = { 16, 32, 64 };

/* 0: none. Each is tried behind each. */
static const uint8_t prefixes[] = {
    0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x40, 0x41, 0x42, 0x44, 0x48, 0x4f,
};
#define PREFIXES (sizeof prefixes)

static void expect_agreement(const uint8_t *bytes, size_t size, unsigned width)
{
    const char *complaint = instruction_oracle(bytes, size, width);
    char text[64];

    if (!complaint)
        return;
    for (size_t i = 0; i < size; i++)
        sprintf(text + 3 * i, " %02x", bytes[i]);
    fail_msg("%u-bit code,%s: %s", width, text, complaint);
}

/* One opcode with each ModR/M byte behind two prefixes; what follows looks like SIB, displacement and
 * immediate at once. `seed` varies it. */
static void try_opcode(unsigned width, const uint8_t pair[2], const uint8_t *opcode, unsigned length,
                       unsigned seed)
{
    uint8_t bytes[15];
    unsigned at = 0;

    for (unsigned i = 0; i < 2; i++) {
        if (pair[i])
            bytes[at++] = pair[i];
    }
    memcpy(bytes + at, opcode, length);
    at += length;
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        bytes[at] = (uint8_t)modrm;
        for (unsigned i = at + 1; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((seed + modrm * 17 + i) * 2654435761u >> 13);
        expect_agreement(bytes, sizeof bytes, width);
    }
}

static void test_every_opcode(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        for (unsigned i = 0; i < PREFIXES * PREFIXES; i++) {
            uint8_t pair[2] = { prefixes[i / PREFIXES], prefixes[i % PREFIXES] };

            if (pair[0] && !pair[1])
                continue;
            for (unsigned opcode = 0; opcode < 256; opcode += pair[0] ? 16 : 1) {
                uint8_t one[1] = { (uint8_t)(opcode + (pair[0] ? i % 16 : 0)) };

                if (one[0] != 0x0f)
                    try_opcode(widths[w], pair, one, 1, i);
            }
        }
    }
    assert_true(instruction_oracle_counts.decoded > 100000);
}

static void test_every_two_byte_opcode(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        for (unsigned i = 0; i < PREFIXES; i++) {
            uint8_t pair[2] = { 0, prefixes[i] };

            for (unsigned opcode = 0; opcode < 256; opcode++) {
                uint8_t two[2] = { 0x0f, (uint8_t)opcode };

                try_opcode(widths[w], pair, two, 2, i);
            }
        }
    }
}

/* Every SIB byte with every mod, and with the REX bits that extend it. */
static void test_every_sib(void **state)
{
    (void)state;
    for (unsigned rex = 0x40; rex < 0x50; rex++) {
        for (unsigned mod = 0; mod < 3; mod++) {
            for (unsigned sib = 0; sib < 256; sib++) {
                uint8_t bytes[15] = { (uint8_t)rex, 0x89, (uint8_t)(mod << 6 | 0x14), (uint8_t)sib,
                                      0x80, 0x12, 0x34, 0x96 };

                expect_agreement(bytes, sizeof bytes, 64);
                expect_agreement(bytes + 1, sizeof bytes - 1, 32);
            }
        }
    }
}

struct expectation {
    const char *bytes;
    unsigned size, width;
    struct instruction is;
};

#define NONE INSTRUCTION_NO_REGISTER

/* What Linux and others use on the APIC's page. */
static const struct expectation kernels[] = {
    /* mov %esi, -0xa03000(%rdi) */
    { "\x89\xb7\x00\xd0\x5f\xff", 6, 64,
      { 6, OPERATION_STORE, OTHER_REGISTER, false, false, false, false, 4, 4, 8, SEGMENT_DS, 6, 7, NONE, 0,
        -0xa03000, 0 } },
    /* movl $0, 0xffffffffff5fb0b0 */
    { "\xc7\x04\x25\xb0\xb0\x5f\xff\x00\x00\x00\x00", 11, 64,
      { 11, OPERATION_STORE, OTHER_IMMEDIATE, false, false, false, false, 4, 4, 8, SEGMENT_DS, 0, NONE, NONE,
        0, -0xa04f50, 0 } },
    /* xchg %edx, -0x3000(%eax), in 32-bit code */
    { "\x87\x90\x00\xd0\xff\xff", 6, 32,
      { 6, OPERATION_XCHG, OTHER_REGISTER, false, false, false, false, 4, 4, 4, SEGMENT_DS, 2, 0, NONE, 0,
        -0x3000, 0 } },
    /* movabs %eax, 0xfee000b0 */
    { "\xa3\xb0\x00\xe0\xfe\x00\x00\x00\x00", 9, 64,
      { 9, OPERATION_STORE, OTHER_REGISTER, false, false, false, false, 4, 4, 8, SEGMENT_DS, 0, NONE, NONE, 0,
        0xfee000b0, 0 } },
    /* mov %eax, %gs:0x12345678(%rip) */
    { "\x65\x89\x05\x78\x56\x34\x12", 7, 64,
      { 7, OPERATION_STORE, OTHER_REGISTER, false, false, false, false, 4, 4, 8, SEGMENT_GS, 0,
        INSTRUCTION_RIP, NONE, 0, 0x12345678, 0 } },
    /* orl $0x100, 0xf0(%rbx) */
    { "\x81\x8b\xf0\x00\x00\x00\x00\x01\x00\x00", 10, 64,
      { 10, OPERATION_OR, OTHER_IMMEDIATE, false, false, false, false, 4, 4, 8, SEGMENT_DS, 1, 3, NONE, 0, 0xf0,
        0x100 } },
    /* rep stosl, with a 32-bit address */
    { "\xf3\x67\xab", 3, 64,
      { 3, OPERATION_STOS, OTHER_NOTHING, false, false, true, false, 4, 4, 4, SEGMENT_ES, 0, 7, NONE, 0, 0, 0 } },
    /* mov %al, %fs:(%bx,%di) */
    { "\x64\x88\x01", 3, 16,
      { 3, OPERATION_STORE, OTHER_REGISTER, false, false, false, false, 1, 1, 2, SEGMENT_FS, 0, 3, 7, 0, 0, 0 } },
    /* mov %ah, (%eax) */
    { "\x88\x20", 2, 32,
      { 2, OPERATION_STORE, OTHER_REGISTER, false, false, false, true, 1, 1, 4, SEGMENT_DS, 0, 0, NONE, 0, 0,
        0 } },
};

static void test_kernels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        const struct expectation *row = &kernels[i];
        uint8_t buffer[INSTRUCTION_BUFFER] = { 0 };
        struct instruction out, expected = row->is;

        memset(&out, 0, sizeof out);
        memcpy(buffer, row->bytes, row->size);
        assert_int_equal(instruction_decode(buffer, INSTRUCTION_MAX, row->width, &out), DECODED);
        if (expected.other == OTHER_IMMEDIATE)
            expected.reg = out.reg;     /* says nothing there */
        assert_memory_equal(&out, &expected, sizeof out);
    }
}

/* Not decoded, with all 15 bytes there. */
static void test_not_mine(void **state)
{
    static const struct {
        const char *what;
        char bytes[18];
        unsigned width;
    } rows[] = {
        { "a register operand", "\x89\xc0", 64 },
        { "LOCK MOV", "\xf0\x89\x00", 64 },
        { "LOCK CMP", "\xf0\x39\x00", 64 },
        { "LOCK ADD with a register as destination", "\xf0\x03\x00", 64 },
        { "XRELEASE MOV", "\xf3\x89\x00", 64 },
        { "XACQUIRE XCHG", "\xf2\x87\x00", 64 },
        { "REPNE STOS", "\xf2\xab", 64 },
        { "two segment prefixes", "\x64\x65\x89\x00", 64 },
        { "REX before another prefix", "\x48\x67\x89\x00", 64 },
        { "66 MOVNTI", "\x66\x0f\xc3\x00", 64 },
        { "ARPL", "\x63\x00", 32 },
        { "MOVSXD of 16 bits", "\x66\x63\x00", 64 },
        { "82h", "\x82\x00\x00", 32 },
        { "F7 /1", "\xf7\x08\x00\x00\x00\x00", 64 },
        { "POP to memory", "\x8f\x00", 64 },
        { "PUSH of memory", "\xff\x30", 64 },
        { "VEX", "\xc5\xf8\x11\x00", 64 },
        { "fifteen prefixes",
          "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x00", 64 },
        { "sixteen bytes", "\x3e\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x00", 64 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t buffer[INSTRUCTION_BUFFER] = { 0 };
        struct instruction out;

        memcpy(buffer, rows[i].bytes, 17);
        if (instruction_decode(buffer, INSTRUCTION_MAX, rows[i].width, &out) != DECODING_NOT_MINE)
            fail_msg("%s was decoded", rows[i].what);
    }
}

/* The longest that there is, and one byte more. */
static void test_fifteen_bytes(void **state)
{
    uint8_t buffer[INSTRUCTION_BUFFER];
    struct instruction out;

    (void)state;
    for (unsigned count = 0; count <= 16; count++) {
        memset(buffer, 0x66, sizeof buffer);
        buffer[count] = 0x89;
        buffer[count + 1] = 0x00;
        assert_int_equal(instruction_decode(buffer, INSTRUCTION_MAX, 64, &out),
                         count + 2 <= 15 ? DECODED : DECODING_NOT_MINE);
        if (count + 2 <= 15)
            assert_int_equal(out.length, count + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_opcode),
        cmocka_unit_test(test_every_two_byte_opcode),
        cmocka_unit_test(test_every_sib),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_not_mine),
        cmocka_unit_test(test_fifteen_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
