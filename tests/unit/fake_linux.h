/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small made-up bzImage, an initrd and a machine for the tests of the Linux loader. Included by
 * exactly one source file of each test program, after fake_memory.h.
 */
#ifndef SEXTANT_TESTS_FAKE_LINUX_H
#define SEXTANT_TESTS_FAKE_LINUX_H

#include "guest/linux.h"
#include "guest/loader.h"

#define MIB 0x100000ull
#define MEMORY_SIZE (8 * MIB)
#define HIDDEN (7 * MIB)            /* the hypervisor's own memory, to the end */
#define PREFERRED (2 * MIB)
#define INIT_SIZE 0x180000u
#define ALIGNMENT 0x10000u
#define SETUP_SECTORS 4u
#define CODE_OFFSET ((SETUP_SECTORS + 1) * 512)
#define CODE_LENGTH 0x4230u
#define FILE_LENGTH (CODE_OFFSET + CODE_LENGTH)
#define INITRD_LENGTH 0x5123u
#define GUARD 0xa5                  /* what fills memory that the loader must not touch */

static struct boot_information information;
static struct memory_map guest_map;
static struct guest_start start;
static char error[512];
static uint8_t kernel_file[FILE_LENGTH];
static uint8_t initrd_file[INITRD_LENGTH];

static inline void make_kernel(void)
{
    static const char version[] = "6.1.0-test (builder@host) #1 SMP";
    uint8_t *file = kernel_file;

    for (uint32_t i = 0; i < FILE_LENGTH; i++) {
        file[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
    }
    for (uint32_t i = 0; i < INITRD_LENGTH; i++) {
        initrd_file[i] = (uint8_t)(i * 11 + (i >> 8) * 5 + 3);
    }
    memset(file + LINUX_SETUP_HEADER, 0, 0x290 - LINUX_SETUP_HEADER);
    file[LINUX_SETUP_SECTS] = SETUP_SECTORS;
    store32(file + LINUX_SYSSIZE, CODE_LENGTH / 16);
    store16(file + LINUX_BOOT_FLAG, LINUX_BOOT_FLAG_VALUE);
    file[LINUX_HEADER_JUMP_LENGTH] = 0x6a;
    store32(file + LINUX_HEADER_MAGIC, LINUX_HEADER_MAGIC_VALUE);
    store16(file + LINUX_VERSION, 0x20f);
    store16(file + LINUX_KERNEL_VERSION, 0x100);
    memcpy(file + 0x300, version, sizeof(version));
    file[LINUX_LOADFLAGS] = LINUX_LOADED_HIGH | LINUX_CAN_USE_HEAP | LINUX_KEEP_SEGMENTS;
    store32(file + LINUX_CODE32_START, 0x100000);
    store32(file + LINUX_INITRD_ADDR_MAX, 0x7fffffff);
    store32(file + LINUX_KERNEL_ALIGNMENT, ALIGNMENT);
    file[LINUX_RELOCATABLE_KERNEL] = 1;
    store16(file + LINUX_XLOADFLAGS, LINUX_XLF_KERNEL_64);
    store32(file + LINUX_CMDLINE_SIZE, 255);
    store64(file + LINUX_PREF_ADDRESS, PREFERRED);
    store32(file + LINUX_INIT_SIZE, INIT_SIZE);
}

/* Puts bytes into memory as the index-th module. */
static inline void put_module(uint32_t index, uint64_t at, const uint8_t *bytes, uint64_t length,
                              const char *string)
{
    struct boot_module *module = &information.module[index];

    assert_true(at + length <= fake_size);
    memcpy(fake_memory + at, bytes, length);
    module->start = at;
    module->end = at + length;
    module->string_truncated = false;
    strcpy(module->string, string);
    if (information.module_count <= index) {
        information.module_count = index + 1;
        information.module_total = index + 1;
    }
}

/* Usable: 0-636 KiB and 1-7 MiB. What is not usable is filled with GUARD. */
static inline void make_machine(void)
{
    fake_create(MEMORY_SIZE);
    memset(&information, 0, sizeof(information));
    memset(fake_memory + 0x9f000, GUARD, 0x100000 - 0x9f000);
    memset(fake_memory + HIDDEN, GUARD, MEMORY_SIZE - HIDDEN);
    memory_map_clear(&guest_map);
    assert_true(memory_map_add(&guest_map, 0, 0x9f000, MEMORY_USABLE));
    assert_true(memory_map_add(&guest_map, 0x9f000, 0x61000, MEMORY_RESERVED));
    assert_true(memory_map_add(&guest_map, MIB, HIDDEN - MIB, MEMORY_USABLE));
    assert_true(memory_map_add(&guest_map, HIDDEN, MEMORY_SIZE - HIDDEN, MEMORY_RESERVED));
}

/* The ordinary case: kernel and initrd behind 1 MiB, as QEMU leaves them. */
static inline void make_linux(void)
{
    make_kernel();
    make_machine();
    put_module(0, MIB + 0x1000, kernel_file, FILE_LENGTH, "/boot/vmlinuz console=ttyS0 quiet");
    put_module(1, MIB + 0x10000, initrd_file, INITRD_LENGTH, "initrd.gz");
}

static inline bool load(void)
{
    bool ok;

    error[0] = '\0';
    fake_seal();
    ok = guest_load(&information, &guest_map, &start, error, sizeof(error));
    fake_open();
    assert_int_equal(start.failure == GUEST_LOADED, ok);
    return ok;
}

static inline bool all_guard(uint64_t from, uint64_t to)
{
    /* Equal to itself moved by one byte: all bytes are equal. */
    return from >= to || (fake_memory[from] == GUARD &&
                          memcmp(fake_memory + from, fake_memory + from + 1, to - from - 1) == 0);
}

#endif
