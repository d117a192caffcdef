/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader of Multiboot 1 kernels: ELF files of both classes and kernels with addresses in the
 * header, modules in the way, the boot information that the guest gets, refusals, random layouts
 * and hostile files.
 */
#include "fake_memory.h"

#include "boot/multiboot1.h"
#include "guest/elf.h"
#include "guest/loader.h"
#include "guest/multiboot_kernel.h"

#define MIB 0x100000ull
#define MEMORY_SIZE (4 * MIB)
#define HIDDEN (3 * MIB)
#define GUARD 0xa5
#define FILE_LENGTH 0x5000u
#define TEXT 0x1000u            /* offset and size of the first segment in the file */
#define TEXT_SIZE 0x2345u
#define TEXT_ADDRESS 0x100000u
#define DATA 0x4000u
#define DATA_SIZE 0x801u
#define DATA_ADDRESS 0x108000u
#define DATA_MEMORY 0x6000u     /* with its zeros */
#define ENTRY (TEXT_ADDRESS + 0x40)
#define MODULE_LENGTH 0x3210u
#define HEADER 0x1000u          /* offset of the Multiboot header */
#define LAYOUT_ROUNDS 10000
#define FILE_ROUNDS 15000
#define PARSER_ROUNDS 200000

static struct boot_information information;
static struct memory_map guest_map;
static struct guest_start start;
static char error[512];
static uint8_t file[FILE_LENGTH];
static uint8_t module_file[MODULE_LENGTH];

static void make_header(uint32_t flags)
{
    store32(file + HEADER, MULTIBOOT1_HEADER_MAGIC);
    store32(file + HEADER + MULTIBOOT1_HEADER_FLAGS, flags);
    store32(file + HEADER + MULTIBOOT1_HEADER_CHECKSUM, -(MULTIBOOT1_HEADER_MAGIC + flags));
}

static void make_content(void)
{
    for (uint32_t i = 0; i < FILE_LENGTH; i++) {
        file[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
    }
    for (uint32_t i = 0; i < MODULE_LENGTH; i++) {
        module_file[i] = (uint8_t)(i * 3 + (i >> 8) * 11 + 2);
    }
    memset(file, 0, 0x100);
    make_header(MULTIBOOT1_WANTS_PAGE_ALIGN | MULTIBOOT1_WANTS_MEMORY_INFO);
}

static void program_header32(uint32_t index, uint32_t type, uint32_t offset, uint32_t address,
                             uint32_t file_size, uint32_t memory_size)
{
    uint8_t *header = file + 0x40 + index * ELF32_PH_SIZE;

    store32(header + ELF_PH_TYPE, type);
    store32(header + ELF32_PH_OFFSET, offset);
    store32(header + ELF32_PH_VADDR, address);
    store32(header + ELF32_PH_PADDR, address);
    store32(header + ELF32_PH_FILESZ, file_size);
    store32(header + ELF32_PH_MEMSZ, memory_size);
}

static void make_elf32(void)
{
    make_content();
    store32(file, ELF_MAGIC);
    file[ELF_CLASS] = ELF_CLASS_32;
    file[ELF_DATA] = ELF_DATA_LITTLE_ENDIAN;
    store16(file + ELF_MACHINE, ELF_MACHINE_386);
    store32(file + ELF32_ENTRY, ENTRY);
    store32(file + ELF32_PHOFF, 0x40);
    store16(file + ELF32_PHENTSIZE, ELF32_PH_SIZE);
    store16(file + ELF32_PHNUM, 3);
    program_header32(0, ELF_PT_LOAD, TEXT, TEXT_ADDRESS, TEXT_SIZE, TEXT_SIZE);
    program_header32(1, 4, 0xffffffff, 0, 0xffffffff, 0);   /* PT_NOTE: not for us */
    program_header32(2, ELF_PT_LOAD, DATA, DATA_ADDRESS, DATA_SIZE, DATA_MEMORY);
}

/* Linked high, loaded low: the entry point is virtual. */
static void make_elf64(void)
{
    static const uint64_t rows[2][4] = {
        { TEXT, TEXT_ADDRESS, TEXT_SIZE, TEXT_SIZE },
        { DATA, DATA_ADDRESS, DATA_SIZE, DATA_MEMORY },
    };
    const uint64_t high = 0xffffffff80000000u;

    make_content();
    store32(file, ELF_MAGIC);
    file[ELF_CLASS] = ELF_CLASS_64;
    file[ELF_DATA] = ELF_DATA_LITTLE_ENDIAN;
    store16(file + ELF_MACHINE, ELF_MACHINE_X86_64);
    store64(file + ELF64_ENTRY, high + ENTRY);
    store64(file + ELF64_PHOFF, 0x40);
    store16(file + ELF64_PHENTSIZE, ELF64_PH_SIZE);
    store16(file + ELF64_PHNUM, 2);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *header = file + 0x40 + i * ELF64_PH_SIZE;

        store32(header + ELF_PH_TYPE, ELF_PT_LOAD);
        store64(header + ELF64_PH_OFFSET, rows[i][0]);
        store64(header + ELF64_PH_VADDR, high + rows[i][1]);
        store64(header + ELF64_PH_PADDR, rows[i][1]);
        store64(header + ELF64_PH_FILESZ, rows[i][2]);
        store64(header + ELF64_PH_MEMSZ, rows[i][3]);
    }
}

