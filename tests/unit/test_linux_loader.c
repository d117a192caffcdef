/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux loader, example by example: what is written for the kernel, where things are placed,
 * and what is refused with which sentence.
 */
#include "fake_memory.h"

#include "fake_linux.h"
#include "guest/loading.h"

static uint8_t *zero_page(void)
{
    assert_true(start.rsi + LINUX_ZERO_PAGE_SIZE <= MEMORY_SIZE);
    return fake_memory + start.rsi;
}

static uint32_t zero_page32(uint32_t offset)
{
    return load32(zero_page() + offset);
}

static uint64_t kernel_address(void)
{
    return zero_page32(LINUX_CODE32_START);
}

static const char *command_line(void)
{
    return (const char *)fake_memory + zero_page32(LINUX_CMD_LINE_PTR);
}

/* Code and initrd are where the zero page says, unharmed. */
static void check_contents(void)
{
    assert_memory_equal(fake_memory + kernel_address(), kernel_file + CODE_OFFSET, CODE_LENGTH);
    if (information.module_count > 1) {
        assert_int_equal(zero_page32(LINUX_RAMDISK_SIZE), INITRD_LENGTH);
        assert_memory_equal(fake_memory + zero_page32(LINUX_RAMDISK_IMAGE), initrd_file,
                            INITRD_LENGTH);
    }
    assert_true(all_guard(0x9f000, MIB));
    assert_true(all_guard(HIDDEN, MEMORY_SIZE));
}

static void check_refused(enum guest_failure failure, const char *words)
{
    assert_false(load());
    assert_int_equal(start.failure, failure);
    if (!strstr(error, words)) {
        fail_msg("the sentence is: %s", error);
    }
}

static void starts_in_64_bit_mode(void **state)
{
    (void)state;
    make_linux();
    assert_true(load());
    assert_int_equal(start.mode, GUEST_LONG_64);
    assert_int_equal(start.rip, PREFERRED + 0x200);
    assert_int_equal(start.rax, 0);
    assert_int_equal(start.rbx, 0);
    assert_string_equal(start.kind, "Linux 6.1.0-test (64-bit)");
    assert_int_equal(kernel_address(), PREFERRED);
    check_contents();
}

static void starts_in_32_bit_mode(void **state)
{
    (void)state;
    make_linux();
    store16(fake_memory + MIB + 0x1000 + LINUX_XLOADFLAGS, 0);
    assert_true(load());
    assert_int_equal(start.mode, GUEST_PROTECTED_32);
    assert_int_equal(start.rip, PREFERRED);
    assert_int_equal(start.cr3, 0);
    assert_string_equal(start.kind, "Linux 6.1.0-test (32-bit)");
    assert_int_equal(load64(fake_memory + start.gdt_base + 0x10), 0x00cf9b000000ffff);
    check_contents();
}

/* Before protocol 2.12 the flag word has no meaning. */
static void old_protocol_has_no_64_bit_flag(void **state)
{
    (void)state;
    make_linux();
    store16(fake_memory + MIB + 0x1000 + LINUX_VERSION, 0x20b);
    assert_true(load());
    assert_int_equal(start.mode, GUEST_PROTECTED_32);
}

static void setup_header_is_copied_and_filled_in(void **state)
{
    (void)state;
    make_linux();
    assert_true(load());
    assert_int_equal(zero_page32(LINUX_HEADER_MAGIC), LINUX_HEADER_MAGIC_VALUE);
    assert_int_equal(load64(zero_page() + LINUX_PREF_ADDRESS), PREFERRED);
    assert_int_equal(zero_page()[LINUX_TYPE_OF_LOADER], 0xff);
    assert_int_equal(zero_page()[LINUX_LOADFLAGS], LINUX_LOADED_HIGH);
    assert_int_equal(load16(zero_page() + LINUX_VID_MODE), 0xffff);
    assert_int_equal(zero_page()[0x1ef], 0);        /* the sentinel: "the loader is clean" */
    assert_int_equal(zero_page32(0x26c), 0);        /* the header ends at 0x26c */
    assert_string_equal(command_line(), "console=ttyS0 quiet");
    assert_int_equal(zero_page32(LINUX_ALT_MEM_K), (HIDDEN - MIB) >> 10);
    assert_int_equal(zero_page32(0x0c0), 0);        /* nothing lies above 4 GiB */
    assert_int_equal(zero_page32(0x0c4), 0);
    assert_int_equal(zero_page32(0x0c8), 0);
}

