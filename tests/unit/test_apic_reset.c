/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The INIT state of processor and local APIC, and the table of local APIC registers, against the
 * manual's tables typed in again here.
 * SDM Vol 3: Processor Management and Initialization > Initialization Overview > Processor State
 * After Reset; Advanced Programmable Interrupt Controller (APIC) > Local APIC > The Local APIC
 * Block Diagram; Extended XAPIC (x2APIC) > x2APIC Register Address Space.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apic/registers.h"
#include "apic/reset.h"

/* Column "INIT" of the processor state table, and what it says of selectors, limits and rights. */
static void check_table(const struct initial_state *s, uint32_t signature)
{
    const uint64_t zero[] = { s->rax, s->rbx, s->rcx, s->rsi, s->rdi, s->rbp, s->rsp, s->r8,
                              s->r9, s->r10, s->r11, s->r12, s->r13, s->r14, s->r15, s->cr2,
                              s->cr3, s->cr4, s->cr8, s->efer, s->dr0, s->dr1, s->dr2, s->dr3 };
    const struct segment_state *const data[] = { &s->es, &s->ss, &s->ds, &s->fs, &s->gs };
    const struct segment_state *const others[] = { &s->gdtr, &s->idtr, &s->ldtr, &s->tr };

    for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
        assert_int_equal(zero[i], 0);
    }
    assert_int_equal(s->rdx, signature);
    assert_int_equal(s->rflags, 0x00000002);
    assert_int_equal(s->dr6, 0xFFFF0FF0);
    assert_int_equal(s->dr7, 0x00000400);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(data[i]->selector, 0);
        assert_int_equal(data[i]->base, 0);
        assert_int_equal(data[i]->limit, 0xFFFF);
        assert_int_equal(data[i]->attributes, 0x93);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(others[i]->selector, 0);
        assert_int_equal(others[i]->base, 0);
        assert_int_equal(others[i]->limit, 0xFFFF);
    }
    assert_int_equal(s->ldtr.attributes, 0x82);
    assert_int_equal(s->tr.attributes, 0x8B);
    assert_int_equal(s->cs.limit, 0xFFFF);
    assert_int_equal(s->cs.attributes, 0x93);
}

static void sipi_state_every_vector(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < 256; vector++) {
        struct initial_state s;

        memset(&s, 0xA5, sizeof(s));
        initial_state_for_sipi((uint8_t)vector, 0x00A20F10, 0, &s);
        check_table(&s, 0x00A20F10);
        /* "000VV000H": both ways to the first instruction's address. */
        assert_int_equal(s.cs.base + s.rip, vector * 4096);
        assert_int_equal(s.cs.selector * 16, vector * 4096);
        assert_int_equal(s.rip, 0);
        assert_int_equal(s.cr0, 0x10);
    }
}

static void reset_vector_state(void **state)
{
    struct initial_state s;

    (void)state;
    memset(&s, 0x5A, sizeof(s));
    initial_state_for_reset_vector(0x000306C3, CR0_AFTER_RESET, &s);
    check_table(&s, 0x000306C3);
    assert_int_equal(s.cs.selector, 0xF000);
    assert_int_equal(s.cs.base, 0xFFFF0000);
    assert_int_equal(s.cs.base + s.rip, 0xFFFFFFF0);
    assert_int_equal(s.cr0, 0x60000010);
}

/* Note to the table: CD and NW unchanged, bit 4 set, all others cleared. */
static void cr0_keeps_two_bits(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t one = UINT64_C(1) << bit;
        uint64_t kept = bit == 29 || bit == 30 ? one : 0;

        assert_int_equal(cr0_after_init(one), kept | 0x10);
        assert_int_equal(cr0_after_init(~one), (0x60000010 & ~kept) | 0x10);
    }
}

/* The local APIC register address map: offset, then r, w or rw in xAPIC and in x2APIC mode. */
static const struct {
    uint16_t first, last;
    const char *xapic, *x2apic;
} address_map[] = {
    { 0x020, 0x020, "rw", "r" },  { 0x030, 0x030, "r", "r" },   { 0x080, 0x080, "rw", "rw" },
    { 0x090, 0x090, "r", "" },    { 0x0A0, 0x0A0, "r", "r" },   { 0x0B0, 0x0B0, "w", "w" },
    { 0x0C0, 0x0C0, "r", "" },    { 0x0D0, 0x0D0, "rw", "r" },  { 0x0E0, 0x0E0, "rw", "" },
    { 0x0F0, 0x0F0, "rw", "rw" }, { 0x100, 0x270, "r", "r" },   { 0x280, 0x280, "rw", "rw" },
    { 0x2F0, 0x2F0, "rw", "rw" }, { 0x300, 0x300, "rw", "rw" }, { 0x310, 0x310, "rw", "" },
    { 0x320, 0x380, "rw", "rw" }, { 0x390, 0x390, "r", "r" },   { 0x3E0, 0x3E0, "rw", "rw" },
    { 0x3F0, 0x3F0, "", "w" },    { 0x400, 0x400, "r", "r" },   { 0x410, 0x420, "rw", "rw" },
    { 0x480, 0x4F0, "rw", "rw" }, { 0x500, 0x530, "rw", "rw" },
};

