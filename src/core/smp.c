/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/smp.h"

#include <string.h>

#include "apic/local.h"
#include "boot/layout.h"
#include "core/backend.h"
#include "core/cpu.h"
#include "core/exceptions.h"
#include "core/hidden.h"
#include "core/kick.h"
#include "core/machine.h"
#include "core/paging.h"
#include "core/physical.h"
#include "core/vcpu.h"
#include "x86/io.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define ICR_INIT_ASSERT     (APIC_ICR_ASSERT | 5u << APIC_ICR_DELIVERY_MODE_SHIFT)
#define ICR_SIPI            (APIC_ICR_ASSERT | 6u << APIC_ICR_DELIVERY_MODE_SHIFT)
#define PORT_DELAY          0x80        /* one access takes about a microsecond on every PC */
#define DELAY_AFTER_INIT    10000
#define DELAY_AFTER_SIPI    200
#define START_LIMIT         2000000     /* microseconds, at least, until a CPU counts as absent */

enum { AP_ABSENT, AP_PROBED, AP_READY };

extern char trampoline_start[], trampoline_end[];
extern char trampoline_cr3[], trampoline_stack[], trampoline_efer_no_execute[];
void ap_main(void);

__attribute__((section(".sealed"))) struct cpu **cpus;
__attribute__((section(".sealed"))) uint32_t cpu_count;

static struct raw ap_raw;
static _Atomic uint32_t released;
static uint64_t start_page;             /* 0: there is none */

uint32_t smp_count(const struct acpi_madt *madt)
{
    struct acpi_cpu entry;
    uint32_t cursor = 0, count = 0;

    while (madt && acpi_next_cpu(madt, &cursor, &entry))
        count += entry.enabled;
    return count ? count : 1;
}

static void add(uint32_t apic_id, struct guest_code *code)
{
    struct cpu *cpu = hidden_allocate(CPU_BLOCK_SIZE, CPU_BLOCK_SIZE);

    cpu->index = cpu_count;
    cpu->apic_id = apic_id;
    cpu->code = code;
    cpus[cpu_count++] = cpu;
}

void smp_allocate(const struct acpi_madt *madt, uint32_t total, uint32_t boot_apic_id)
{
    struct acpi_cpu entry;
    uint32_t cursor = 0;
    struct guest_code *codes;

    cpus = hidden_allocate((total + 1) * sizeof cpus[0], sizeof cpus[0]);
    /* All at once: between two blocks, which are aligned, one would take as much as a block. */
    codes = hidden_allocate(total * GUEST_CODES * sizeof codes[0], sizeof codes[0]);
    add(boot_apic_id, codes);
    while (madt && acpi_next_cpu(madt, &cursor, &entry)) {
        if (entry.enabled && entry.apic_id != boot_apic_id && cpu_count < total)
            add(entry.apic_id, codes + cpu_count * GUEST_CODES);
    }
}

static void delay(unsigned microseconds)
{
    while (microseconds--)
        in8(PORT_DELAY);
}

static bool find_low_page(const struct boot_information *information, uint64_t *page)
{
    struct memory_span avoid[BOOT_MODULES];
    struct memory_request request = {
        .size = 4096, .alignment = 4096, .minimum = 0x1000, .maximum = 0xa0000,
        .direction = MEMORY_TOP_DOWN, .avoid = avoid,
    };

    request.avoid_count = boot_information_module_spans(information, avoid, BOOT_MODULES);
    return memory_map_find_free(&information->memory, &request, page);
}

static void prepare_trampoline(char *page, const struct cpu *cpu)
{
    uint32_t cr3 = (uint32_t)paging_root();
    uint32_t no_execute = machine.no_execute ? (uint32_t)EFER_NXE : 0;
    uint64_t stack = (uint64_t)cpu + CPU_BLOCK_SIZE;

    /* 16-byte alignment before the call, and inside the block, whose end belongs to the next. */
    stack -= 16;
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    memcpy(page + (trampoline_cr3 - trampoline_start), &cr3, sizeof cr3);
    memcpy(page + (trampoline_efer_no_execute - trampoline_start), &no_execute, sizeof no_execute);
    memcpy(page + (trampoline_stack - trampoline_start), &stack, sizeof stack);
}

static bool came(struct cpu *cpu, unsigned microseconds)
{
    for (unsigned i = 0; i < microseconds; i++) {
        if (atomic_load(&cpu->host_ready) == AP_PROBED)
            return true;
        delay(1);
    }
    return false;
}

static bool send_startup(struct cpu *cpu)
{
    local_apic_send(cpu->apic_id, ICR_INIT_ASSERT);
    delay(DELAY_AFTER_INIT);
    local_apic_send(cpu->apic_id, ICR_SIPI | (uint32_t)(start_page >> 12));
    if (came(cpu, DELAY_AFTER_SIPI))
        return true;
    local_apic_send(cpu->apic_id, ICR_SIPI | (uint32_t)(start_page >> 12));
    return came(cpu, START_LIMIT);
}

static bool start(struct cpu *cpu)
{
    void *page = physical_pointer(start_page, 4096);
    bool came_up;

    atomic_store(&cpu->host_ready, AP_ABSENT);
    prepare_trampoline(page, cpu);
    came_up = send_startup(cpu);
    memset(page, 0, 4096);
    return came_up;
}

bool smp_restart(struct cpu *cpu)
{
    return start(cpu);
}

void smp_do(struct cpu *cpu, void (*job)(struct cpu *cpu))
{
    atomic_store(&cpu->job, job);
    kick(cpu);
}

void smp_forget(struct cpu *cpu)
{
    for (uint32_t i = cpu->index; i + 1 < cpu_count; i++) {
        cpus[i] = cpus[i + 1];
        cpus[i]->index = i;
    }
    cpu_count--;
}

uint32_t smp_start(const struct boot_information *information, bool *possible,
                   void (*probed)(void *context, uint32_t apic_id, const struct raw *raw),
                   void *context)
{
    uint32_t total = cpu_count, present = 1;

    *possible = find_low_page(information, &start_page);
    for (uint32_t i = 1; i < total && *possible; i++) {
        if (!start(cpus[i]))
            continue;
        probed(context, cpus[i]->apic_id, &ap_raw);
        cpus[present] = cpus[i];
        cpus[present]->index = present;
        present++;
    }
    cpu_count = present;
    return total - present;
}

static bool is_wanted(struct cpu *cpu)
{
    return atomic_load(&released) || atomic_load(&cpu->job);
}

static void wait_for_release(struct cpu *cpu)
{
    while (!atomic_load(&released)) {
        void (*job)(struct cpu *cpu) = atomic_exchange(&cpu->job, NULL);

        if (job)
            job(cpu);
        kick_wait(cpu, is_wanted);
    }
}

void ap_main(void)
{
    struct cpu *cpu = this_cpu();

    exceptions_load();
    local_apic_follow_mode();
    raw_collect(&ap_raw);
    atomic_store(&cpu->host_ready, AP_PROBED);
    wait_for_release(cpu);

    cr3_write(cr3_read());
    backend->enable(cpu);
    vcpu_prepare(cpu);
    atomic_store(&cpu->host_ready, AP_READY);
    vcpu_run(cpu, NULL);
}

void smp_release(void)
{
    atomic_store(&released, 1);
    for (uint32_t i = 1; i < cpu_count; i++)
        kick(cpus[i]);
    for (uint32_t i = 1; i < cpu_count; i++) {
        while (atomic_load(&cpus[i]->host_ready) != AP_READY)
            pause();
    }
}
