/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/panic.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/backend.h"
#include "core/ending.h"
#include "core/exceptions.h"
#include "lib/console.h"
#include "lib/format.h"
#include "strategies/operations.h"
#include "x86/registers.h"

/* The CPU that panics: the address of its block; 0: none does. */
static _Atomic uintptr_t panicking;

/* The first CPU tells and ends the machine; another that follows waits for that, or it would cut short
 * what the first has to say. A panic within a panic ends at once. */
static void begin(void)
{
    uintptr_t self = (uintptr_t)this_cpu(), first = 0;

    if (!atomic_compare_exchange_strong(&panicking, &first, self)) {
        while (first != self)
            __asm__ volatile("cli; hlt");
        ending_exit(EXIT_PANIC);
    }
    console_break_lock();
    console_reclaim();
}

static void print_guest(struct cpu *cpu)
{
    const struct general_registers *r = cpu->registers;

    if (!r)
        return;
    console_print("guest: rip %016lx rsp %016lx rflags %08lx\n",
                  (unsigned long)backend->register_read(cpu, GUEST_RIP),
                  (unsigned long)backend->register_read(cpu, GUEST_RSP),
                  (unsigned long)backend->register_read(cpu, GUEST_RFLAGS));
    console_print("       cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx\n",
                  (unsigned long)backend->register_read(cpu, GUEST_CR0),
                  (unsigned long)backend->register_read(cpu, GUEST_CR2),
                  (unsigned long)backend->register_read(cpu, GUEST_CR3),
                  (unsigned long)backend->register_read(cpu, GUEST_CR4),
                  (unsigned long)backend->register_read(cpu, GUEST_EFER));
    console_print("       rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", (unsigned long)r->rax,
                  (unsigned long)r->rbx, (unsigned long)r->rcx, (unsigned long)r->rdx);
    console_print("       rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", (unsigned long)r->rsi,
                  (unsigned long)r->rdi, (unsigned long)r->rbp, (unsigned long)r->r8);
    console_print("       r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", (unsigned long)r->r9,
                  (unsigned long)r->r10, (unsigned long)r->r11, (unsigned long)r->r12);
    console_print("       r13 %016lx r14 %016lx r15 %016lx\n", (unsigned long)r->r13,
                  (unsigned long)r->r14, (unsigned long)r->r15);
}

static void print_binding(void)
{
    if (!binding.step)
        return;
    console_print("bound: startup=%s apic=%s x2apic=%s step=%s nmi=%s on %s\n",
                  binding.startup->name, binding.apic->name, binding.x2apic->name,
                  binding.step->name, binding.nmi->name, backend->name);
}

static void print_history(const struct cpu *cpu)
{
    const struct past_exit *exit;

    for (unsigned i = 0; (exit = cpu_past_exit(cpu, i)); i++) {
        console_print("exit -%u: reason %#lx rip %016lx information %#lx\n", i + 1,
                      (unsigned long)exit->reason, (unsigned long)exit->rip,
                      (unsigned long)exit->info);
    }
}

static _Noreturn void end(void)
{
    console_print("host:  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx\n", (unsigned long)cr0_read(),
                  (unsigned long)cr2_read(), (unsigned long)cr3_read(), (unsigned long)cr4_read());
    print_binding();
    if (cpus) {
        struct cpu *cpu = this_cpu();

        for (uint32_t i = 0; i < cpu_count; i++) {
            if (cpus[i] != cpu)
                continue;
            console_print("on CPU %u\n", (unsigned)cpu->index);
            if (cpu->enabled)
                print_guest(cpu);
            print_history(cpu);
        }
    }
    console_print("This is a defect of Sextant or of the processor. Please report all of the above.\n");
    ending_exit(EXIT_PANIC);
}

_Noreturn void panic(const char *format, ...)
{
    char text[256];
    va_list arguments;

    begin();
    va_start(arguments, format);
    format_text_list(text, sizeof text, format, arguments);
    va_end(arguments);
    console_print("\nSextant: PANIC: %s\n", text);
    end();
}

_Noreturn void panic_exception(const struct exception_frame *frame)
{
    begin();
    console_print("\nSextant: PANIC: exception %lu in the hypervisor, error code %#lx\n",
                  (unsigned long)frame->vector, (unsigned long)frame->error);
    console_print("host:  rip %016lx rsp %016lx rflags %08lx\n", (unsigned long)frame->rip,
                  (unsigned long)frame->rsp, (unsigned long)frame->rflags);
    console_print("       rax %016lx rbx %016lx rcx %016lx rdx %016lx\n",
                  (unsigned long)frame->rax, (unsigned long)frame->rbx, (unsigned long)frame->rcx,
                  (unsigned long)frame->rdx);
    console_print("       rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n",
                  (unsigned long)frame->rsi, (unsigned long)frame->rdi, (unsigned long)frame->rbp,
                  (unsigned long)frame->r8);
    end();
}
