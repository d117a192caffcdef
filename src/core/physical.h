/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to physical memory, the only way in which the parsers and loaders reach it. The image
 * implements it over its direct map; unit tests implement it over a buffer, so that the same source
 * runs on the host.
 */
#ifndef SEXTANT_CORE_PHYSICAL_H
#define SEXTANT_CORE_PHYSICAL_H

#include <stdint.h>

/*
 * Where the hypervisor can read and write the physical bytes [physical, physical + length). length
 * is in bytes; 0 asks for an address without any accessible byte. Returns NULL when any byte of the
 * range is not mapped or the range wraps. A pointer stays valid as long as the mapping does: for
 * ever in the image. Any CPU, host context.
 */
void *physical_pointer(uint64_t physical, uint64_t length);

#endif