/* A flat file: the segment begins 0x100 before the header, zeros follow. */
static void make_flat(void)
{
    make_content();
    make_header(MULTIBOOT1_HAS_ADDRESSES);
    store32(file + HEADER + MULTIBOOT1_HEADER_HEADER_ADDR, TEXT_ADDRESS + 0x100);
    store32(file + HEADER + MULTIBOOT1_HEADER_LOAD_ADDR, TEXT_ADDRESS);
    store32(file + HEADER + MULTIBOOT1_HEADER_LOAD_END_ADDR, TEXT_ADDRESS + 0x2000);
    store32(file + HEADER + MULTIBOOT1_HEADER_BSS_END_ADDR, TEXT_ADDRESS + 0x3000);
    store32(file + HEADER + MULTIBOOT1_HEADER_ENTRY_ADDR, ENTRY);
}

static void make_machine(void)
{
    if (!fake_memory) {
        fake_create(MEMORY_SIZE);
    }
    memset(fake_memory, 0x77, MEMORY_SIZE);
    memset(&information, 0, sizeof(information));
    memset(fake_memory + 0x9f000, GUARD, 0x61000);
    memset(fake_memory + HIDDEN, GUARD, MEMORY_SIZE - HIDDEN);
    memory_map_clear(&guest_map);
    assert_true(memory_map_add(&guest_map, 0, 0x9f000, MEMORY_USABLE));
    assert_true(memory_map_add(&guest_map, 0x9f000, 0x61000, MEMORY_RESERVED));
    assert_true(memory_map_add(&guest_map, MIB, HIDDEN - MIB, MEMORY_USABLE));
    assert_true(memory_map_add(&guest_map, HIDDEN, MEMORY_SIZE - HIDDEN, MEMORY_RESERVED));
}

static void put_module(uint32_t index, uint64_t at, const uint8_t *bytes, uint64_t length,
                       const char *string)
{
    struct boot_module *module = &information.module[index];

    assert_true(at + length <= fake_size);
    memcpy(fake_memory + at, bytes, length);
    module->start = at;
    module->end = at + length;
    strcpy(module->string, string);
    information.module_count = information.module_total = index + 1;
}

static void make_guest(void (*make_file)(void))
{
    make_file();
    make_machine();
    put_module(0, 2 * MIB, file, FILE_LENGTH, "guests/smp.elf one two");
}

static bool load(void)
{
    bool ok;

    error[0] = '\0';
    fake_seal();
    ok = guest_load(&information, &guest_map, &start, error, sizeof(error));
    fake_open();
    assert_int_equal(start.failure == GUEST_LOADED, ok);
    return ok;
}

static void check_refused(enum guest_failure failure, const char *words)
{
    assert_false(load());
    assert_int_equal(start.failure, failure);
    if (!strstr(error, words)) {
        fail_msg("the sentence is: %s", error);
    }
}

/* Equal to itself moved by one byte: all bytes are equal. */
static bool filled(uint64_t at, uint64_t length, uint8_t value)
{
    return length == 0 || (fake_memory[at] == value &&
                           memcmp(fake_memory + at, fake_memory + at + 1, length - 1) == 0);
}

