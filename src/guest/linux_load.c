/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux loader: chooses places, moves kernel and initrd there, and writes what the kernel reads
 * while it starts. Linux documentation: "The Linux/x86 Boot Protocol > 32-bit Boot Protocol",
 * "64-bit Boot Protocol". Pure, given physical_pointer().
 */
#include <string.h>

#include "core/acpi.h"
#include "core/physical.h"
#include "guest/linux.h"
#include "guest/loading.h"

/* Everything that is decided before the first byte is written. */
struct linux_plan {
    struct linux_image image;
    struct linux_parameters parameters;
    const char *command_line;
    uint64_t code_from;             /* where the protected-mode code is now */
    uint64_t initrd_from;
    bool initrd_first;              /* the order of the two moves that destroys nothing */
    uint64_t zero_page;
    uint64_t descriptors;
    uint64_t page_tables;           /* 64-bit entry only */
    bool rsdp_is_copy;              /* parameters.rsdp is a page that the copy must be written to */
};

static uint64_t round_to_page(uint64_t size)
{
    return (size + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
}

static unsigned long mib_up(uint64_t bytes)
{
    return (unsigned long)((bytes + GUEST_MIB - 1) / GUEST_MIB);
}

/* place: what was looked for in vain. */
static bool refuse_memory(struct guest_loading *loading, const struct linux_plan *plan,
                          const char *which, const struct guest_place *place)
{
    return GUEST_REFUSE(loading, GUEST_NO_MEMORY,
                        "not enough memory for Linux: it needs %lu MiB from 0x%lx on and the "
                        "initrd %lu MiB; for the %s the largest free range is %lu KiB",
                        mib_up(plan->image.room), (unsigned long)plan->image.preferred,
                        mib_up(plan->parameters.initrd_length), which,
                        (unsigned long)(guest_largest(loading, place) >> 10));
}

/*
 * The preferred address when it is free, else the next aligned one above: a relocatable kernel
 * that finds itself below its preferred address would move up to it.
 */
static bool place_kernel(struct guest_loading *loading, struct linux_plan *plan)
{
    const struct linux_image *image = &plan->image;
    struct guest_place place = {
        .size = image->room,
        .alignment = image->alignment,
        .minimum = image->preferred > GUEST_MIB ? image->preferred : GUEST_MIB,
        .maximum = GUEST_4GIB,
        .direction = MEMORY_BOTTOM_UP,
    };

    if (image->preferred >= GUEST_MIB && image->preferred < GUEST_4GIB) {
        struct guest_place preferred = place;

        preferred.alignment = 1;
        preferred.maximum = image->preferred + image->room;
        if (preferred.maximum <= GUEST_4GIB &&
            guest_take(loading, &preferred, &plan->parameters.kernel)) {
            return true;
        }
    }
    if (image->relocatable && guest_take(loading, &place, &plan->parameters.kernel)) {
        return true;
    }
    return refuse_memory(loading, plan, image->relocatable ? "kernel" : "kernel, which cannot be "
                         "relocated,", &place);
}

/* Whether the initrd can be left where the boot loader put it. */
static bool initrd_can_stay(const struct guest_loading *loading, const struct linux_plan *plan)
{
    uint64_t start = plan->initrd_from;
    uint64_t length = plan->parameters.initrd_length;

    return start % GUEST_PAGE_SIZE == 0 && start >= GUEST_MIB &&
           start < plan->image.initrd_end_limit &&
           length <= plan->image.initrd_end_limit - start &&
           memory_map_is(loading->map, start, round_to_page(length), MEMORY_USABLE) &&
           !guest_is_taken(loading, start, round_to_page(length));
}

/*
 * Chooses the initrd's place and the order of the moves. Where the kernel goes must not hold the
 * initrd any more, and where the initrd goes must not hold the kernel's code any more, unless the
 * other one moved first; a place that neither order serves is not taken.
 */
static bool place_initrd(struct guest_loading *loading, struct linux_plan *plan)
{
    struct memory_span code_to = { plan->parameters.kernel, plan->image.code_length };
    struct memory_span from = { plan->initrd_from, plan->parameters.initrd_length };
    struct guest_place place = {
        .size = round_to_page(plan->parameters.initrd_length),
        .alignment = GUEST_PAGE_SIZE,
        .minimum = GUEST_MIB,
        .maximum = plan->image.initrd_end_limit,
        .direction = MEMORY_TOP_DOWN,
    };
    uint64_t *start = &plan->parameters.initrd;

    plan->initrd_first = true;
    if (initrd_can_stay(loading, plan)) {
        *start = plan->initrd_from;
        return guest_avoid(loading, *start, place.size);
    }
    if (guest_avoid(loading, plan->code_from, plan->image.code_length)) {
        if (guest_take(loading, &place, start)) {
            return true;
        }
        loading->taken_count--;
    }
    plan->initrd_first = false;
    if (!memory_spans_overlap(code_to, from) && guest_take(loading, &place, start)) {
        return true;
    }
    return refuse_memory(loading, plan, "initrd", &place);
}

static bool check_modules(struct guest_loading *loading, struct linux_plan *plan)
{
    const struct boot_information *information = loading->information;
    size_t length = strlen(plan->command_line);

    if (information->module_count > 2) {
        return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                            "Linux takes one initrd, but %u modules follow the kernel; join them "
                            "into one file", (unsigned)information->module_count - 1);
    }
    if (information->module[0].string_truncated || length > plan->image.command_line_limit) {
        return GUEST_REFUSE(loading, GUEST_BAD_IMAGE,
                            "the command line is too long: %lu characters%s; this kernel takes %lu "
                            "and Sextant passes on %u", (unsigned long)length,
                            information->module[0].string_truncated ? " and more" : "",
                            (unsigned long)plan->image.command_line_limit,
                            (unsigned)BOOT_MODULE_STRING_SIZE - 1);
    }
    if (information->module_count == 2) {
        plan->initrd_from = information->module[1].start;
        plan->parameters.initrd_length = information->module[1].end - plan->initrd_from;
        if (plan->parameters.initrd_length >= GUEST_4GIB) {
            return GUEST_REFUSE(loading, GUEST_BAD_IMAGE, "the initrd is 4 GiB or larger");
        }
    }
    return true;
}

