/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux loader against random layouts of memory and modules, against hostile setup headers,
 * and with real kernels when the build has fetched some. Whatever is accepted must be placed right;
 * whatever is refused must have a sentence; memory that is not the guest's is never touched.
 */
#include "fake_memory.h"

#include <glob.h>

#include "fake_linux.h"

#define LAYOUT_ROUNDS 10000
#define HEADER_ROUNDS 15000
#define PARSER_ROUNDS 200000
#define REAL_MEMORY (512 * MIB)

static const uint8_t *zero_page(void)
{
    return fake_memory + start.rsi;
}

/* The spans that a started kernel relies on. */
struct result {
    struct memory_span span[6];
    uint32_t count;
};

static void add_span(struct result *result, uint64_t at, uint64_t length)
{
    assert_true(memory_map_is(&guest_map, at, length, MEMORY_USABLE));
    for (uint32_t i = 0; i < result->count; i++) {
        assert_false(memory_spans_overlap((struct memory_span){ at, length }, result->span[i]));
    }
    result->span[result->count++] = (struct memory_span){ at, length };
}

/* Everything lies in usable memory, and nothing on top of something else. */
static void check_places(uint64_t room)
{
    struct result result = { .count = 0 };
    uint64_t kernel = load32(zero_page() + LINUX_CODE32_START);
    uint64_t command_line = load32(zero_page() + LINUX_CMD_LINE_PTR);
    uint32_t initrd_length = load32(zero_page() + LINUX_RAMDISK_SIZE);

    add_span(&result, kernel, room);
    add_span(&result, start.rsi, LINUX_ZERO_PAGE_SIZE);
    add_span(&result, command_line, strlen((char *)fake_memory + command_line) + 1);
    add_span(&result, start.gdt_base, 0x1000);
    if (start.mode == GUEST_LONG_64) {
        add_span(&result, start.cr3, LINUX_PAGE_TABLES_SIZE);
    }
    if (initrd_length != 0) {
        assert_int_equal(load32(zero_page() + LINUX_RAMDISK_IMAGE) % 0x1000, 0);
        add_span(&result, load32(zero_page() + LINUX_RAMDISK_IMAGE), initrd_length);
    }
    assert_int_equal(start.rip, kernel + (start.mode == GUEST_LONG_64 ? LINUX_ENTRY_64 : 0));
}

/* All bytes outside usable memory still are GUARD. */
static void check_guards(void)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < guest_map.count; i++) {
        const struct memory_range *range = &guest_map.range[i];

        if (range->type != MEMORY_USABLE) {
            continue;
        }
        assert_true(all_guard(at, range->start));
        at = range->start + range->length;
    }
    assert_true(all_guard(at, MEMORY_SIZE));
}

/* A place for a module: usable memory, aligned mostly, often near where the kernel belongs. */
static uint64_t random_place(uint64_t length, uint64_t other, uint64_t other_length)
{
    for (;;) {
        uint64_t at = fake_random_below(2) ? fake_random_below(HIDDEN - length)
                                           : PREFERRED - 0x8000 + fake_random_below(0x18000);

        at &= fake_random_below(4) ? ~0xfffull : ~0ull;
        if (memory_map_is(&guest_map, at, length, MEMORY_USABLE) &&
            !memory_spans_overlap((struct memory_span){ at, length },
                                  (struct memory_span){ other, other_length })) {
            return at;
        }
    }
}

/* Holes and reserved ranges at random; the GUARD bytes follow. */
static void random_map(void)
{
    for (uint64_t holes = fake_random_below(6); holes != 0; holes--) {
        assert_true(memory_map_reserve(&guest_map, fake_random_below(MEMORY_SIZE) & ~0xfffull,
                                       (1 + fake_random_below(64)) << 12, MEMORY_RESERVED));
    }
    if (fake_random_below(2)) {     /* little memory behind the kernel */
        uint64_t from = PREFERRED + INIT_SIZE + (fake_random_below(16) << 12);

        assert_true(memory_map_reserve(&guest_map, from, MEMORY_SIZE - from, MEMORY_RESERVED));
    }
    for (uint32_t i = 0; i < guest_map.count; i++) {
        const struct memory_range *range = &guest_map.range[i];

        if (range->type != MEMORY_USABLE && range->start < MEMORY_SIZE) {
            uint64_t end = range->start + range->length;

            memset(fake_memory + range->start, GUARD,
                   (end < MEMORY_SIZE ? end : MEMORY_SIZE) - range->start);
        }
    }
}