static void check_segments(void)
{
    assert_memory_equal(fake_memory + TEXT_ADDRESS, file + TEXT, TEXT_SIZE);
    assert_memory_equal(fake_memory + DATA_ADDRESS, file + DATA, DATA_SIZE);
    assert_true(filled(DATA_ADDRESS + DATA_SIZE, DATA_MEMORY - DATA_SIZE, 0));
    assert_true(filled(0x9f000, 0x61000, GUARD));
    assert_true(filled(HIDDEN, MEMORY_SIZE - HIDDEN, GUARD));
}

static const uint8_t *info(void)
{
    return fake_memory + start.rbx;
}

static const char *info_string(uint32_t address)
{
    assert_true(address < MEMORY_SIZE);
    return (const char *)fake_memory + address;
}

static void check_start(void)
{
    assert_int_equal(start.mode, GUEST_PROTECTED_32);
    assert_int_equal(start.rip, ENTRY);
    assert_int_equal(start.rax, MULTIBOOT1_BOOTLOADER_MAGIC);
    assert_int_equal(start.cr3, 0);
    assert_int_equal(start.rsp, start.gdt_base + 0x1000);
    assert_int_equal(load64(fake_memory + start.gdt_base + 0x10), 0x00cf9b000000ffff);
    assert_int_equal(load64(fake_memory + start.gdt_base + 0x18), 0x00cf93000000ffff);
    assert_string_equal(start.kind, "Multiboot 1 kernel");
}

static void elf_of_32_bits(void **state)
{
    (void)state;
    make_guest(make_elf32);
    assert_true(load());
    check_start();
    check_segments();
}

static void elf_of_64_bits(void **state)
{
    (void)state;
    make_guest(make_elf64);
    assert_true(load());
    check_start();
    check_segments();
}

static void flat_file(void **state)
{
    (void)state;
    make_guest(make_flat);
    assert_true(load());
    check_start();
    assert_memory_equal(fake_memory + TEXT_ADDRESS, file + HEADER - 0x100, 0x2000);
    assert_true(filled(TEXT_ADDRESS + 0x2000, 0x1000, 0));
    assert_true(filled(TEXT_ADDRESS + 0x3000, 0x1000, 0x77));
    store32(fake_memory + 2 * MIB + HEADER + MULTIBOOT1_HEADER_LOAD_END_ADDR, 0);
    store32(fake_memory + 2 * MIB + HEADER + MULTIBOOT1_HEADER_BSS_END_ADDR, 0);
    assert_true(load());
    assert_memory_equal(fake_memory + TEXT_ADDRESS + 0x1000, file + HEADER - 0x100 + 0x1000,
                        FILE_LENGTH - HEADER + 0x100 - 0x1000);
}

/* The zeros' end may lie before the end of the file's bytes: then there are no zeros. */
static void flat_file_with_few_zeros(void **state)
{
    static struct multiboot_image image;

    (void)state;
    make_flat();
    store32(file + HEADER + MULTIBOOT1_HEADER_LOAD_END_ADDR, 0);
    store32(file + HEADER + MULTIBOOT1_HEADER_BSS_END_ADDR, TEXT_ADDRESS + 0x1000);
    assert_true(multiboot_image_parse(file, FILE_LENGTH, &image, error, sizeof(error)));
    assert_int_equal(image.count, 1);
    assert_int_equal(image.segment[0].offset, HEADER - 0x100);
    assert_int_equal(image.segment[0].file_size, FILE_LENGTH - HEADER + 0x100);
    assert_int_equal(image.segment[0].memory_size, image.segment[0].file_size);
    assert_false(multiboot_image_parse(file, HEADER + MULTIBOOT1_HEADER_ADDRESSES_SIZE - 1, &image,
                                       error, sizeof(error)));
    assert_non_null(strstr(error, "ends within its Multiboot header"));
}

