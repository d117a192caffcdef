/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine that this program runs on: CPUID on every CPU, MSRs from Linux' driver. */
#ifndef SEXTANT_TOOLS_LIVE_H
#define SEXTANT_TOOLS_LIVE_H

#include "subject.h"

#define LIVE_MSR_DEVICE  "/dev/cpu/%/msr"

/*
 * Probes every CPU that this process may run on.  msr_device: path of a CPU's MSRs, '%' stands for
 * the CPU's number; 8 bytes at offset 0x480 are MSR 0x480.  What could not be read becomes a note,
 * and advice how to read it.  False: *error.
 */
bool subject_from_live(struct arena *arena, const char *msr_device, struct subject *subject,
                       const char **error);

/* CPUID of the CPU that executes this (live_cpuid.c). */
void live_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t word[4]);

#endif