static const char *access_letters(unsigned access)
{
    static const char *const letters[] = { "", "r", "w", "rw" };

    return letters[access];
}

static void every_offset_of_the_page(void **state)
{
    (void)state;
    for (uint32_t offset = 0; offset < APIC_PAGE_SIZE; offset++) {
        const struct apic_register *reg = apic_register_at(offset);
        const char *xapic = NULL, *x2apic = NULL;

        for (size_t i = 0; i < sizeof(address_map) / sizeof(address_map[0]); i++) {
            if (offset >= address_map[i].first && offset < address_map[i].last + 16u) {
                xapic = address_map[i].xapic;
                x2apic = address_map[i].x2apic;
            }
        }
        if (xapic == NULL) {
            assert_null(reg);
            continue;
        }
        assert_non_null(reg);
        assert_int_equal(reg->offset, offset / 16 * 16);
        assert_string_equal(access_letters(reg->xapic), xapic);
        assert_string_equal(access_letters(reg->x2apic), x2apic);
    }
}

/* Registers that INIT gives another value than 0. */
static uint32_t value_after_init(uint32_t offset)
{
    switch (offset) {
    case 0x0E0:
        return 0xFFFFFFFF;
    case 0x0F0:
        return 0x000000FF;
    case 0x2F0: case 0x320: case 0x330: case 0x340: case 0x350: case 0x360: case 0x370:
    case 0x500: case 0x510: case 0x520: case 0x530:
        return 0x00010000;
    default:
        return offset >= 0x480 && offset < 0x500 ? 0xFFFFFFFF : 0;
    }
}

static void values_after_init(void **state)
{
    (void)state;
    for (uint32_t offset = 0; offset < APIC_PAGE_SIZE; offset += 16) {
        const struct apic_register *reg = apic_register_at(offset);

        if (reg != NULL) {
            assert_int_equal(reg->after_init, value_after_init(offset));
        }
    }
}

