/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest loaders: finds out what module 0 is and has it loaded. Pure, given physical_pointer().
 */
#include "guest/loader.h"

#include <string.h>

#include "core/physical.h"
#include "guest/linux.h"
#include "guest/loading.h"
#include "guest/multiboot_kernel.h"

#define SHOWN_BYTES 8

static bool refuse_unknown(struct guest_loading *loading, const uint8_t *bytes, uint64_t length)
{
    char shown[SHOWN_BYTES * 3 + 1] = "";

    for (uint64_t i = 0; i < length && i < SHOWN_BYTES; i++) {
        format_text(shown + i * 3, sizeof(shown) - i * 3, " %02x", (unsigned)bytes[i]);
    }
    return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                        "module 0 is of an unknown kind (%lu bytes, the first ones:%s); needed is "
                        "a Linux bzImage (\"HdrS\" at byte 0x202) or a kernel with a Multiboot 1 "
                        "header (magic 0x1badb002 in the first %u bytes)",
                        (unsigned long)length, shown, (unsigned)MULTIBOOT1_HEADER_SEARCH);
}

static bool load(struct guest_loading *loading)
{
    const struct boot_information *information = loading->information;
    const struct boot_module *module = &information->module[0];
    const uint8_t *bytes;
    uint64_t length;

    if (information->module_count == 0) {
        return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                            "there is no module, so no guest; give a Linux bzImage or a Multiboot "
                            "1 kernel as the first module (QEMU: -initrd \"vmlinuz arguments,"
                            "initrd.gz\", GRUB: module)");
    }
    if (information->module_total > information->module_count) {
        return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                            "the boot loader passed %u modules; at most %u can be handed on",
                            (unsigned)information->module_total, (unsigned)BOOT_MODULES);
    }
    length = module->end - module->start;
    bytes = physical_pointer(module->start, length);
    if (!bytes) {
        return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                            "module 0 is said to be at 0x%lx-0x%lx, which is not in memory",
                            (unsigned long)module->start, (unsigned long)module->end);
    }
    if (linux_image_is(bytes, length)) {
        return guest_load_linux(loading, bytes, length);
    }
    if (multiboot_header_find(bytes, length) >= 0) {
        return guest_load_multiboot(loading, bytes, length);
    }
    return refuse_unknown(loading, bytes, length);
}

bool guest_load(const struct boot_information *information, struct memory_map *guest_map,
                struct guest_start *out, char *error, size_t error_size)
{
    struct guest_loading loading = {
        .information = information,
        .map = guest_map,
        .out = out,
        .error = error,
        .error_size = error_size,
    };

    memset(out, 0, sizeof(*out));
    return load(&loading);
}
