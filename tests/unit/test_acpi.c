/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI over fake physical memory: root pointer, table look-up, MADT, FADT, sleep types; wrong
 * checksums, lengths and loops; a deterministic fuzz with the checksums repaired, so that the
 * mutations get past them.
 */
#include "fake_memory.h"

#include "core/acpi.h"

#define MEMORY_SIZE 0x100000u
#define EBDA 0x9fc00u
#define RSDP 0xf5a40u
#define RSDT 0x20000u
#define XSDT 0x21000u
#define MADT 0x22000u
#define FADT 0x23000u
#define DSDT 0x24000u
#define SSDT 0x25000u
#define FUZZ_ROUNDS 100000

static struct acpi_rsdp rsdp;
static char error[256];

/* Sets bytes[at] so that the sum of all is 0. */
static void seal(uint8_t *bytes, size_t length, size_t at)
{
    uint8_t sum = 0;

    bytes[at] = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[at] = (uint8_t)-sum;
}

static void seal_table(uint64_t table)
{
    uint32_t length = load32(fake_memory + table + 4);

    if (length >= 36 && length <= MEMORY_SIZE - table) {
        seal(fake_memory + table, length, 9);
    }
}

static uint8_t *table(uint64_t at, const char *signature, uint32_t length)
{
    memset(fake_memory + at, 0, length);
    memcpy(fake_memory + at, signature, 4);
    store32(fake_memory + at + 4, length);
    return fake_memory + at;
}

static void build_rsdp(uint64_t at, uint8_t revision)
{
    uint8_t *pointer = fake_memory + at;

    memcpy(pointer, "RSD PTR ", 8);
    pointer[15] = revision;
    store32(pointer + 16, RSDT);
    seal(pointer, 20, 8);
    if (revision >= 2) {
        store32(pointer + 20, 36);
        store64(pointer + 24, XSDT);
        seal(pointer, 36, 32);
    }
}

static const uint8_t cpus[] = {
    0, 8, 0, 0, 1, 0, 0, 0,                             /* APIC 0, enabled */
    0, 8, 1, 2, 1, 0, 0, 0,                             /* APIC 2, enabled */
    0, 8, 2, 3, 0, 0, 0, 0,                             /* disabled for good */
    0, 8, 3, 4, 2, 0, 0, 0,                             /* online capable */
    1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,          /* I/O APIC */
    9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, /* x2APIC 0x12c */
    9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,    /* APIC 2 again */
    0, 8, 8, 0xff, 1, 0, 0, 0,                          /* the broadcast ID is nobody's */
    9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 7, 0, 0, 0,
    4, 6, 0xff, 5, 0, 1,                                /* LINT1 of all */
    3, 8, 0x0d, 0, 23, 0, 0, 0,                         /* GSI 23 */
    10, 12, 4, 0, 9, 0, 0, 0, 1, 0, 0, 0,               /* LINT1 of UID 9 */
    5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 1, 0, 0, 0,          /* local APICs at 0x1fee10000 */
};

static void build_madt(const uint8_t *structures, uint32_t length)
{
    uint8_t *madt = table(MADT, "APIC", 44 + length);

    store32(madt + 36, 0xfee00000);
    store32(madt + 40, 1);
    memcpy(madt + 44, structures, length);
    seal_table(MADT);
}

/* Name (\_S3_, Package () {One, One, 0, 0}), Name (_S5_, Package () {0x5, 0x1f, ...}) */
static const uint8_t aml[] = {
    0x10, 0x20, '_', 'S', '5', '_', 0x08, '\\', '_', 'S', '3', '_', 0x12, 0x06, 0x04, 0x01, 0x01,
    0x00, 0x00, 0x14, 0x08, '_', 'S', '5', '_', 0x12, 0x0a, 0x04, 0x0a, 0x05, 0x0a, 0x1f, 0x0a,
    0x00, 0x0a, 0x00, 0xa4,
};

static void build_fadt(uint32_t length)
{
    uint8_t *fadt = table(FADT, "FACP", length);

    store32(fadt + 40, DSDT);
    store32(fadt + 64, 0x604);
    store32(fadt + 68, 0);
    fadt[89] = 2;
    store32(fadt + 112, ACPI_FADT_RESET_REG_SUP);
    if (length >= 244) {
        memcpy(fadt + 116, "\x01\x08\x00\x01\xf9\x0c\x00\x00\x00\x00\x00\x00", 12);
        fadt[128] = 0x0f;
        store64(fadt + 140, DSDT);
        memcpy(fadt + 172, "\x01\x10\x00\x02\x04\xb0\x00\x00\x00\x00\x00\x00", 12);
    }
    seal_table(FADT);
}

