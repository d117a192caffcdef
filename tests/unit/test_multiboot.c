/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parsers of Multiboot 1 and Multiboot 2 boot information over fake physical memory: complete
 * information, what loaders leave out, bounds, and a deterministic fuzz of both formats.
 */
#include "fake_memory.h"

#include "boot/multiboot1.h"
#include "boot/multiboot2.h"

#define MEMORY_SIZE 0x100000u
#define INFO 0x1000u
#define COMMAND_LINE 0x2000u
#define LOADER_NAME 0x3000u
#define MODULES 0x4000u
#define MODULE_STRING 0x5000u
#define MMAP 0x8000u
#define FUZZ_ROUNDS 100000

static struct boot_information information;
static char error[256];

static bool parse1(void)
{
    bool ok;

    error[0] = '\0';
    fake_seal();
    ok = multiboot1_parse(INFO, &information, error, sizeof(error));
    fake_open();
    return ok;
}

static bool parse2(void)
{
    bool ok;

    error[0] = '\0';
    fake_seal();
    ok = multiboot2_parse(INFO, &information, error, sizeof(error));
    fake_open();
    return ok;
}

static void info1(uint32_t offset, uint32_t value)
{
    store32(fake_memory + INFO + offset, value);
}

static void mmap1(uint32_t index, uint64_t start, uint64_t length, uint32_t type)
{
    uint8_t *entry = fake_memory + MMAP + index * MULTIBOOT1_MMAP_BYTES;

    store32(entry, MULTIBOOT1_MMAP_BYTES - 4);
    store64(entry + MULTIBOOT1_MMAP_BASE, start);
    store64(entry + MULTIBOOT1_MMAP_LENGTH, length);
    store32(entry + MULTIBOOT1_MMAP_TYPE, type);
}

static void module1(uint32_t index, uint32_t start, uint32_t end, uint32_t string)
{
    uint8_t *entry = fake_memory + MODULES + index * MULTIBOOT1_MODULE_SIZE;

    store32(entry + MULTIBOOT1_MODULE_START, start);
    store32(entry + MULTIBOOT1_MODULE_END, end);
    store32(entry + MULTIBOOT1_MODULE_STRING, string);
}

/* Information as QEMU gives it, with two modules. */
static void build1(void)
{
    fake_create(MEMORY_SIZE);
    info1(MULTIBOOT1_INFO_FLAGS, 0x24f);
    info1(MULTIBOOT1_INFO_MEM_LOWER, 639);
    info1(MULTIBOOT1_INFO_MEM_UPPER, 130048);
    info1(MULTIBOOT1_INFO_CMDLINE, COMMAND_LINE);
    info1(MULTIBOOT1_INFO_MODS_COUNT, 2);
    info1(MULTIBOOT1_INFO_MODS_ADDR, MODULES);
    info1(MULTIBOOT1_INFO_MMAP_LENGTH, 3 * MULTIBOOT1_MMAP_BYTES);
    info1(MULTIBOOT1_INFO_MMAP_ADDR, MMAP);
    info1(MULTIBOOT1_INFO_LOADER_NAME, LOADER_NAME);
    fake_string(COMMAND_LINE, "sextant.elf console=com1");
    fake_string(LOADER_NAME, "qemu");
    fake_string(MODULE_STRING, "vmlinuz quiet");
    fake_string(MODULE_STRING + 64, "initrd.gz");
    module1(0, 0x20000, 0x28123, MODULE_STRING);
    module1(1, 0x29000, 0x2a000, MODULE_STRING + 64);
    mmap1(0, 0, 0x9fc00, MEMORY_USABLE);
    mmap1(1, 0x9fc00, 0x400, MEMORY_RESERVED);
    mmap1(2, 0x100000, 0x7f00000, MEMORY_USABLE);
}