/* A root pointer that only the boot loader's copy tells of gets a page that Linux keeps. */
static bool place_rsdp(struct guest_loading *loading, struct linux_plan *plan)
{
    const struct boot_information *information = loading->information;
    struct acpi_rsdp rsdp;
    uint64_t page;

    if (!acpi_find_rsdp(information->rsdp, information->rsdp_length, &rsdp)) {
        return true;
    }
    plan->parameters.rsdp = rsdp.physical;
    if (rsdp.physical != 0) {
        return true;
    }
    if (!guest_take_small(loading, GUEST_PAGE_SIZE, "copy of the ACPI root pointer", &page)) {
        return false;
    }
    if (!memory_map_reserve(loading->map, page, GUEST_PAGE_SIZE, MEMORY_ACPI)) {
        return GUEST_REFUSE(loading, GUEST_NO_MEMORY,
                            "the memory map has no room for one more than its %u ranges",
                            (unsigned)MEMORY_MAP_CAPACITY);
    }
    plan->parameters.rsdp = page;
    plan->rsdp_is_copy = true;
    return true;
}

static bool place_structures(struct guest_loading *loading, struct linux_plan *plan)
{
    struct linux_parameters *parameters = &plan->parameters;
    uint64_t more;

    if (!place_rsdp(loading, plan)) {
        return false;
    }
    more = linux_more_ranges_size(loading->map);
    return (more == 0 ||
            guest_take_small(loading, more, "memory map", &parameters->more_ranges)) &&
           guest_take_small(loading, LINUX_ZERO_PAGE_SIZE, "boot parameters", &plan->zero_page) &&
           guest_take_small(loading, strlen(plan->command_line) + 1, "command line",
                            &parameters->command_line) &&
           guest_take_small(loading, GUEST_PAGE_SIZE, "descriptor table", &plan->descriptors) &&
           (!plan->image.entry_64 ||
            guest_take_small(loading, LINUX_PAGE_TABLES_SIZE, "page tables", &plan->page_tables));
}

static bool move_images(struct guest_loading *loading, const struct linux_plan *plan)
{
    const struct linux_parameters *parameters = &plan->parameters;

    for (int turn = 0; turn < 2; turn++) {
        if ((turn == 0) == plan->initrd_first) {
            if (parameters->initrd_length != 0 &&
                !guest_move(loading, parameters->initrd, plan->initrd_from,
                            parameters->initrd_length)) {
                return false;
            }
        } else if (!guest_move(loading, parameters->kernel, plan->code_from,
                               plan->image.code_length)) {
            return false;
        }
    }
    return true;
}

/* Every place was taken by guest_take(), which returns mapped memory only. */
static void write_structures(struct guest_loading *loading, struct linux_plan *plan)
{
    struct guest_start *out = loading->out;
    const struct linux_parameters *parameters = &plan->parameters;

    strcpy(physical_pointer(parameters->command_line, strlen(plan->command_line) + 1),
           plan->command_line);
    if (plan->rsdp_is_copy) {
        memcpy(physical_pointer(parameters->rsdp, BOOT_RSDP_SIZE), loading->information->rsdp,
               BOOT_RSDP_SIZE);
    }
    linux_write_parameters(parameters, physical_pointer(plan->zero_page, LINUX_ZERO_PAGE_SIZE),
                           physical_pointer(parameters->more_ranges,
                                            linux_more_ranges_size(parameters->map)));
    out->mode = plan->image.entry_64 ? GUEST_LONG_64 : GUEST_PROTECTED_32;
    out->rip = parameters->kernel + (plan->image.entry_64 ? LINUX_ENTRY_64 : 0);
    out->rsi = plan->zero_page;
    if (plan->image.entry_64) {
        linux_write_page_tables(physical_pointer(plan->page_tables, LINUX_PAGE_TABLES_SIZE),
                                plan->page_tables);
        out->cr3 = plan->page_tables;
    }
    guest_write_descriptors(loading, plan->descriptors);
    format_text(out->kind, sizeof(out->kind), "Linux%s%s (%s)", plan->image.version[0] ? " " : "",
                plan->image.version, plan->image.entry_64 ? "64-bit" : "32-bit");
}

bool guest_load_linux(struct guest_loading *loading, const uint8_t *bytes, uint64_t length)
{
    struct linux_plan plan = {
        .command_line = guest_arguments(loading->information->module[0].string),
        .parameters = { .map = loading->map, .vga_text = !loading->information->efi },
    };

    if (!linux_image_parse(bytes, length, &plan.image, loading->error, loading->error_size)) {
        loading->out->failure = GUEST_BAD_IMAGE;
        return false;
    }
    plan.parameters.image = &plan.image;
    plan.code_from = loading->information->module[0].start + plan.image.code_offset;
    if (!check_modules(loading, &plan) || !place_kernel(loading, &plan) ||
        (plan.parameters.initrd_length != 0 && !place_initrd(loading, &plan)) ||
        !place_structures(loading, &plan) || !move_images(loading, &plan)) {
        return false;
    }
    write_structures(loading, &plan);
    return true;
}