/* A header length that would reach into the next field of the zero page is cut there. */
static void setup_header_does_not_spill(void **state)
{
    (void)state;
    make_linux();
    memset(fake_memory + MIB + 0x1000 + 0x280, 0xee, 0x80);
    fake_memory[MIB + 0x1000 + LINUX_HEADER_JUMP_LENGTH] = 0xff;
    assert_true(load());
    assert_int_equal(zero_page()[0x28f], 0xee);
    assert_int_equal(zero_page()[0x290], 0);
}

static void memory_map_is_handed_on(void **state)
{
    const uint8_t *table;

    (void)state;
    make_linux();
    assert_true(load());
    assert_int_equal(zero_page()[LINUX_E820_ENTRIES], guest_map.count);
    table = zero_page() + LINUX_E820_TABLE;
    for (uint32_t i = 0; i < guest_map.count; i++, table += LINUX_E820_ENTRY_BYTES) {
        assert_int_equal(load64(table), guest_map.range[i].start);
        assert_int_equal(load64(table + 8), guest_map.range[i].length);
        assert_int_equal(load32(table + 16), guest_map.range[i].type);
    }
    assert_int_equal(load64(table - 20), HIDDEN);
    assert_int_equal(load32(table - 4), MEMORY_RESERVED);
}

static void more_than_128_ranges(void **state)
{
    const uint8_t *more;

    (void)state;
    make_linux();
    for (uint64_t i = 0; i < 150; i++) {
        assert_true(memory_map_add(&guest_map, 0x100000000 + i * 0x2000, 0x1000, MEMORY_NVS));
    }
    assert_true(load());
    assert_int_equal(guest_map.count, 154);
    assert_int_equal(zero_page()[LINUX_E820_ENTRIES], 128);
    more = fake_memory + load64(zero_page() + LINUX_SETUP_DATA);
    assert_int_equal(load64(more), 0);
    assert_int_equal(load32(more + 8), LINUX_SETUP_E820_EXT);
    assert_int_equal(load32(more + 12), (154 - 128) * 20);
    assert_int_equal(load64(more + 16), guest_map.range[128].start);
    assert_int_equal(load64(more + 16 + 25 * 20), guest_map.range[153].start);
}

static void page_tables_map_4_gib_to_itself(void **state)
{
    (void)state;
    make_linux();
    assert_true(load());
    for (uint64_t address = 0; address < 1ull << 32; address += 2 * MIB) {
        uint64_t entry = load64(fake_memory + start.cr3);

        assert_int_equal(entry & 0x83, 3);
        entry = load64(fake_memory + (entry & ~0xfffull) + (address >> 30) * 8);
        assert_int_equal(entry & 0x83, 3);
        entry = load64(fake_memory + (entry & ~0xfffull) + (address >> 21 & 511) * 8);
        assert_int_equal(entry, address | 0x83);
    }
    assert_int_equal(load64(fake_memory + start.cr3 + 8), 0);
}

static void descriptors_and_stack(void **state)
{
    (void)state;
    make_linux();
    assert_true(load());
    assert_int_equal(start.gdt_limit, 31);
    assert_int_equal(load64(fake_memory + start.gdt_base), 0);
    assert_int_equal(load64(fake_memory + start.gdt_base + 8), 0);
    assert_int_equal(load64(fake_memory + start.gdt_base + 0x10), 0x00af9b000000ffff);
    assert_int_equal(load64(fake_memory + start.gdt_base + 0x18), 0x00cf93000000ffff);
    assert_int_equal(start.rsp, start.gdt_base + 0x1000);
}