static void multiboot1_complete(void **state)
{
    struct memory_span span[4];

    (void)state;
    build1();
    assert_true(parse1());
    assert_false(information.multiboot2);
    assert_string_equal(information.command_line, "sextant.elf console=com1");
    assert_false(information.command_line_truncated);
    assert_string_equal(information.loader_name, "qemu");
    assert_int_equal(information.module_count, 2);
    assert_int_equal(information.module_total, 2);
    assert_int_equal(information.module[0].start, 0x20000);
    assert_int_equal(information.module[0].end, 0x28123);
    assert_string_equal(information.module[0].string, "vmlinuz quiet");
    assert_string_equal(information.module[1].string, "initrd.gz");
    assert_int_equal(information.memory.count, 3);
    assert_int_equal(memory_map_total(&information.memory, MEMORY_USABLE), 0x9fc00 + 0x7f00000);
    assert_false(information.memory_is_estimate);
    assert_int_equal(information.rsdp_length, 0);
    assert_int_equal(boot_information_module_spans(&information, span, 4), 2);
    assert_int_equal(span[0].start, 0x20000);
    assert_int_equal(span[0].length, 0x9000);
    assert_int_equal(span[1].length, 0x1000);
    assert_int_equal(boot_information_module_spans(&information, span, 1), 1);
}

static void multiboot1_without_a_map(void **state)
{
    (void)state;
    build1();
    info1(MULTIBOOT1_INFO_FLAGS, MULTIBOOT1_INFO_HAS_MEMORY);
    info1(MULTIBOOT1_INFO_MEM_LOWER, 1000);
    assert_true(parse1());
    assert_true(information.memory_is_estimate);
    assert_int_equal(information.memory.count, 2);
    assert_int_equal(information.memory.range[0].start, 0);
    assert_int_equal(information.memory.range[0].length, 640 << 10);
    assert_int_equal(information.memory.range[1].start, 0x100000);
    assert_int_equal(information.memory.range[1].length, 130048 << 10);
    assert_int_equal(information.module_count, 0);
    assert_string_equal(information.command_line, "");
}

static void multiboot1_without_memory(void **state)
{
    (void)state;
    build1();
    info1(MULTIBOOT1_INFO_FLAGS, 0);
    assert_false(parse1());
    assert_non_null(strstr(error, "no usable memory"));
}

static void multiboot1_strings_are_cut(void **state)
{
    (void)state;
    build1();
    memset(fake_memory + 0x10000, 'x', 0x4000);
    info1(MULTIBOOT1_INFO_CMDLINE, 0x10000);
    info1(MULTIBOOT1_INFO_LOADER_NAME, 0x10000);
    module1(0, 0x20000, 0x28000, 0x10001);
    assert_true(parse1());
    assert_true(information.command_line_truncated);
    assert_int_equal(strlen(information.command_line), BOOT_COMMAND_LINE_SIZE - 1);
    assert_true(information.module[0].string_truncated);
    assert_false(information.module[1].string_truncated);
    assert_int_equal(strlen(information.module[0].string), BOOT_MODULE_STRING_SIZE - 1);
    assert_int_equal(strlen(information.loader_name), BOOT_LOADER_NAME_SIZE - 1);
}

/* A string of exactly the room there is; and one byte more. */
static void multiboot1_string_limits(void **state)
{
    (void)state;
    build1();
    memset(fake_memory + 0x10000, 'x', BOOT_COMMAND_LINE_SIZE);
    fake_memory[0x10000 + BOOT_COMMAND_LINE_SIZE - 1] = 0;
    info1(MULTIBOOT1_INFO_CMDLINE, 0x10000);
    assert_true(parse1());
    assert_false(information.command_line_truncated);
    fake_memory[0x10000 + BOOT_COMMAND_LINE_SIZE - 1] = 'x';
    assert_true(parse1());
    assert_true(information.command_line_truncated);
}

/* The last bytes of memory can hold a string, but not the beginning of one. */
static void multiboot1_string_at_the_end_of_memory(void **state)
{
    (void)state;
    build1();
    fake_string(MEMORY_SIZE - 8, "seven..");
    info1(MULTIBOOT1_INFO_CMDLINE, MEMORY_SIZE - 8);
    assert_true(parse1());
    assert_string_equal(information.command_line, "seven..");
    fake_memory[MEMORY_SIZE - 1] = '.';
    assert_false(parse1());
}

