/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest loaders: place the guest that the boot loader gave us as a module into the guest's memory
 * and say in which state its first CPU starts. Module 0 is the guest: a Linux bzImage
 * (guest/linux.h) or a Multiboot 1 kernel (guest/multiboot.h). Physical memory is reached through
 * physical_pointer() only, so all of it runs on the host too.
 */
#ifndef SEXTANT_GUEST_LOADER_H
#define SEXTANT_GUEST_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot_information.h"
#include "core/memory_map.h"

enum guest_mode {
    GUEST_PROTECTED_32,     /* CR0.PE, paging off, EFER 0 */
    GUEST_LONG_64,          /* CR0.PE and PG, CR4.PAE, EFER.LME and LMA, page tables at cr3 */
};

/* Why guest_load() failed: chooses the exit code. */
enum guest_failure {
    GUEST_LOADED,
    GUEST_BAD_IMAGE,        /* missing, truncated, unknown, contradictory, too many modules */
    GUEST_NO_MEMORY,        /* it would load on a machine with more, or other, free memory */
};

/* Selectors of the guest's GDT, as the Linux boot protocol names them; both loaders use them. */
#define GUEST_CODE_SELECTOR 0x10
#define GUEST_DATA_SELECTOR 0x18

/*
 * The state in which the guest's boot CPU begins. Registers that are not named here are 0, RFLAGS
 * is 2 (interrupts off). CS is GUEST_CODE_SELECTOR: base 0, limit 4 GiB, ring 0, execute/read,
 * accessed; D=1 L=0 in GUEST_PROTECTED_32, D=0 L=1 in GUEST_LONG_64. DS, ES, SS, FS and GS are
 * GUEST_DATA_SELECTOR: base 0, limit 4 GiB, read/write, accessed, B=1. The descriptors in the
 * guest's GDT say the same. IDT: limit 0. LDT: null. A20 is on.
 */
struct guest_start {
    enum guest_failure failure; /* GUEST_LOADED when, and only when, guest_load() returned true */
    enum guest_mode mode;
    uint64_t rip;
    uint64_t rsp;
    uint64_t rax;
    uint64_t rbx;
    uint64_t rsi;
    uint64_t cr3;           /* 0 in GUEST_PROTECTED_32 */
    uint64_t gdt_base;
    uint32_t gdt_limit;
    char kind[64];          /* for the report: "Linux 6.1.0-18-amd64 (64-bit)" */
};

/*
 * Loads the guest. guest_map is the memory that the guest will see, without the hypervisor's own
 * (which is reserved in it); a range that must stay intact for the guest (a copy of the ACPI root
 * pointer) is added to it. All other memory that is used is ordinary usable memory of the guest.
 * The modules may lie anywhere, also where the guest belongs: they are moved out of the way, and
 * their old places are free afterwards. Returns false, out->failure and one sentence in error[],
 * with numbers where memory is missing, when there is no module, when it is truncated or of an
 * unknown kind, or when it does not fit. The boot CPU, host context, once, before any guest runs;
 * nothing else may use the guest's memory meanwhile.
 */
bool guest_load(const struct boot_information *information, struct memory_map *guest_map,
                struct guest_start *out, char *error, size_t error_size);

#endif