static void build_aml(uint64_t at, const char *signature, const uint8_t *bytes, uint32_t length)
{
    memcpy(table(at, signature, 36 + length) + 36, bytes, length);
    seal_table(at);
}

static void build_roots(void)
{
    static const uint32_t entries[] = { FADT, MADT, SSDT, MEMORY_SIZE - 8, 0, DSDT };
    uint32_t count = sizeof(entries) / sizeof(entries[0]);
    uint8_t *rsdt = table(RSDT, "RSDT", 36 + 4 * count);
    uint8_t *xsdt = table(XSDT, "XSDT", 36 + 8 * count);

    for (uint32_t i = 0; i < count; i++) {
        store32(rsdt + 36 + 4 * i, entries[i]);
        store64(xsdt + 36 + 8 * i, entries[i]);
    }
    seal_table(RSDT);
    seal_table(XSDT);
}

static void build(uint8_t revision)
{
    fake_create(MEMORY_SIZE);
    store16(fake_memory + 0x40e, EBDA >> 4);
    build_rsdp(RSDP, revision);
    build_roots();
    build_madt(cpus, sizeof(cpus));
    build_fadt(244);
    build_aml(DSDT, "DSDT", aml, sizeof(aml));
    build_aml(SSDT, "SSDT", aml, 6);
}

static bool find(const uint8_t *copy, size_t length)
{
    bool found;

    fake_seal();
    found = acpi_find_rsdp(copy, length, &rsdp);
    fake_open();
    return found;
}

static void rsdp_in_the_bios(void **state)
{
    (void)state;
    build(2);
    assert_true(find(NULL, 0));
    assert_int_equal(rsdp.physical, RSDP);
    assert_int_equal(rsdp.revision, 2);
    assert_int_equal(rsdp.xsdt, XSDT);
    assert_int_equal(rsdp.rsdt, RSDT);
    build(0);
    assert_true(find(NULL, 0));
    assert_int_equal(rsdp.xsdt, 0);
    assert_int_equal(rsdp.rsdt, RSDT);
    fake_memory[RSDP + 17] ^= 1;
    assert_false(find(NULL, 0));
}

static void rsdp_in_the_ebda_comes_first(void **state)
{
    (void)state;
    build(2);
    build_rsdp(EBDA + 0x3e0, 0);
    assert_true(find(NULL, 0));
    assert_int_equal(rsdp.physical, EBDA + 0x3e0);
    store16(fake_memory + 0x40e, 0xffff);
    assert_true(find(NULL, 0));
    assert_int_equal(rsdp.physical, RSDP);
}

static void rsdp_must_be_aligned_and_whole(void **state)
{
    (void)state;
    build(2);
    memset(fake_memory + RSDP, 0, 36);
    build_rsdp(RSDP + 8, 2);
    assert_false(find(NULL, 0));
    build(2);
    fake_memory[RSDP + 33] ^= 1;    /* only the second checksum covers it */
    assert_false(find(NULL, 0));
    build(2);
    store32(fake_memory + RSDP + 20, 0xffffffff);
    assert_false(find(NULL, 0));
    memset(fake_memory + RSDP, 0, 36);
    memcpy(fake_memory + MEMORY_SIZE - 16, "RSD PTR ", 8);     /* cut off by the end of the area */
    assert_false(find(NULL, 0));
}

static void rsdp_from_a_copy(void **state)
{
    uint8_t copy[64] = { 0 };

    (void)state;
    build(2);
    memcpy(copy, fake_memory + RSDP, 36);
    assert_true(find(copy, 36));
    assert_int_equal(rsdp.physical, RSDP);
    memset(fake_memory + RSDP, 0, 36);
    assert_true(find(copy, 64));
    assert_int_equal(rsdp.physical, 0);
    assert_int_equal(rsdp.xsdt, XSDT);
    build_rsdp(RSDP, 0);    /* another one: not where the copy is from */
    assert_true(find(copy, 36));
    assert_int_equal(rsdp.physical, 0);
    assert_int_equal(rsdp.xsdt, XSDT);
    assert_true(find(copy, 35));    /* a copy that is too short is none */
    assert_int_equal(rsdp.physical, RSDP);
}

