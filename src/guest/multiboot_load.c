/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loader of Multiboot 1 kernels: clears the way for the segments, loads them, and writes the boot
 * information. Multiboot Specification: "Machine state". Pure, given physical_pointer().
 */
#include <string.h>

#include "core/physical.h"
#include "guest/loading.h"
#include "guest/multiboot_kernel.h"

struct multiboot_plan {
    struct multiboot_image image;
    struct memory_span from[BOOT_MODULES];  /* where the modules are; [0] is the kernel's file */
    struct memory_span to[BOOT_MODULES];    /* where they will be while the segments are loaded */
    uint32_t count;
    uint64_t information;
    uint64_t descriptors;
};

static bool refuse_segment(struct guest_loading *loading, const struct multiboot_segment *segment)
{
    return GUEST_REFUSE(loading, GUEST_NO_MEMORY,
                        "the Multiboot kernel belongs at 0x%lx-0x%lx, which is not all free memory "
                        "of the guest", (unsigned long)segment->address,
                        (unsigned long)(segment->address + segment->memory_size));
}

static bool place_segments(struct guest_loading *loading, const struct multiboot_image *image)
{
    for (uint32_t i = 0; i < image->count; i++) {
        const struct multiboot_segment *segment = &image->segment[i];

        if (!memory_map_is(loading->map, segment->address, segment->memory_size, MEMORY_USABLE) ||
            !physical_pointer(segment->address, segment->memory_size) ||
            !guest_avoid(loading, segment->address, segment->memory_size)) {
            return refuse_segment(loading, segment);
        }
    }
    return true;
}

/* Whether a module is where the guest can have it: the kernel's file only until it is loaded. */
static bool can_stay(const struct guest_loading *loading, const struct multiboot_plan *plan,
                     uint32_t index)
{
    struct memory_span from = plan->from[index];

    if (from.length == 0 || guest_is_taken(loading, from.start, from.length)) {
        return from.length == 0;
    }
    if (index == 0) {
        return true;
    }
    return memory_map_is(loading->map, from.start, from.length, MEMORY_USABLE) &&
           from.start < GUEST_4GIB && from.length <= GUEST_4GIB - from.start &&
           (!(plan->image.flags & MULTIBOOT1_WANTS_PAGE_ALIGN) ||
            from.start % GUEST_PAGE_SIZE == 0);
}

/*
 * New places lie outside the segments and outside all old places, so that the modules can be moved
 * in any order, before the first segment is written.
 */
static bool place_modules(struct guest_loading *loading, struct multiboot_plan *plan)
{
    bool stays[BOOT_MODULES];

    for (uint32_t i = 0; i < plan->count; i++) {
        stays[i] = can_stay(loading, plan, i);
        plan->to[i] = plan->from[i];
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        guest_avoid(loading, plan->from[i].start, plan->from[i].length);
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        struct guest_place place = { plan->from[i].length, GUEST_PAGE_SIZE, GUEST_MIB, GUEST_4GIB,
                                     MEMORY_TOP_DOWN };

        if (!stays[i] && !guest_take(loading, &place, &plan->to[i].start)) {
            return GUEST_REFUSE(loading, GUEST_NO_MEMORY,
                                "not enough memory: module %u (%lu KiB) must move out of the "
                                "kernel's way, and the largest free range is %lu KiB", (unsigned)i,
                                (unsigned long)(plan->from[i].length >> 10),
                                (unsigned long)(guest_largest(loading, &place) >> 10));
        }
    }
    return true;
}

static bool move_modules(struct guest_loading *loading, const struct multiboot_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->to[i].start != plan->from[i].start &&
            !guest_move(loading, plan->to[i].start, plan->from[i].start, plan->from[i].length)) {
            return false;
        }
    }
    return true;
}

/* The file lies outside all segments by now. */
static bool load_segments(struct guest_loading *loading, const struct multiboot_plan *plan)
{
    for (uint32_t i = 0; i < plan->image.count; i++) {
        const struct multiboot_segment *segment = &plan->image.segment[i];
        uint8_t *target = physical_pointer(segment->address, segment->memory_size);

        if (!target) {
            return refuse_segment(loading, segment);
        }
        if (!guest_move(loading, segment->address, plan->to[0].start + segment->offset,
                        segment->file_size)) {
            return false;
        }
        memset(target + segment->file_size, 0, segment->memory_size - segment->file_size);
    }
    return true;
}

static void list_modules(const struct boot_information *information, struct multiboot_plan *plan)
{
    plan->count = information->module_count;
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->from[i].start = information->module[i].start;
        plan->from[i].length = information->module[i].end - information->module[i].start;
    }
}

/* Strings are handed on as they came: the guest sees what the boot loader would have told it. */
static bool check_strings(struct guest_loading *loading)
{
    const struct boot_information *information = loading->information;

    for (uint32_t i = 0; i < information->module_count; i++) {
        if (information->module[i].string_truncated) {
            return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                                "the string of module %u is longer than the %u characters that "
                                "can be handed on", (unsigned)i,
                                (unsigned)BOOT_MODULE_STRING_SIZE - 1);
        }
    }
    return true;
}

static void start_kernel(struct guest_loading *loading, const struct multiboot_plan *plan,
                         const struct multiboot_parameters *parameters)
{
    struct guest_start *out = loading->out;

    multiboot_write_information(parameters,
                                physical_pointer(plan->information,
                                                 multiboot_information_size(parameters)),
                                (uint32_t)plan->information);
    out->mode = GUEST_PROTECTED_32;
    out->rip = plan->image.entry;
    out->rax = MULTIBOOT1_BOOTLOADER_MAGIC;
    out->rbx = plan->information;
    guest_write_descriptors(loading, plan->descriptors);
    format_text(out->kind, sizeof(out->kind), "Multiboot 1 kernel");
}

bool guest_load_multiboot(struct guest_loading *loading, const uint8_t *bytes, uint64_t length)
{
    const struct boot_information *information = loading->information;
    const char *strings[BOOT_MODULES];
    struct multiboot_plan plan = { .count = 0 };
    struct multiboot_parameters parameters = {
        .map = loading->map,
        .command_line = information->module[0].string,
        .module_count = information->module_count - 1,
        .module = plan.to + 1,
        .module_string = strings,
    };

    if (!multiboot_image_parse(bytes, length, &plan.image, loading->error, loading->error_size)) {
        loading->out->failure = GUEST_BAD_IMAGE;
        return false;
    }
    for (uint32_t i = 1; i < information->module_count; i++) {
        strings[i - 1] = information->module[i].string;
    }
    list_modules(information, &plan);
    if (!check_strings(loading) || !place_segments(loading, &plan.image) ||
        !place_modules(loading, &plan) ||
        !guest_take_small(loading, multiboot_information_size(&parameters), "boot information",
                          &plan.information) ||
        !guest_take_small(loading, GUEST_PAGE_SIZE, "descriptor table", &plan.descriptors) ||
        !move_modules(loading, &plan) || !load_segments(loading, &plan)) {
        return false;
    }
    start_kernel(loading, &plan, &parameters);
    return true;
}