static void boot_information_of_the_guest(void **state)
{
    const uint8_t *entry;

    (void)state;
    make_guest(make_elf32);
    put_module(1, 2 * MIB + 0x10000, module_file, MODULE_LENGTH, "first module");
    put_module(2, 2 * MIB + 0x20000, module_file, 0, "");
    assert_true(load());
    assert_int_equal(load32(info()), 0x24d);
    assert_int_equal(load32(info() + MULTIBOOT1_INFO_MEM_LOWER), 0x9f000 >> 10);
    assert_int_equal(load32(info() + MULTIBOOT1_INFO_MEM_UPPER), 2048);
    assert_string_equal(info_string(load32(info() + MULTIBOOT1_INFO_CMDLINE)),
                        "guests/smp.elf one two");
    assert_string_equal(info_string(load32(info() + MULTIBOOT1_INFO_LOADER_NAME)), "Sextant");
    assert_int_equal(load32(info() + MULTIBOOT1_INFO_MODS_COUNT), 2);
    entry = fake_memory + load32(info() + MULTIBOOT1_INFO_MODS_ADDR);
    assert_int_equal(load32(entry), 2 * MIB + 0x10000);
    assert_int_equal(load32(entry + 4), 2 * MIB + 0x10000 + MODULE_LENGTH);
    assert_string_equal(info_string(load32(entry + 8)), "first module");
    assert_string_equal(info_string(load32(entry + 24)), "");
    assert_int_equal(load32(entry + 20) - load32(entry + 16), 0);
    entry = fake_memory + load32(info() + MULTIBOOT1_INFO_MMAP_ADDR);
    assert_int_equal(load32(info() + MULTIBOOT1_INFO_MMAP_LENGTH), 4 * 24);
    for (uint32_t i = 0; i < 4; i++, entry += 24) {
        assert_int_equal(load32(entry), 20);
        assert_int_equal(load64(entry + 4), guest_map.range[i].start);
        assert_int_equal(load64(entry + 12), guest_map.range[i].length);
        assert_int_equal(load32(entry + 20), guest_map.range[i].type);
    }
}

/* What our own parser reads from it is what we were told ourselves. */
static void boot_information_parses(void **state)
{
    static struct boot_information parsed;

    (void)state;
    make_guest(make_elf32);
    put_module(1, 2 * MIB + 0x10000, module_file, MODULE_LENGTH, "first module");
    assert_true(load());
    assert_true(multiboot1_parse((uint32_t)start.rbx, &parsed, error, sizeof(error)));
    assert_string_equal(parsed.command_line, "guests/smp.elf one two");
    assert_string_equal(parsed.loader_name, "Sextant");
    assert_int_equal(parsed.module_count, 1);
    assert_string_equal(parsed.module[0].string, "first module");
    assert_int_equal(parsed.memory.count, guest_map.count);
    for (uint32_t i = 0; i < guest_map.count; i++) {
        assert_int_equal(parsed.memory.range[i].start, guest_map.range[i].start);
        assert_int_equal(parsed.memory.range[i].length, guest_map.range[i].length);
        assert_int_equal(parsed.memory.range[i].type, guest_map.range[i].type);
    }
}

/* The kernel's own file and the modules lie where the segments belong. */
static void modules_lie_in_the_way(void **state)
{
    (void)state;
    make_elf32();
    for (int64_t shift = 0; shift <= 0x10000; shift += 0x700) {
        const uint8_t *entry;

        make_machine();
        put_module(0, TEXT_ADDRESS + (uint64_t)shift, file, FILE_LENGTH, "");
        put_module(1, TEXT_ADDRESS + (uint64_t)((shift + 0x8000) % 0x12000) + 0x6000, module_file,
                   MODULE_LENGTH, "m");
        if (memory_spans_overlap((struct memory_span){ information.module[0].start, FILE_LENGTH },
                                 (struct memory_span){ information.module[1].start,
                                                       MODULE_LENGTH })) {
            continue;
        }
        assert_true(load());
        check_segments();
        entry = fake_memory + load32(info() + MULTIBOOT1_INFO_MODS_ADDR);
        assert_int_equal(load32(entry) % 0x1000, 0);
        assert_memory_equal(fake_memory + load32(entry), module_file, MODULE_LENGTH);
    }
}