/* All small structures lie in low memory, not in the lowest 64 KiB and not at its top. */
static void small_structures_lie_low(void **state)
{
    (void)state;
    make_linux();
    assert_true(load());
    assert_in_range(start.rsi, 0x10000, 0x80000);
    assert_in_range(start.cr3, 0x10000, 0x80000);
    assert_in_range(start.gdt_base, 0x10000, 0x80000);
    assert_in_range(zero_page32(LINUX_CMD_LINE_PTR), 0x10000, 0x80000);
}

static void low_memory_may_be_missing(void **state)
{
    (void)state;
    make_linux();
    assert_true(memory_map_reserve(&guest_map, 0, 0x9f000, MEMORY_RESERVED));
    memset(fake_memory, GUARD, 0x9f000);
    assert_true(load());
    assert_true(start.rsi >= MIB && start.cr3 >= MIB);
    assert_true(start.rsi < PREFERRED || start.rsi >= PREFERRED + INIT_SIZE);
    assert_true(start.cr3 < PREFERRED || start.cr3 >= PREFERRED + INIT_SIZE);
    assert_true(all_guard(0, 0x9f000));
    check_contents();
}

static void preferred_address_is_not_free(void **state)
{
    (void)state;
    make_linux();
    assert_true(memory_map_reserve(&guest_map, PREFERRED + 0x8000, 0x1000, MEMORY_RESERVED));
    assert_true(load());
    assert_int_equal(kernel_address(), PREFERRED + ALIGNMENT);
    assert_int_equal(start.rip, PREFERRED + ALIGNMENT + 0x200);
    check_contents();
}

static void kernel_that_cannot_move(void **state)
{
    (void)state;
    make_linux();
    fake_memory[MIB + 0x1000 + LINUX_RELOCATABLE_KERNEL] = 0;
    assert_true(load());
    assert_int_equal(kernel_address(), PREFERRED);
    make_linux();
    fake_memory[MIB + 0x1000 + LINUX_RELOCATABLE_KERNEL] = 0;
    assert_true(memory_map_reserve(&guest_map, PREFERRED, 0x1000, MEMORY_RESERVED));
    check_refused(GUEST_NO_MEMORY, "cannot be relocated");
}

/* The kernel's file and the initrd lie where the kernel belongs. */
static void modules_lie_in_the_way(void **state)
{
    (void)state;
    make_kernel();
    for (int64_t shift = -0x5000; shift <= 0x5000; shift += 0x800) {
        make_machine();
        put_module(0, (uint64_t)((int64_t)PREFERRED + shift), kernel_file, FILE_LENGTH, "");
        put_module(1, PREFERRED + 0x20000 + (uint64_t)(shift & 0xfff), initrd_file, INITRD_LENGTH,
                   "");
        assert_true(load());
        assert_int_equal(kernel_address(), PREFERRED);
        check_contents();
        make_machine();
        put_module(1, (uint64_t)((int64_t)PREFERRED + shift), initrd_file, INITRD_LENGTH, "");
        put_module(0, PREFERRED + 0x20000, kernel_file, FILE_LENGTH, "");
        assert_true(load());
        check_contents();
    }
}

static void initrd_stays_when_it_can(void **state)
{
    (void)state;
    make_linux();
    assert_true(load());
    assert_int_equal(zero_page32(LINUX_RAMDISK_IMAGE), MIB + 0x10000);
    make_linux();
    put_module(1, MIB + 0x10800, initrd_file, INITRD_LENGTH, "");
    assert_true(load());
    assert_int_equal(zero_page32(LINUX_RAMDISK_IMAGE) % 0x1000, 0);
    assert_int_not_equal(zero_page32(LINUX_RAMDISK_IMAGE), MIB + 0x10000);
    check_contents();
}

