/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest loaders share: one attempt to load a guest, the choice of places in the guest's
 * memory, and the structures that every guest gets. Only for src/guest/. The boot CPU, host
 * context.
 */
#ifndef SEXTANT_GUEST_LOADING_H
#define SEXTANT_GUEST_LOADING_H

#include "guest/loader.h"
#include "lib/format.h"

#define GUEST_PAGE_SIZE 4096ull
#define GUEST_MIB (1ull << 20)
#define GUEST_4GIB (1ull << 32)

/* Segments of a kernel, twice the modules (old and new places) and the loaders' structures. */
#define GUEST_TAKEN 96

struct guest_loading {
    const struct boot_information *information;
    struct memory_map *map;
    struct guest_start *out;
    char *error;
    size_t error_size;
    struct memory_span taken[GUEST_TAKEN];  /* what later choices must not touch */
    size_t taken_count;
};

/* Writes the sentence and the kind of failure; its value is false. */
#define GUEST_REFUSE(loading, kind, ...) \
    ((void)format_text((loading)->error, (loading)->error_size, __VA_ARGS__), \
     (loading)->out->failure = (kind), false)

/* Where a structure may lie; [minimum, maximum), bytes. */
struct guest_place {
    uint64_t size;
    uint64_t alignment;
    uint64_t minimum;
    uint64_t maximum;
    enum memory_direction direction;
};

/* Puts a span on the list of what later choices must not touch. False when the list is full. */
bool guest_avoid(struct guest_loading *loading, uint64_t start, uint64_t length);

/*
 * Chooses usable memory that is not taken and is mapped, takes it and writes its address to
 * *start. Returns false, without a sentence, when there is none.
 */
bool guest_take(struct guest_loading *loading, const struct guest_place *place, uint64_t *start);

/*
 * The same, page aligned, for the small structures that a guest reads while it starts: in low
 * memory when there is room, else anywhere below 4 GiB. Returns false and a sentence, which calls
 * the structure by its name, when there is none.
 */
bool guest_take_small(struct guest_loading *loading, uint64_t size, const char *name,
                      uint64_t *start);

/* The size of the largest block that guest_take() could find there (place->size is not used). */
uint64_t guest_largest(const struct guest_loading *loading, const struct guest_place *place);

/* Whether the span shares a byte with what is taken. */
bool guest_is_taken(const struct guest_loading *loading, uint64_t start, uint64_t length);

/*
 * Moves bytes within physical memory; the two places may overlap. Returns false and a sentence
 * when one of them is not mapped.
 */
bool guest_move(struct guest_loading *loading, uint64_t to, uint64_t from, uint64_t length);

/*
 * Writes the GDT to a page of guest memory, the rest of which is the guest's first stack, and sets
 * gdt_base, gdt_limit and rsp of loading->out; loading->out->mode must be set. The page comes from
 * guest_take_small().
 */
void guest_write_descriptors(struct guest_loading *loading, uint64_t page);

/* The number of usable bytes without a gap from start on. */
uint64_t guest_usable_from(const struct memory_map *map, uint64_t start);

/*
 * The arguments within a module's string. A first word that is the file's name is left out: one
 * without '=' that holds a '/' ("/boot/vmlinuz"), begins with "vmlinu" or "bzImage", or ends with
 * ".elf", ".bin", ".img" or ".efi". (QEMU passes the file's name before the arguments; GRUB 2 the
 * arguments only; GRUB Legacy and others the name too.) Returns a pointer into the string.
 */
const char *guest_arguments(const char *module_string);

/* The two loaders: called by guest_load(), module 0 is mapped and bytes is where. */
bool guest_load_linux(struct guest_loading *loading, const uint8_t *bytes, uint64_t length);
bool guest_load_multiboot(struct guest_loading *loading, const uint8_t *bytes, uint64_t length);

#endif