static void random_layouts(void **state)
{
    unsigned loaded = 0, moved = 0;

    (void)state;
    make_kernel();
    make_machine();
    for (unsigned round = 0; round < LAYOUT_ROUNDS; round++) {
        uint64_t kernel, initrd;

        memory_map_clear(&guest_map);
        assert_true(memory_map_add(&guest_map, 0, HIDDEN, MEMORY_USABLE));
        assert_true(memory_map_add(&guest_map, 0x9f000, 0x61000, MEMORY_RESERVED));
        assert_true(memory_map_add(&guest_map, HIDDEN, MEMORY_SIZE - HIDDEN, MEMORY_RESERVED));
        random_map();
        kernel = random_place(FILE_LENGTH, 0, 0);
        initrd = random_place(INITRD_LENGTH, kernel, FILE_LENGTH);
        put_module(0, kernel, kernel_file, FILE_LENGTH, "vmlinuz quiet");
        put_module(1, initrd, initrd_file, INITRD_LENGTH, "");
        if (!load()) {
            assert_int_equal(start.failure, GUEST_NO_MEMORY);
            assert_non_null(strstr(error, "not enough memory for Linux"));
        } else {
            loaded++;
            moved += load32(zero_page() + LINUX_RAMDISK_IMAGE) != initrd;
            check_places(INIT_SIZE);
            assert_memory_equal(fake_memory + load32(zero_page() + LINUX_CODE32_START),
                                kernel_file + CODE_OFFSET, CODE_LENGTH);
            assert_memory_equal(fake_memory + load32(zero_page() + LINUX_RAMDISK_IMAGE),
                                initrd_file, INITRD_LENGTH);
        }
        check_guards();
    }
    assert_in_range(loaded, LAYOUT_ROUNDS / 2, LAYOUT_ROUNDS - 1);
    assert_in_range(moved, LAYOUT_ROUNDS / 10, LAYOUT_ROUNDS - 1);
}

/* The parser alone, with a heap block of exactly the file's length. */
static void hostile_headers_parsed(void **state)
{
    unsigned accepted = 0;

    (void)state;
    make_kernel();
    for (unsigned round = 0; round < PARSER_ROUNDS; round++) {
        struct linux_image image;
        uint64_t length = fake_random_below(4) ? FILE_LENGTH : fake_random_below(FILE_LENGTH);
        uint8_t *file = malloc(length ? length : 1);
        bool ok;

        assert_non_null(file);
        memcpy(file, kernel_file, length);
        if (length > LINUX_SETUP_HEADER) {
            uint64_t end = length < 0x268 ? length : 0x268;

            fake_mutate(file + LINUX_SETUP_HEADER, end - LINUX_SETUP_HEADER);
        }
        error[0] = '\0';
        ok = linux_image_parse(file, length, &image, error, sizeof(error));
        if (ok) {
            accepted++;
            assert_true(image.code_offset + image.code_length <= length);
            assert_true(image.room >= image.code_length);
            assert_true(image.header_length <= sizeof(image.header));
            assert_non_null(memchr(image.version, 0, sizeof(image.version)));
        } else {
            assert_true(strlen(error) > 20);
        }
        linux_image_is(file, length);
        free(file);
    }
    assert_in_range(accepted, PARSER_ROUNDS / 10, PARSER_ROUNDS - 1);
}