static void multiboot1_module_without_string(void **state)
{
    (void)state;
    build1();
    module1(1, 0x29000, 0x29000, 0);
    assert_true(parse1());
    assert_string_equal(information.module[1].string, "");
}

static void multiboot1_many_modules(void **state)
{
    (void)state;
    build1();
    for (uint32_t i = 0; i < 20; i++) {
        module1(i, 0x20000, 0x21000, MODULE_STRING);
    }
    info1(MULTIBOOT1_INFO_MODS_COUNT, 20);
    assert_true(parse1());
    assert_int_equal(information.module_count, BOOT_MODULES);
    assert_int_equal(information.module_total, 20);
}

static void multiboot1_refuses_garbage(void **state)
{
    static const struct { uint32_t offset, value; const char *words; } garbage[] = {
        { MULTIBOOT1_INFO_CMDLINE, 0xfffffff0, "command line" },
        { MULTIBOOT1_INFO_LOADER_NAME, MEMORY_SIZE, "loader's name" },
        { MULTIBOOT1_INFO_MODS_ADDR, MEMORY_SIZE - 31, "list of 2 modules" },
        { MULTIBOOT1_INFO_MMAP_ADDR, 0xffffffff, "memory map" },
        { MULTIBOOT1_INFO_MMAP_LENGTH, 0xffffffff, "memory map" },
        { MULTIBOOT1_INFO_MMAP_LENGTH, 71, "23 bytes before" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        build1();
        info1(garbage[i].offset, garbage[i].value);
        assert_false(parse1());
        assert_non_null(strstr(error, garbage[i].words));
    }
    build1();
    module1(0, 0x28000, 0x27fff, MODULE_STRING);
    assert_false(parse1());
    assert_non_null(strstr(error, "module 0 is said to start at 0x28000 but to end at 0x27fff"));
    build1();
    module1(1, 0x28000, MEMORY_SIZE + 1, MODULE_STRING);
    assert_false(parse1());
    assert_non_null(strstr(error, "module 1"));
    build1();
    store32(fake_memory + MMAP + MULTIBOOT1_MMAP_BYTES, 0);
    assert_false(parse1());
    assert_non_null(strstr(error, "an entry of 0 bytes"));
    build1();
    store32(fake_memory + MMAP + MULTIBOOT1_MMAP_BYTES, 2 * MULTIBOOT1_MMAP_BYTES - 4);
    assert_true(parse1());
    assert_int_equal(information.memory.count, 2);
    store32(fake_memory + MMAP + MULTIBOOT1_MMAP_BYTES, 2 * MULTIBOOT1_MMAP_BYTES - 3);
    assert_false(parse1());
    assert_false(multiboot1_parse(MEMORY_SIZE - 8, &information, error, sizeof(error)));
}

static void multiboot1_map_is_too_long(void **state)
{
    (void)state;
    build1();
    for (uint32_t i = 0; i <= MEMORY_MAP_CAPACITY; i++) {
        mmap1(i, i * 0x2000ull, 0x1000, MEMORY_USABLE);
    }
    info1(MULTIBOOT1_INFO_MMAP_LENGTH, (MEMORY_MAP_CAPACITY + 1) * MULTIBOOT1_MMAP_BYTES);
    assert_false(parse1());
    assert_non_null(strstr(error, "more than 256 ranges"));
}

/* Multiboot 2: tags are appended one by one. */
static uint32_t tags_end;

static uint8_t *tag2(uint32_t type, uint32_t size)
{
    uint8_t *tag = fake_memory + INFO + tags_end;

    store32(tag + MULTIBOOT2_TAG_TYPE, type);
    store32(tag + MULTIBOOT2_TAG_SIZE, size);
    tags_end = (tags_end + size + 7) & ~7u;
    store32(fake_memory + INFO, tags_end);
    return tag;
}

static void string2(uint32_t type, uint32_t offset, const char *string)
{
    uint8_t *tag = tag2(type, offset + (uint32_t)strlen(string) + 1);

    strcpy((char *)tag + offset, string);
}

static void module2(uint32_t start, uint32_t end, const char *string)
{
    uint8_t *tag = fake_memory + INFO + tags_end;

    string2(MULTIBOOT2_TAG_MODULE, MULTIBOOT2_MODULE_STRING, string);
    store32(tag + MULTIBOOT2_MODULE_START, start);
    store32(tag + MULTIBOOT2_MODULE_END, end);
}

static void begin2(void)
{
    fake_create(MEMORY_SIZE);
    tags_end = MULTIBOOT2_INFO_TAGS;
}

static void mmap2(uint32_t entry_size)
{
    uint8_t *tag = tag2(MULTIBOOT2_TAG_MMAP, MULTIBOOT2_MMAP_ENTRIES + 2 * entry_size);

    store32(tag + MULTIBOOT2_MMAP_ENTRY_SIZE, entry_size);
    tag += MULTIBOOT2_MMAP_ENTRIES;
    store64(tag + MULTIBOOT2_MMAP_LENGTH, 0x9fc00);
    store32(tag + MULTIBOOT2_MMAP_TYPE, MEMORY_USABLE);
    store64(tag + entry_size + MULTIBOOT2_MMAP_BASE, 0x100000);
    store64(tag + entry_size + MULTIBOOT2_MMAP_LENGTH, 0x7f00000);
    store32(tag + entry_size + MULTIBOOT2_MMAP_TYPE, MEMORY_USABLE);
}

static void build2(void)
{
    begin2();
    string2(MULTIBOOT2_TAG_COMMAND_LINE, MULTIBOOT2_TAG_CONTENT, "report=yes");
    string2(MULTIBOOT2_TAG_LOADER_NAME, MULTIBOOT2_TAG_CONTENT, "GRUB 2.06");
    tag2(MULTIBOOT2_TAG_BASIC_MEMORY, 16);
    module2(0x20000, 0x28123, "root=/dev/sda1");
    module2(0x29000, 0x2a000, "");
    mmap2(MULTIBOOT2_MMAP_BYTES);
    memcpy(tag2(MULTIBOOT2_TAG_ACPI_OLD_RSDP, 28) + 8, "RSD PTR old", 12);
    memcpy(tag2(MULTIBOOT2_TAG_ACPI_NEW_RSDP, 44) + 8, "RSD PTR new", 12);
    tag2(MULTIBOOT2_TAG_END, 8);
}

static void multiboot2_complete(void **state)
{
    (void)state;
    build2();
    assert_true(parse2());
    assert_true(information.multiboot2);
    assert_false(information.efi);
    assert_string_equal(information.command_line, "report=yes");
    assert_string_equal(information.loader_name, "GRUB 2.06");
    assert_int_equal(information.module_count, 2);
    assert_int_equal(information.module_total, 2);
    assert_int_equal(information.module[0].end, 0x28123);
    assert_string_equal(information.module[0].string, "root=/dev/sda1");
    assert_string_equal(information.module[1].string, "");
    assert_int_equal(information.memory.count, 2);
    assert_false(information.memory_is_estimate);
    assert_int_equal(information.rsdp_length, 36);
    assert_string_equal((char *)information.rsdp, "RSD PTR new");
}

static void multiboot2_new_rsdp_wins_in_any_order(void **state)
{
    (void)state;
    begin2();
    mmap2(32);
    memcpy(tag2(MULTIBOOT2_TAG_ACPI_NEW_RSDP, 44) + 8, "RSD PTR new", 12);
    memcpy(tag2(MULTIBOOT2_TAG_ACPI_OLD_RSDP, 28) + 8, "RSD PTR old", 12);
    tag2(MULTIBOOT2_TAG_EFI64_SYSTEM_TABLE, 16);
    tag2(MULTIBOOT2_TAG_ACPI_OLD_RSDP, 8);
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_true(parse2());
    assert_string_equal((char *)information.rsdp, "RSD PTR new");
    assert_true(information.efi);
    assert_int_equal(information.memory.count, 2);
}

static void multiboot2_without_a_map(void **state)
{
    uint8_t *tag;

    (void)state;
    begin2();
    tag = tag2(MULTIBOOT2_TAG_BASIC_MEMORY, 16);
    store32(tag + MULTIBOOT2_BASIC_LOWER, 639);
    store32(tag + MULTIBOOT2_BASIC_UPPER, 1024);
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_true(parse2());
    assert_true(information.memory_is_estimate);
    assert_int_equal(memory_map_total(&information.memory, MEMORY_USABLE), (639 + 1024) << 10);
}

static void multiboot2_strings_end_with_their_tag(void **state)
{
    uint8_t *tag;

    (void)state;
    begin2();
    mmap2(24);
    tag = tag2(MULTIBOOT2_TAG_COMMAND_LINE, 11);
    memcpy(tag + 8, "abcdefgh", 8);
    tag = tag2(MULTIBOOT2_TAG_MODULE, 16 + 0x1000);
    memset(tag + 8, 0, 8);
    memset(tag + 16, 'y', 0x1000);
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_true(parse2());
    assert_string_equal(information.command_line, "abc");
    assert_false(information.command_line_truncated);
    assert_true(information.module[0].string_truncated);
    assert_int_equal(strlen(information.module[0].string), BOOT_MODULE_STRING_SIZE - 1);
}

static void multiboot2_many_modules(void **state)
{
    (void)state;
    begin2();
    mmap2(24);
    for (int i = 0; i < 18; i++) {
        module2(0x20000, 0x21000, "m");
    }
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_true(parse2());
    assert_int_equal(information.module_count, BOOT_MODULES);
    assert_int_equal(information.module_total, 18);
}

static void multiboot2_map_is_too_long(void **state)
{
    uint8_t *entry;

    (void)state;
    begin2();
    entry = tag2(MULTIBOOT2_TAG_MMAP, MULTIBOOT2_MMAP_ENTRIES + (MEMORY_MAP_CAPACITY + 1) * 24);
    store32(entry + MULTIBOOT2_MMAP_ENTRY_SIZE, 24);
    entry += MULTIBOOT2_MMAP_ENTRIES;
    for (uint64_t i = 0; i <= MEMORY_MAP_CAPACITY; i++, entry += 24) {
        store64(entry + MULTIBOOT2_MMAP_BASE, i * 0x2000);
        store64(entry + MULTIBOOT2_MMAP_LENGTH, 0x1000);
        store32(entry + MULTIBOOT2_MMAP_TYPE, MEMORY_USABLE);
    }
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_false(parse2());
    assert_non_null(strstr(error, "more than 256 ranges"));
}

static void multiboot2_refuses_garbage(void **state)
{
    (void)state;
    begin2();
    mmap2(24);
    assert_false(parse2());
    assert_non_null(strstr(error, "no end tag"));
    build2();
    store32(fake_memory + INFO + MULTIBOOT2_INFO_TAGS + MULTIBOOT2_TAG_SIZE, 7);
    assert_false(parse2());
    assert_non_null(strstr(error, "has 7 bytes"));
    build2();
    store32(fake_memory + INFO + MULTIBOOT2_INFO_TAGS + MULTIBOOT2_TAG_SIZE, 0xfffffff9);
    assert_false(parse2());
    build2();
    store32(fake_memory + INFO, 0xffffffff);
    assert_false(parse2());
    assert_non_null(strstr(error, "cannot be read"));
    build2();
    store32(fake_memory + INFO, 4);
    assert_false(parse2());
    begin2();
    mmap2(8);
    assert_false(parse2());
    assert_non_null(strstr(error, "entries have 8 bytes"));
    begin2();
    tag2(MULTIBOOT2_TAG_MODULE, 15);
    assert_false(parse2());
    assert_non_null(strstr(error, "type 3 has 15 bytes, not 16"));
    begin2();
    tag2(MULTIBOOT2_TAG_BASIC_MEMORY, 15);
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_false(parse2());
    assert_non_null(strstr(error, "type 4 has 15 bytes, not 16"));
    begin2();
    tag2(MULTIBOOT2_TAG_MMAP, 15);
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_false(parse2());
    assert_non_null(strstr(error, "type 6 has 15 bytes, not 16"));
    begin2();
    tag2(MULTIBOOT2_TAG_END, 8);
    assert_false(parse2());
    assert_non_null(strstr(error, "no usable memory"));
    assert_false(multiboot2_parse(MEMORY_SIZE - 4, &information, error, sizeof(error)));
}

/* What must hold of whatever was parsed without an error, and that an error has its sentence. */
static void check_parsed(bool ok)
{
    if (!ok) {
        assert_true(strlen(error) > 10);
        return;
    }
    assert_true(information.module_count <= BOOT_MODULES);
    assert_true(information.module_total >= information.module_count);
    assert_true(information.memory.count <= MEMORY_MAP_CAPACITY);
    assert_true(memchr(information.command_line, 0, BOOT_COMMAND_LINE_SIZE) != NULL);
    for (uint32_t i = 0; i < information.module_count; i++) {
        assert_true(information.module[i].end >= information.module[i].start);
        assert_true(information.module[i].end <= MEMORY_SIZE);
        assert_true(memchr(information.module[i].string, 0, BOOT_MODULE_STRING_SIZE) != NULL);
    }
}

/* Mutates one of the structures, parses, and puts it back. */
static void fuzz(bool (*parse)(void), const struct memory_span *part, size_t parts)
{
    static uint8_t original[0x1000];
    unsigned accepted = 0;

    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        const struct memory_span *span = &part[fake_random_below(parts)];
        bool ok;

        memcpy(original, fake_memory + span->start, span->length);
        fake_mutate(fake_memory + span->start, span->length);
        ok = parse();
        accepted += ok;
        check_parsed(ok);
        memcpy(fake_memory + span->start, original, span->length);
    }
    assert_in_range(accepted, 1, FUZZ_ROUNDS - 1);
}