static void initrd_obeys_its_limit(void **state)
{
    (void)state;
    make_linux();
    put_module(1, 6 * MIB, initrd_file, INITRD_LENGTH, "");
    store32(fake_memory + MIB + 0x1000 + LINUX_INITRD_ADDR_MAX, 0x1fffff);
    assert_true(load());
    assert_true(zero_page32(LINUX_RAMDISK_IMAGE) + INITRD_LENGTH <= 0x200000);
    check_contents();
    make_linux();
    put_module(1, 6 * MIB, initrd_file, INITRD_LENGTH, "");
    store32(fake_memory + MIB + 0x1000 + LINUX_INITRD_ADDR_MAX, 0x100fff);
    check_refused(GUEST_NO_MEMORY, "initrd");
}

/* Little memory: the initrd can only go where the kernel's file is, after the kernel moved. */
static void kernel_moves_first_when_it_must(void **state)
{
    (void)state;
    make_linux();
    put_module(0, MIB, kernel_file, FILE_LENGTH, "");
    put_module(1, PREFERRED + 0x100000, initrd_file, INITRD_LENGTH, "");
    assert_true(memory_map_reserve(&guest_map, MIB + 0x6000, MIB - 0x6000, MEMORY_RESERVED));
    assert_true(memory_map_reserve(&guest_map, PREFERRED + INIT_SIZE,
                                   HIDDEN - PREFERRED - INIT_SIZE, MEMORY_RESERVED));
    assert_true(load());
    assert_int_equal(zero_page32(LINUX_RAMDISK_IMAGE), MIB);
    check_contents();
}

static void one_module_is_enough(void **state)
{
    (void)state;
    make_linux();
    information.module_count = information.module_total = 1;
    assert_true(load());
    assert_int_equal(zero_page32(LINUX_RAMDISK_IMAGE), 0);
    assert_int_equal(zero_page32(LINUX_RAMDISK_SIZE), 0);
    make_linux();
    information.module[1].end = information.module[1].start;
    assert_true(load());
    assert_int_equal(zero_page32(LINUX_RAMDISK_IMAGE), 0);
}

/* 20 bytes of an ACPI 1.0 root pointer. */
static void make_rsdp(uint8_t *rsdp)
{
    uint8_t sum = 0;

    memcpy(rsdp, "RSD PTR \0OEMOEM\0", 16);
    store32(rsdp + 16, 0x1234);
    for (uint32_t i = 0; i < 20; i++) {
        sum = (uint8_t)(sum + rsdp[i]);
    }
    rsdp[8] = (uint8_t)-sum;
}

static void root_pointer_in_the_bios(void **state)
{
    (void)state;
    make_linux();
    make_rsdp(fake_memory + 0xf0000);
    assert_true(load());
    assert_int_equal(load64(zero_page() + LINUX_ACPI_RSDP_ADDR), 0xf0000);
    make_linux();
    assert_true(load());
    assert_int_equal(load64(zero_page() + LINUX_ACPI_RSDP_ADDR), 0);
}

static void root_pointer_from_the_loader_gets_a_page(void **state)
{
    uint64_t at;

    (void)state;
    make_linux();
    make_rsdp(information.rsdp);
    information.rsdp_length = 20;
    assert_true(load());
    at = load64(zero_page() + LINUX_ACPI_RSDP_ADDR);
    assert_int_not_equal(at, 0);
    assert_memory_equal(fake_memory + at, information.rsdp, 20);
    assert_true(memory_map_is(&guest_map, at, 0x1000, MEMORY_ACPI));
    assert_int_equal(zero_page()[LINUX_E820_ENTRIES], guest_map.count);
}