static void tables_by_signature(void **state)
{
    struct acpi_table found;

    (void)state;
    for (uint8_t revision = 0; revision <= 2; revision += 2) {
        build(revision);
        assert_true(find(NULL, 0));
        assert_true(acpi_find_table(&rsdp, "FACP", 0, &found));
        assert_int_equal(found.physical, FADT);
        assert_int_equal(found.length, 244);
        assert_false(acpi_find_table(&rsdp, "FACP", 1, &found));
        assert_false(acpi_find_table(&rsdp, "XXXX", 0, &found));
        fake_memory[FADT + 100] ^= 1;
        assert_false(acpi_find_table(&rsdp, "FACP", 0, &found));
    }
    fake_memory[XSDT + 40] ^= 1;    /* falls back to the RSDT */
    assert_true(acpi_find_table(&rsdp, "APIC", 0, &found));
    fake_memory[RSDT + 40] ^= 1;
    assert_false(acpi_find_table(&rsdp, "APIC", 0, &found));
}

static void several_tables_of_one_signature(void **state)
{
    struct acpi_table found;

    (void)state;
    build(2);
    store64(fake_memory + XSDT + 36, SSDT);
    store64(fake_memory + XSDT + 44, SSDT);
    seal_table(XSDT);
    assert_true(find(NULL, 0));
    assert_true(acpi_find_table(&rsdp, "SSDT", 2, &found));
    assert_false(acpi_find_table(&rsdp, "SSDT", 3, &found));
}

static void absurd_lengths(void **state)
{
    static const uint32_t lengths[] = { 0, 35, ACPI_TABLE_LIMIT + 1, 0xffffffff, MEMORY_SIZE };
    struct acpi_table found;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        build(2);
        assert_true(find(NULL, 0));
        store32(fake_memory + FADT + 4, lengths[i]);
        assert_false(acpi_find_table(&rsdp, "FACP", 0, &found));
    }
}

static void cpus_of_the_madt(void **state)
{
    static const struct acpi_cpu expected[] = {
        { 0, 0, true, false }, { 2, 1, true, false }, { 4, 3, false, false },
        { 0x12c, 9, true, true },
    };
    struct acpi_madt madt;
    struct acpi_cpu cpu;
    uint32_t cursor = 0;

    (void)state;
    build(2);
    assert_true(find(NULL, 0));
    assert_true(acpi_find_madt(&rsdp, &madt, error, sizeof(error)));
    assert_int_equal(madt.lapic_address, 0x1fee10000);
    assert_int_equal(madt.flags, 1);
    for (size_t i = 0; i < 4; i++) {
        assert_true(acpi_next_cpu(&madt, &cursor, &cpu));
        assert_int_equal(cpu.apic_id, expected[i].apic_id);
        assert_int_equal(cpu.acpi_uid, expected[i].acpi_uid);
        assert_int_equal(cpu.enabled, expected[i].enabled);
        assert_int_equal(cpu.x2apic, expected[i].x2apic);
    }
    assert_false(acpi_next_cpu(&madt, &cursor, &cpu));
    assert_false(acpi_next_cpu(&madt, &cursor, &cpu));
}

static void nmi_sources_of_the_madt(void **state)
{
    struct acpi_madt madt;
    struct acpi_nmi nmi;
    uint32_t cursor = 0;

    (void)state;
    build(2);
    assert_true(find(NULL, 0));
    assert_true(acpi_find_madt(&rsdp, &madt, error, sizeof(error)));
    assert_true(acpi_next_nmi(&madt, &cursor, &nmi));
    assert_true(nmi.local && nmi.all_processors && nmi.lint == 1 && nmi.flags == 5);
    assert_true(acpi_next_nmi(&madt, &cursor, &nmi));
    assert_true(!nmi.local && nmi.interrupt == 23 && nmi.flags == 0x0d);
    assert_true(acpi_next_nmi(&madt, &cursor, &nmi));
    assert_true(nmi.local && !nmi.all_processors && nmi.acpi_uid == 9 && nmi.lint == 1);
    assert_false(acpi_next_nmi(&madt, &cursor, &nmi));
}