/* The constants are the table's offsets. */
static void constants_and_table_agree(void **state)
{
    static const struct {
        uint32_t offset;
        const char *name;
    } rows[] = {
        { APIC_ID, "ID" }, { APIC_VERSION, "VERSION" }, { APIC_TPR, "TPR" }, { APIC_APR, "APR" },
        { APIC_PPR, "PPR" }, { APIC_EOI, "EOI" }, { APIC_RRD, "RRD" }, { APIC_LDR, "LDR" },
        { APIC_DFR, "DFR" }, { APIC_SVR, "SVR" }, { APIC_ISR0, "ISR0" }, { APIC_TMR0, "TMR0" },
        { APIC_IRR0, "IRR0" }, { APIC_ESR, "ESR" }, { APIC_ICR_LOW, "ICR_LOW" },
        { APIC_ICR_HIGH, "ICR_HIGH" }, { APIC_LVT_CMCI, "LVT_CMCI" },
        { APIC_LVT_TIMER, "LVT_TIMER" }, { APIC_LVT_THERMAL, "LVT_THERMAL" },
        { APIC_LVT_PERFORMANCE, "LVT_PERFORMANCE" }, { APIC_LVT_LINT0, "LVT_LINT0" },
        { APIC_LVT_LINT1, "LVT_LINT1" }, { APIC_LVT_ERROR, "LVT_ERROR" }, { APIC_TMICT, "TMICT" },
        { APIC_TMCCT, "TMCCT" }, { APIC_TMDCR, "TMDCR" }, { APIC_SELF_IPI, "SELF_IPI" },
        { APIC_EXTENDED_FEATURE, "EXTENDED_FEATURE" },
        { APIC_EXTENDED_CONTROL, "EXTENDED_CONTROL" }, { APIC_SPECIFIC_EOI, "SPECIFIC_EOI" },
        { APIC_INTERRUPT_ENABLE0, "INTERRUPT_ENABLE0" }, { APIC_EXTENDED_LVT0, "EXTENDED_LVT0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct apic_register *reg = apic_register_at(rows[i].offset);

        assert_non_null(reg);
        assert_int_equal(reg->offset, rows[i].offset);
        assert_string_equal(reg->name, rows[i].name);
    }
    assert_int_equal(apic_register_at(APIC_ICR_LOW)->writable, APIC_ICR_WRITABLE);
}

static void presence(void **state)
{
    (void)state;
    for (uint32_t max_lvt = 0; max_lvt < 8; max_lvt++) {
        uint32_t version = 0x14 | max_lvt << 16;

        assert_int_equal(apic_register_present(apic_register_at(0x340), version), max_lvt >= 4);
        assert_int_equal(apic_register_present(apic_register_at(0x330), version), max_lvt >= 5);
        assert_int_equal(apic_register_present(apic_register_at(0x2F0), version), max_lvt >= 6);
        assert_true(apic_register_present(apic_register_at(0x320), version));
        assert_false(apic_register_present(apic_register_at(0x500), version));
        assert_true(apic_register_present(apic_register_at(0x500), version | 0x80000000));
    }
}

static bool is_lvt(uint32_t offset)
{
    return value_after_init(offset) == 0x00010000;
}

/* Carries the list out on a model of the registers that starts with every writable bit set. */
static void check_writes(uint32_t version, bool x2apic)
{
    struct apic_register_write list[APIC_INIT_WRITE_MAX];
    uint32_t model[APIC_PAGE_SIZE / 16];
    unsigned drain_at, count = apic_init_writes(version, x2apic, list, &drain_at);

    assert_in_range(count, 1, APIC_INIT_WRITE_MAX);
    assert_in_range(drain_at, 1, count - 1);
    memset(model, 0xFF, sizeof(model));
    model[APIC_LVT_ERROR / 16] = 0xFE;
    for (unsigned i = 0; i < count; i++) {
        const struct apic_register *reg = apic_register_at(list[i].offset);

        assert_non_null(reg);
        assert_true(apic_register_present(reg, version));
        assert_non_null(strchr(access_letters(x2apic ? reg->x2apic : reg->xapic), 'w'));
        /* A write there sends, ends an interrupt, or changes what INIT keeps. */
        assert_int_not_equal(reg->offset, APIC_ICR_LOW);
        assert_int_not_equal(reg->offset, APIC_SELF_IPI);
        assert_int_not_equal(reg->offset, APIC_EOI);
        assert_int_not_equal(reg->offset, APIC_ID);
        /* Nothing may raise an APIC error interrupt. */
        if (is_lvt(reg->offset) && reg->offset != APIC_LVT_ERROR) {
            assert_true(model[APIC_LVT_ERROR / 16] & APIC_LVT_MASKED);
        }
        assert_int_equal(is_lvt(reg->offset) || reg->offset == APIC_TMICT ||
                             reg->offset == APIC_TPR, i < drain_at);
        model[reg->offset / 16] = list[i].value;
    }
    assert_int_equal(list[count - 1].offset, APIC_SVR);
    for (uint32_t offset = 0; offset < 0x400; offset += 16) {
        const struct apic_register *reg = apic_register_at(offset);
        bool software_sets = reg != NULL && offset != APIC_ID && offset != APIC_ICR_LOW &&
                             apic_register_present(reg, version) &&
                             (x2apic ? reg->x2apic : reg->xapic) == APIC_ACCESS_READ_WRITE;

        if (software_sets) {
            assert_int_equal(model[offset / 16], value_after_init(offset));
        }
    }
}

static void init_writes(void **state)
{
    (void)state;
    for (uint32_t max_lvt = 3; max_lvt < 8; max_lvt++) {
        for (uint32_t extended = 0; extended < 2; extended++) {
            check_writes(0x10 | max_lvt << 16 | extended << 31, false);
            check_writes(0x10 | max_lvt << 16 | extended << 31, true);
        }
    }
}

/* AMD's extended LVT: masked in xAPIC mode, not touched in x2APIC mode (#GP if absent). */
static void init_writes_extended(void **state)
{
    struct apic_register_write list[APIC_INIT_WRITE_MAX];

    (void)state;
    for (int x2apic = 0; x2apic < 2; x2apic++) {
        unsigned drain_at, extended = 0;
        unsigned count = apic_init_writes(0x80050010, x2apic, list, &drain_at);

        for (unsigned i = 0; i < count; i++) {
            extended += list[i].offset >= 0x500 && list[i].value == 0x00010000;
        }
        assert_int_equal(extended, x2apic ? 0 : 4);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sipi_state_every_vector),
        cmocka_unit_test(reset_vector_state),
        cmocka_unit_test(cr0_keeps_two_bits),
        cmocka_unit_test(every_offset_of_the_page),
        cmocka_unit_test(values_after_init),
        cmocka_unit_test(constants_and_table_agree),
        cmocka_unit_test(presence),
        cmocka_unit_test(init_writes),
        cmocka_unit_test(init_writes_extended),
    };

    return cmocka_run_group_tests_name("apic/reset", tests, NULL, NULL);
}