static void vga_text_screen(void **state)
{
    (void)state;
    make_linux();
    fake_memory[0x449] = 3;
    fake_memory[0x44a] = 80;
    fake_memory[0x450] = 5;
    fake_memory[0x451] = 7;
    fake_memory[0x484] = 24;
    fake_memory[0x485] = 16;
    assert_true(load());
    assert_memory_equal(zero_page(), "\5\7", 2);
    assert_int_equal(zero_page()[LINUX_ORIG_VIDEO_MODE], 3);
    assert_int_equal(zero_page()[LINUX_ORIG_VIDEO_COLS], 80);
    assert_int_equal(zero_page()[LINUX_ORIG_VIDEO_LINES], 25);
    assert_int_equal(zero_page()[LINUX_ORIG_VIDEO_ISVGA], 1);
    assert_int_equal(zero_page()[LINUX_ORIG_VIDEO_POINTS], 16);
    information.efi = true;
    put_module(0, MIB + 0x1000, kernel_file, FILE_LENGTH, "");
    assert_true(load());
    assert_int_equal(zero_page()[LINUX_ORIG_VIDEO_ISVGA], 0);
}

static void file_names_are_dropped_from_arguments(void **state)
{
    static const struct { const char *string, *arguments; } cases[] = {
        { "", "" },
        { "/boot/vmlinuz quiet", "quiet" },
        { "build/debian/vmlinuz  console=ttyS0 x", "console=ttyS0 x" },
        { "vmlinuz", "" },
        { "vmlinuz-6.1.0-18-amd64 ro", "ro" },
        { " bzImage ro", "ro" },
        { "guest.elf a b", "a b" },
        { "root=/dev/sda1 ro", "root=/dev/sda1 ro" },
        { "quiet vmlinuz", "quiet vmlinuz" },
        { "init=/bin/sh", "init=/bin/sh" },
        { "i8042.nopnp ro", "i8042.nopnp ro" },
        { "  console=ttyS0", "console=ttyS0" },
        { "   ", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(guest_arguments(cases[i].string), cases[i].arguments);
    }
}

static void refused_command_lines(void **state)
{
    (void)state;
    make_linux();
    store32(fake_memory + MIB + 0x1000 + LINUX_CMDLINE_SIZE, 18);
    check_refused(GUEST_BAD_IMAGE, "the command line is too long: 19 characters;");
    store32(fake_memory + MIB + 0x1000 + LINUX_CMDLINE_SIZE, 19);
    assert_true(load());
    make_linux();
    information.module[0].string_truncated = true;
    check_refused(GUEST_BAD_IMAGE, "19 characters and more");
}

static void refused_modules(void **state)
{
    (void)state;
    make_linux();
    put_module(2, MIB + 0x20000, initrd_file, 16, "");
    check_refused(GUEST_BAD_IMAGE, "one initrd, but 2 modules follow");
    information.module_count = 16;
    information.module_total = 17;
    check_refused(GUEST_BAD_IMAGE, "17 modules");
    information.module_count = information.module_total = 0;
    check_refused(GUEST_BAD_IMAGE, "there is no module");
    make_linux();
    information.module[0].start = MEMORY_SIZE;
    information.module[0].end = MEMORY_SIZE + 100;
    check_refused(GUEST_BAD_IMAGE, "not in memory");
}

static void refused_kernels(void **state)
{
    uint8_t *file;

    (void)state;
    make_linux();
    file = fake_memory + MIB + 0x1000;
    store16(file + LINUX_VERSION, 0x209);
    check_refused(GUEST_BAD_IMAGE, "boot protocol 2.09; 2.10");
    store16(file + LINUX_VERSION, 0x20f);
    file[LINUX_LOADFLAGS] = 0;
    check_refused(GUEST_BAD_IMAGE, "zImage");
    file[LINUX_LOADFLAGS] = LINUX_LOADED_HIGH;
    store32(file + LINUX_KERNEL_ALIGNMENT, 0x3000);
    check_refused(GUEST_BAD_IMAGE, "alignment is 0x3000");
    store32(file + LINUX_KERNEL_ALIGNMENT, 0);
    check_refused(GUEST_BAD_IMAGE, "alignment");
    store32(file + LINUX_KERNEL_ALIGNMENT, ALIGNMENT);
    file[LINUX_HEADER_JUMP_LENGTH] = 0x10;
    check_refused(GUEST_BAD_IMAGE, "setup header ends at byte 0x212");
}

/* Each length at which a bzImage can be cut off. */
static void truncated_kernels(void **state)
{
    (void)state;
    make_linux();
    for (uint64_t length = 0; length < FILE_LENGTH; length += length < 0x2a0 ? 1 : 0x777) {
        information.module[0].end = information.module[0].start + length;
        check_refused(GUEST_BAD_IMAGE, length < 0x206 ? "unknown kind" : "truncated");
    }
    information.module[0].end = information.module[0].start + FILE_LENGTH - 1;
    check_refused(GUEST_BAD_IMAGE, "the module has 19503");
}

static void unknown_kinds(void **state)
{
    (void)state;
    make_machine();
    put_module(0, MIB, (const uint8_t *)"\x1f\x8b\x08 gzip", 8, "");
    check_refused(GUEST_BAD_IMAGE, "(8 bytes, the first ones: 1f 8b 08 20 67 7a 69 70)");
    put_module(0, MIB, (const uint8_t *)"", 0, "");
    check_refused(GUEST_BAD_IMAGE, "unknown kind (0 bytes");
}

static void too_little_memory(void **state)
{
    (void)state;
    make_linux();
    store32(fake_memory + MIB + 0x1000 + LINUX_INIT_SIZE, 6 * MIB);
    check_refused(GUEST_NO_MEMORY, "it needs 6 MiB from 0x200000 on and the initrd 1 MiB; for the "
                                   "kernel the largest free range is 5120 KiB");
    make_linux();
    store32(fake_memory + MIB + 0x1000 + LINUX_INIT_SIZE, 5 * MIB);
    assert_true(load());
    check_contents();
    assert_int_equal(zero_page32(LINUX_RAMDISK_IMAGE), MIB + 0x10000);
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
        cmocka_unit_test(starts_in_64_bit_mode),
        cmocka_unit_test(starts_in_32_bit_mode),
        cmocka_unit_test(old_protocol_has_no_64_bit_flag),
        cmocka_unit_test(setup_header_is_copied_and_filled_in),
        cmocka_unit_test(setup_header_does_not_spill),
        cmocka_unit_test(memory_map_is_handed_on),
        cmocka_unit_test(more_than_128_ranges),
        cmocka_unit_test(page_tables_map_4_gib_to_itself),
        cmocka_unit_test(descriptors_and_stack),
        cmocka_unit_test(small_structures_lie_low),
        cmocka_unit_test(low_memory_may_be_missing),
        cmocka_unit_test(preferred_address_is_not_free),
        cmocka_unit_test(kernel_that_cannot_move),
        cmocka_unit_test(modules_lie_in_the_way),
        cmocka_unit_test(initrd_stays_when_it_can),
        cmocka_unit_test(initrd_obeys_its_limit),
        cmocka_unit_test(kernel_moves_first_when_it_must),
        cmocka_unit_test(one_module_is_enough),
        cmocka_unit_test(root_pointer_in_the_bios),
        cmocka_unit_test(root_pointer_from_the_loader_gets_a_page),
        cmocka_unit_test(vga_text_screen),
        cmocka_unit_test(file_names_are_dropped_from_arguments),
        cmocka_unit_test(refused_command_lines),
        cmocka_unit_test(refused_modules),
        cmocka_unit_test(refused_kernels),
        cmocka_unit_test(truncated_kernels),
        cmocka_unit_test(unknown_kinds),
        cmocka_unit_test(too_little_memory),
    };

    return cmocka_run_group_tests_name("linux loader", tests, NULL, destroy);
}
