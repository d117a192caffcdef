/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the image lives: addresses that the linker script, the boot assembly and C share.
 *
 *   virtual                      physical
 *   0x0 .. 1 GiB                 same (identity; boot and AP start-up only)
 *   IMAGE_VIRTUAL + offset       image base + offset (offset 0 = physical 0 while booting)
 *   DIRECT_MAP + physical        all of physical memory
 *
 * The 32-bit program (src/boot32/) runs without paging: its direct map begins at 0.
 */
#ifndef SEXTANT_BOOT_LAYOUT_H
#define SEXTANT_BOOT_LAYOUT_H

#define LOAD_ADDRESS        0x00100000
#define IMAGE_VIRTUAL       0x40000000
#ifdef __i386__
#define DIRECT_MAP          0
#else
#define DIRECT_MAP          0xffff800000000000
#endif

#define BOOT_STACK_SIZE     0x4000

/* Selectors of the host's own GDT. */
#define HOST_CS64           0x08
#define HOST_DS             0x10
#define HOST_CS32           0x18
#define HOST_TSS            0x20

#endif
