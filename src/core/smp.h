/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's own start-up of the application processors (SDM Vol 3: Multiple-Processor Management >
 * MP Initialization Protocol Algorithm for MP Systems). */
#ifndef SEXTANT_CORE_SMP_H
#define SEXTANT_CORE_SMP_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot_information.h"
#include "core/acpi.h"
#include "probe/raw.h"

struct cpu;

/* How many CPUs the MADT lists as enabled; 1 when there is no MADT. */
uint32_t smp_count(const struct acpi_madt *madt);

/* Allocates the table and blocks of all CPUs; index 0 is the CPU that calls. Boot CPU, once. */
void smp_allocate(const struct acpi_madt *madt, uint32_t total, uint32_t boot_apic_id);

/* Starts every application processor, one after the other; each repeats the probe. For each that
 * came, probed(context, cpu's APIC ID, its answers) is called. CPUs that do not come are taken out of
 * the table; returns how many those are. False in *possible, and nobody started, when there is no
 * page below 640 KiB to start them from. */
uint32_t smp_start(const struct boot_information *information, bool *possible,
                   void (*probed)(void *context, uint32_t apic_id, const struct raw *raw),
                   void *context);

/* Has a CPU that waits to be released do something in its host context. Boot CPU. */
void smp_do(struct cpu *cpu, void (*job)(struct cpu *cpu));

/* Starts an application processor again, by INIT and SIPI; false when it does not come. And takes one
 * that is lost out of the table. Boot CPU, before smp_release(). */
bool smp_restart(struct cpu *cpu);
void smp_forget(struct cpu *cpu);

/* Lets all application processors turn virtualization on and wait for their SIPI; returns when all
 * do. After the strategies are bound. */
void smp_release(void);

#endif