static void refused_files(void **state)
{
    uint8_t *image = NULL;

    (void)state;
    make_guest(make_elf32);
    image = fake_memory + 2 * MIB;
    store32(image + ELF32_ENTRY, 0x300000);
    check_refused(GUEST_BAD_IMAGE, "entry point 0x300000 lies in none of its 2 segments");
    make_guest(make_elf32);
    store16(image + ELF_MACHINE, 40);
    check_refused(GUEST_BAD_IMAGE, "neither load addresses");
    make_guest(make_elf32);
    store32(image + 0x40 + ELF32_PH_OFFSET, FILE_LENGTH - TEXT_SIZE + 1);
    check_refused(GUEST_BAD_IMAGE, "truncated: a segment is 9029 bytes at byte 11452");
    make_guest(make_elf32);
    store32(image + 0x40 + ELF32_PH_MEMSZ, TEXT_SIZE - 1);
    check_refused(GUEST_BAD_IMAGE, "segment of 0x2344 bytes");
    make_guest(make_elf32);
    store16(image + ELF32_PHNUM, 0xffff);
    check_refused(GUEST_BAD_IMAGE, "truncated: 65535 program headers");
    make_guest(make_elf32);
    store32(image + ELF32_PHOFF, 0xfffffff0);
    check_refused(GUEST_BAD_IMAGE, "truncated");
    make_guest(make_elf32);
    make_header(0x8);
    put_module(0, 2 * MIB, file, FILE_LENGTH, "");
    check_refused(GUEST_BAD_IMAGE, "header flags 0x8");
    make_guest(make_elf64);
    store64(image + 0x40 + ELF64_PH_PADDR, 0x100000000);
    check_refused(GUEST_BAD_IMAGE, "must end below 4 GiB");
    make_guest(make_flat);
    store32(image + HEADER + MULTIBOOT1_HEADER_LOAD_ADDR, TEXT_ADDRESS + 0x101);
    check_refused(GUEST_BAD_IMAGE, "contradicts itself");
    make_guest(make_elf32);
    image[HEADER + 4] ^= 1;     /* the checksum is wrong: no header */
    check_refused(GUEST_BAD_IMAGE, "unknown kind (20480 bytes, the first ones: 7f 45 4c 46");
    make_guest(make_elf32);
    information.module[0].end = information.module[0].start + HEADER + 11;
    check_refused(GUEST_BAD_IMAGE, "unknown kind");
    information.module[0].end++;
    check_refused(GUEST_BAD_IMAGE, "truncated");
    make_guest(make_elf32);
    information.module[0].string_truncated = true;
    check_refused(GUEST_BAD_IMAGE, "the string of module 0 is longer");
}

static void refused_places(void **state)
{
    (void)state;
    make_guest(make_elf32);
    assert_true(memory_map_reserve(&guest_map, DATA_ADDRESS + 0x1000, 0x1000, MEMORY_RESERVED));
    check_refused(GUEST_NO_MEMORY, "belongs at 0x108000-0x10e000");
    make_guest(make_elf32);
    put_module(1, TEXT_ADDRESS, module_file, MODULE_LENGTH, "");
    assert_true(memory_map_reserve(&guest_map, DATA_ADDRESS + DATA_MEMORY,
                                   HIDDEN - DATA_ADDRESS - DATA_MEMORY, MEMORY_RESERVED));
    assert_true(memory_map_reserve(&guest_map, 0x104000, 0x3000, MEMORY_RESERVED));
    check_refused(GUEST_NO_MEMORY, "module 1 (12 KiB) must move");
}

/* A module somewhere in usable memory, often on top of the segments. */
static uint64_t random_place(uint64_t length, uint64_t other, uint64_t other_length)
{
    for (;;) {
        uint64_t at = fake_random_below(2) ? fake_random_below(HIDDEN - length)
                                           : TEXT_ADDRESS + fake_random_below(0x10000);

        at &= fake_random_below(2) ? ~0xfffull : ~0ull;
        if (memory_map_is(&guest_map, at, length, MEMORY_USABLE) &&
            !memory_spans_overlap((struct memory_span){ at, length },
                                  (struct memory_span){ other, other_length })) {
            return at;
        }
    }
}