static void sixty_four_and_more_cpus(void **state)
{
    static uint8_t structures[300 * 16];
    struct acpi_madt madt;
    struct acpi_cpu cpu;
    uint32_t cursor = 0, count = 0;

    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        structures[i * 16] = 9;
        structures[i * 16 + 1] = 16;
        store32(structures + i * 16 + 4, i * 2);
        structures[i * 16 + 8] = 1;
    }
    build(2);
    build_madt(structures, sizeof(structures));
    assert_true(find(NULL, 0));
    assert_true(acpi_find_madt(&rsdp, &madt, error, sizeof(error)));
    while (acpi_next_cpu(&madt, &cursor, &cpu)) {
        assert_int_equal(cpu.apic_id, 2 * count++);
    }
    assert_int_equal(count, 300);
}

/* A structure of length 0 or 1, or beyond the end, ends the list instead of looping. */
static void broken_madt_structures(void **state)
{
    static const uint8_t lengths[] = { 0, 1, 9, 255 };
    struct acpi_madt madt;
    struct acpi_cpu cpu;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths); i++) {
        uint8_t structures[] = { 0, 8, 0, 5, 1, 0, 0, 0, 0, lengths[i], 0, 6, 1, 0, 0, 0 };
        uint32_t cursor = 0;

        build(2);
        build_madt(structures, sizeof(structures));
        assert_true(find(NULL, 0));
        assert_true(acpi_find_madt(&rsdp, &madt, error, sizeof(error)));
        assert_true(acpi_next_cpu(&madt, &cursor, &cpu));
        assert_int_equal(cpu.apic_id, 5);
        assert_false(acpi_next_cpu(&madt, &cursor, &cpu));
    }
}

static void missing_madt(void **state)
{
    struct acpi_madt madt;

    (void)state;
    build(2);
    assert_true(find(NULL, 0));
    store32(fake_memory + MADT + 4, 43);
    seal_table(MADT);
    assert_false(acpi_find_madt(&rsdp, &madt, error, sizeof(error)));
    assert_non_null(strstr(error, "43 bytes"));
    fake_memory[MADT] = 'B';
    assert_false(acpi_find_madt(&rsdp, &madt, error, sizeof(error)));
    assert_non_null(strstr(error, "no MADT"));
}