static void hostile_headers_loaded(void **state)
{
    unsigned loaded = 0;

    (void)state;
    make_linux();
    for (unsigned round = 0; round < HEADER_ROUNDS; round++) {
        static uint8_t header[0x2a0];
        uint64_t length = fake_random_below(8) ? FILE_LENGTH : fake_random_below(FILE_LENGTH);
        /* Often at the end of the hypervisor's view of memory: nothing behind it is readable. */
        uint64_t at = fake_random_below(2) ? MIB + 0x1000 : MEMORY_SIZE - length;

        if (length < sizeof(header)) {
            continue;
        }
        memcpy(header, kernel_file, sizeof(header));
        fake_mutate(header + LINUX_SETUP_HEADER, 0x268 - LINUX_SETUP_HEADER);
        memcpy(fake_memory + at, header, sizeof(header));
        information.module[0].start = at;
        information.module[0].end = at + length;
        if (load()) {
            uint64_t code = load32(header + LINUX_SYSSIZE) * 16ull;
            uint64_t room = load32(header + LINUX_INIT_SIZE);

            loaded++;
            check_places(room > code ? room : code);
        } else {
            assert_true(strlen(error) > 20);
        }
        memset(fake_memory + at, GUARD, sizeof(header));
    }
    assert_in_range(loaded, HEADER_ROUNDS / 10, HEADER_ROUNDS - 1);
    assert_true(all_guard(0x9f000, MIB));
    assert_true(all_guard(HIDDEN, MEMORY_SIZE - FILE_LENGTH));
}

/* Reads a file to an address; returns its length. */
static uint64_t read_file(const char *path, uint64_t at)
{
    FILE *file = fopen(path, "rb");
    size_t length;

    assert_non_null(file);
    length = fread(fake_memory + at, 1, REAL_MEMORY / 4, file);
    assert_true(feof(file));
    fclose(file);
    return length;
}

static void real_kernel(const char *path)
{
    struct linux_image image;
    uint64_t length;

    fake_create(REAL_MEMORY);
    memset(&information, 0, sizeof(information));
    memory_map_clear(&guest_map);
    assert_true(memory_map_add(&guest_map, 0, 0x9f000, MEMORY_USABLE));
    assert_true(memory_map_add(&guest_map, MIB, REAL_MEMORY - MIB, MEMORY_USABLE));
    length = read_file(path, 3 * MIB);
    information.module_count = information.module_total = 2;
    information.module[0].start = 3 * MIB;
    information.module[0].end = 3 * MIB + length;
    strcpy(information.module[0].string, "vmlinuz console=ttyS0");
    information.module[1].start = 20 * MIB;     /* where the kernel belongs */
    information.module[1].end = 30 * MIB;
    memset(fake_memory + 20 * MIB, 0x5a, 10 * MIB);
    assert_true(linux_image_parse(fake_memory + 3 * MIB, length, &image, error, sizeof(error)));
    assert_true(load());
    assert_int_equal(load32(zero_page() + LINUX_CODE32_START), image.preferred);
    check_places(image.room);
    for (uint64_t i = 0; i < 10 * MIB; i++) {
        assert_int_equal(fake_memory[load32(zero_page() + LINUX_RAMDISK_IMAGE) + i], 0x5a);
    }
    assert_string_equal((char *)fake_memory + load32(zero_page() + LINUX_CMD_LINE_PTR),
                        "console=ttyS0");
    print_message("%s: %s, %u MiB at 0x%lx\n", path, start.kind, (unsigned)(image.room / MIB),
                  (unsigned long)image.preferred);
}

static void real_kernels(void **state)
{
    glob_t found;

    (void)state;
    if (glob("build/debian/*/vmlinuz*", 0, NULL, &found) != 0) {
        print_message("SKIP: no build/debian/*/vmlinuz* to load; `make run` fetches it\n");
        skip();
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        real_kernel(found.gl_pathv[i]);
    }
    globfree(&found);
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
        cmocka_unit_test(random_layouts),
        cmocka_unit_test(hostile_headers_parsed),
        cmocka_unit_test(hostile_headers_loaded),
        cmocka_unit_test(real_kernels),
    };

    return cmocka_run_group_tests_name("linux loader, random", tests, NULL, destroy);
}