static void random_layouts(void **state)
{
    unsigned loaded = 0;

    (void)state;
    make_elf32();
    make_machine();
    for (unsigned round = 0; round < LAYOUT_ROUNDS; round++) {
        uint64_t kernel = random_place(FILE_LENGTH, 0, 0);
        uint64_t module = random_place(MODULE_LENGTH, kernel, FILE_LENGTH);

        put_module(0, kernel, file, FILE_LENGTH, "kernel");
        put_module(1, module, module_file, MODULE_LENGTH, "module");
        if (load()) {
            uint32_t list = load32(info() + MULTIBOOT1_INFO_MODS_ADDR);

            loaded++;
            assert_memory_equal(fake_memory + load32(fake_memory + list), module_file,
                                MODULE_LENGTH);
            assert_int_equal(load32(fake_memory + list) % 0x1000, 0);
            check_segments();
        }
    }
    assert_int_equal(loaded, LAYOUT_ROUNDS);
}

static void hostile_files_parsed(void **state)
{
    static void (*const make[])(void) = { make_elf32, make_elf64, make_flat };
    unsigned accepted = 0;

    (void)state;
    for (unsigned round = 0; round < PARSER_ROUNDS; round++) {
        struct multiboot_image image;
        uint64_t length = fake_random_below(4) ? FILE_LENGTH : fake_random_below(FILE_LENGTH);
        uint8_t *copy = malloc(length ? length : 1);

        if (round % (PARSER_ROUNDS / 3) == 0) {
            make[(round / (PARSER_ROUNDS / 3)) % 3]();
        }
        assert_non_null(copy);
        memcpy(copy, file, length);
        if (length > HEADER + 0x40) {
            fake_mutate(copy + (round % 2 ? HEADER + 12 : 0), round % 2 ? 0x20 : 0x100);
        }
        error[0] = '\0';
        if (multiboot_image_parse(copy, length, &image, error, sizeof(error))) {
            accepted++;
            assert_in_range(image.count, 1, MULTIBOOT_SEGMENTS);
            for (uint32_t i = 0; i < image.count; i++) {
                const struct multiboot_segment *segment = &image.segment[i];

                assert_true(segment->offset <= length);
                assert_true(segment->file_size <= length - segment->offset);
                assert_true(segment->file_size <= segment->memory_size);
                assert_true(segment->address + segment->memory_size <= 1ull << 32);
            }
        } else {
            assert_true(strlen(error) > 20);
        }
        free(copy);
    }
    assert_in_range(accepted, PARSER_ROUNDS / 10, PARSER_ROUNDS - 1);
}

static void hostile_files_loaded(void **state)
{
    static void (*const make[])(void) = { make_elf32, make_elf64, make_flat };
    unsigned loaded = 0;

    (void)state;
    for (unsigned round = 0; round < FILE_ROUNDS; round++) {
        uint64_t at;

        if (round % (FILE_ROUNDS / 3) == 0) {
            make_guest(make[(round / (FILE_ROUNDS / 3)) % 3]);
        }
        at = fake_random_below(2) ? 2 * MIB : MEMORY_SIZE - FILE_LENGTH;
        put_module(0, at, file, FILE_LENGTH, "kernel");
        fake_mutate(fake_memory + at + (round % 2 ? HEADER + 12 : 0), round % 2 ? 0x20 : 0x100);
        if (load()) {
            loaded++;
            assert_true(start.rip < HIDDEN);
        } else {
            assert_true(strlen(error) > 20);
        }
        memset(fake_memory + MEMORY_SIZE - FILE_LENGTH, GUARD, FILE_LENGTH);
        assert_true(filled(0x9f000, 0x61000, GUARD));
        assert_true(filled(HIDDEN, MEMORY_SIZE - HIDDEN, GUARD));
    }
    assert_in_range(loaded, FILE_ROUNDS / 10, FILE_ROUNDS - 1);
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
        cmocka_unit_test(elf_of_32_bits),
        cmocka_unit_test(elf_of_64_bits),
        cmocka_unit_test(flat_file),
        cmocka_unit_test(flat_file_with_few_zeros),
        cmocka_unit_test(boot_information_of_the_guest),
        cmocka_unit_test(boot_information_parses),
        cmocka_unit_test(modules_lie_in_the_way),
        cmocka_unit_test(refused_files),
        cmocka_unit_test(refused_places),
        cmocka_unit_test(random_layouts),
        cmocka_unit_test(hostile_files_parsed),
        cmocka_unit_test(hostile_files_loaded),
    };

    return cmocka_run_group_tests_name("multiboot loader", tests, NULL, destroy);
}