static void power_of_a_modern_fadt(void **state)
{
    struct acpi_power power;

    (void)state;
    build(2);
    assert_true(find(NULL, 0));
    assert_true(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    assert_int_equal(power.pm1a_control.space, ACPI_SPACE_IO);
    assert_int_equal(power.pm1a_control.address, 0xb004);
    assert_int_equal(power.pm1a_control.bit_width, 16);
    assert_int_equal(power.pm1a_control.access_size, 2);
    assert_int_equal(power.pm1b_control.address, 0);
    assert_int_equal(power.reset.address, 0xcf9);
    assert_int_equal(power.reset_value, 0x0f);
    assert_int_equal(power.dsdt, DSDT);
    assert_true(power.s3.present && power.s3.a == 1 && power.s3.b == 1);
    assert_true(power.s5.present && power.s5.a == 5 && power.s5.b == 7);
}

static void power_of_an_old_fadt(void **state)
{
    struct acpi_power power;

    (void)state;
    build(0);
    build_fadt(116);
    assert_true(find(NULL, 0));
    assert_true(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    assert_int_equal(power.pm1a_control.space, ACPI_SPACE_IO);
    assert_int_equal(power.pm1a_control.address, 0x604);
    assert_int_equal(power.pm1a_control.bit_width, 16);
    assert_int_equal(power.reset.address, 0);
    assert_true(power.s5.present);
    build_fadt(115);
    assert_false(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    fake_memory[FADT] = 'X';
    assert_false(acpi_read_power(&rsdp, &power, error, sizeof(error)));
}

/* Extended fields that are there but empty: the old ones count. */
static void power_of_an_fadt_with_empty_fields(void **state)
{
    struct acpi_power power;

    (void)state;
    build(2);
    store64(fake_memory + FADT + 140, 0);
    store64(fake_memory + FADT + 176, 0);
    store32(fake_memory + FADT + 68, 0x704);
    seal_table(FADT);
    assert_true(find(NULL, 0));
    assert_true(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    assert_int_equal(power.dsdt, DSDT);
    assert_int_equal(power.pm1a_control.address, 0x604);
    assert_int_equal(power.pm1b_control.address, 0x704);
    assert_int_equal(power.pm1b_control.bit_offset, 0);
    assert_true(power.s5.present);
}

static void hardware_reduced_has_no_pm1(void **state)
{
    struct acpi_power power;

    (void)state;
    build(2);
    store32(fake_memory + FADT + 112, ACPI_FADT_HW_REDUCED_ACPI);
    seal_table(FADT);
    assert_true(find(NULL, 0));
    assert_true(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    assert_int_equal(power.pm1a_control.address, 0);
    assert_int_equal(power.reset.address, 0);
}

static void sleep_types_from_an_ssdt(void **state)
{
    struct acpi_power power;

    (void)state;
    build(2);
    build_aml(DSDT, "DSDT", aml, 3);
    build_aml(SSDT, "SSDT", aml, sizeof(aml));
    assert_true(find(NULL, 0));
    assert_true(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    assert_true(power.s3.present && power.s5.present);
    fake_memory[SSDT + 50] ^= 1;
    assert_true(acpi_read_power(&rsdp, &power, error, sizeof(error)));
    assert_false(power.s3.present || power.s5.present);
}

/* Reads everything that the root pointer leads to, as the image does. */
static void read_all(void)
{
    struct acpi_madt madt;
    struct acpi_power power;
    struct acpi_cpu cpu;
    struct acpi_nmi nmi;
    uint32_t cursor = 0, count = 0;

    fake_seal();
    if (acpi_find_madt(&rsdp, &madt, error, sizeof(error))) {
        while (acpi_next_cpu(&madt, &cursor, &cpu)) {
            count++;
        }
        cursor = 0;
        while (acpi_next_nmi(&madt, &cursor, &nmi)) {
            count++;
        }
        assert_true(count <= madt.table.length / 6);
    }
    if (acpi_read_power(&rsdp, &power, error, sizeof(error))) {
        assert_true(power.s3.a <= 7 && power.s3.b <= 7 && power.s5.a <= 7 && power.s5.b <= 7);
    }
    fake_open();
}

static void fuzz(void **state)
{
    static const struct { uint64_t at; uint32_t length; } parts[] = {
        { XSDT, 84 }, { MADT, 44 + sizeof(cpus) }, { FADT, 244 }, { DSDT, 36 + sizeof(aml) },
        { SSDT, 42 },
    };
    static uint8_t original[0x400];

    (void)state;
    build(2);
    assert_true(find(NULL, 0));
    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        unsigned part = (unsigned)fake_random_below(sizeof(parts) / sizeof(parts[0]));

        memcpy(original, fake_memory + parts[part].at, parts[part].length);
        fake_mutate(fake_memory + parts[part].at, parts[part].length);
        seal_table(parts[part].at);
        read_all();
        memcpy(fake_memory + parts[part].at, original, parts[part].length);
    }
    read_all();
}

static int destroy(void **state)
{
    (void)state;
    fake_destroy();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsdp_in_the_bios),
        cmocka_unit_test(rsdp_in_the_ebda_comes_first),
        cmocka_unit_test(rsdp_must_be_aligned_and_whole),
        cmocka_unit_test(rsdp_from_a_copy),
        cmocka_unit_test(tables_by_signature),
        cmocka_unit_test(several_tables_of_one_signature),
        cmocka_unit_test(absurd_lengths),
        cmocka_unit_test(cpus_of_the_madt),
        cmocka_unit_test(nmi_sources_of_the_madt),
        cmocka_unit_test(sixty_four_and_more_cpus),
        cmocka_unit_test(broken_madt_structures),
        cmocka_unit_test(missing_madt),
        cmocka_unit_test(power_of_a_modern_fadt),
        cmocka_unit_test(power_of_an_old_fadt),
        cmocka_unit_test(power_of_an_fadt_with_empty_fields),
        cmocka_unit_test(hardware_reduced_has_no_pm1),
        cmocka_unit_test(sleep_types_from_an_ssdt),
        cmocka_unit_test(fuzz),
    };

    return cmocka_run_group_tests_name("acpi", tests, NULL, destroy);
}