static void multiboot1_fuzz(void **state)
{
    static const struct memory_span parts[] = {
        { INFO, 72 }, { MODULES, 32 }, { MMAP, 3 * MULTIBOOT1_MMAP_BYTES },
    };

    (void)state;
    build1();
    fuzz(parse1, parts, 3);
}

static void multiboot2_fuzz(void **state)
{
    struct memory_span part;

    (void)state;
    build2();
    part = (struct memory_span){ INFO, tags_end };
    fuzz(parse2, &part, 1);
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
        cmocka_unit_test(multiboot1_complete),
        cmocka_unit_test(multiboot1_without_a_map),
        cmocka_unit_test(multiboot1_without_memory),
        cmocka_unit_test(multiboot1_strings_are_cut),
        cmocka_unit_test(multiboot1_string_limits),
        cmocka_unit_test(multiboot1_string_at_the_end_of_memory),
        cmocka_unit_test(multiboot1_module_without_string),
        cmocka_unit_test(multiboot1_many_modules),
        cmocka_unit_test(multiboot1_refuses_garbage),
        cmocka_unit_test(multiboot1_map_is_too_long),
        cmocka_unit_test(multiboot2_complete),
        cmocka_unit_test(multiboot2_new_rsdp_wins_in_any_order),
        cmocka_unit_test(multiboot2_without_a_map),
        cmocka_unit_test(multiboot2_strings_end_with_their_tag),
        cmocka_unit_test(multiboot2_many_modules),
        cmocka_unit_test(multiboot2_map_is_too_long),
        cmocka_unit_test(multiboot2_refuses_garbage),
        cmocka_unit_test(multiboot1_fuzz),
        cmocka_unit_test(multiboot2_fuzz),
    };

    return cmocka_run_group_tests_name("multiboot information", tests, NULL, destroy);
}
