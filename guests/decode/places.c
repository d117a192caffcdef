/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the code lies, in which mode it runs, and what the access leaves in the page tables. */
#include "apic.h"
#include "decode_test.h"
#include "paging.h"
#include "string.h"
#include "tap.h"
#include "user.h"
#include "x86.h"

#define PAGE_ACCESSED_DIRTY 0x60ul
#define VALUE               0x13572468u

/* movl %r8d, 0(%rbx,%rcx,8) with a displacement of 32 bits: eight bytes. */
static const uint8_t long_code[] = { 0x44, 0x89, 0x84, 0xcb, 0, 0, 0, 0, 0xc3 };

/* The instruction lies across the end of a page, once for each byte. */
static void check_page_end(void)
{
    uint8_t *code = code_address();
    unsigned right = 0;
    for (unsigned in_first = 1; in_first < sizeof(long_code); in_first++) {
        uint8_t *start = code + 4096 - in_first;
        struct call call = { .rbx = APIC_BASE_ADDRESS + APIC_TIMER_INITIAL, .r8 = VALUE + in_first,
                             .flags = RFLAGS_FIXED };
        memcpy(start, long_code, sizeof(long_code));
        call_with(&call, start);
        right += apic_read(APIC_TIMER_INITIAL) == VALUE + in_first;
    }
    tap_count(right, sizeof(long_code) - 1, "a write whose bytes lie in two pages, split at each byte");
}

/*
 * 32-bit code, by a far call and back: a MOV with an absolute address, an XCHG, and a MOV with FS, whose
 * base a 64-bit MSR has set.
 */
__asm__(".pushsection .text\n\t.code32\n"
        "compatibility_code:\n\t"
        "movl $0x13572468, 0xfee00380\n\t"
        "xchgl %ecx, (%ebx)\n\t"
        "addl $1, %fs:0x80\n\t"
        "lret\n"
        "push_flags_code:\n\t"
        "movl %esp, %ecx\n\t"
        "movl %ebx, %esp\n\t"
        "pushfl\n\t"
        "movl %ecx, %esp\n\t"
        "lret\n\t"
        ".code64\n.popsection");
extern const char compatibility_code[], push_flags_code[];

struct far_pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));

/* PUSHF of 4 bytes is an aligned store to a register; a hypervisor that steps it has flags of its own. Nothing
 * interrupts here: the frame would be pushed onto the APIC. */
static void check_push_flags(bool with_interrupts)
{
    struct far_pointer target = { (uint32_t)(uint64_t)push_flags_code, SELECTOR_CODE32 };
    uint64_t flags = with_interrupts ? RFLAGS_IF : 0;
    if (with_interrupts)
        interrupts_on();
    __asm__ volatile("lcall *%0"
                     :
                     : "m"(target), "b"(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL + 4)
                     : "rcx", "memory", "cc");
    interrupts_off();
    tap_equal(apic_read(APIC_TIMER_INITIAL) & (RFLAGS_TF | RFLAGS_IF | RFLAGS_FIXED),
              flags | RFLAGS_FIXED, "32-bit code: flags pushed onto a register, interrupts %s",
              with_interrupts ? "on" : "off");
}

static void check_compatibility_mode(void)
{
    struct far_pointer target = { (uint32_t)(uint64_t)compatibility_code, SELECTOR_CODE32 };
    uint64_t exchanged = 0x2468;
    /* A null FS is good for 64-bit code only. */
    __asm__ volatile("movl %0, %%fs" : : "r"(SELECTOR_DATA));
    wrmsr(MSR_FS_BASE, APIC_BASE_ADDRESS + 0x300);
    __asm__ volatile("lcall *%1"
                     : "+c"(exchanged)
                     : "m"(target), "b"(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL)
                     : "memory", "cc");
    uint32_t value = apic_read(APIC_TIMER_INITIAL);
    tap_check(exchanged == VALUE && value == 0x2469,
              "32-bit code: MOV, XCHG, and ADD by way of FS: %#lx, %#x", exchanged, value);
}

__asm__(".pushsection .rodata\n"
        "user_code:\n\t"
        "movl $0x13572468, (%rdi)\n\t"
        "movl (%rdi), %eax\n\t"
        "ud2\n"
        "user_code_end:\n.popsection");
extern const char user_code[], user_code_end[];

static void check_user(void)
{
    uint64_t target = (uint64_t)paging_map(USER_SLOT, APIC_BASE_ADDRESS, PAGE_MMIO | PAGE_USER)
                    + APIC_TIMER_INITIAL;
    apic_write(APIC_TIMER_INITIAL, 0);
    const struct fault *fault =
        user_run(user_code, (unsigned long)(user_code_end - user_code), target);
    tap_check(fault->vector == 6 && apic_read(APIC_TIMER_INITIAL) == VALUE,
              "a program at privilege level 3 writes: %#x", apic_read(APIC_TIMER_INITIAL));
}

/* A page table of the test's own, so that it can look. */
static void check_flags(void)
{
    static volatile uint64_t table[512] __attribute__((aligned(4096)));
    uint64_t window = (uint64_t)paging_set_table((uint64_t)table);
    table[1] = APIC_BASE_ADDRESS | PAGE_MMIO;
    __asm__ volatile("movl %0, (%1)" : : "r"(VALUE), "r"(window + 4096 + APIC_TIMER_INITIAL) : "memory");
    tap_equal(table[1] & PAGE_ACCESSED_DIRTY, PAGE_ACCESSED_DIRTY,
              "accessed and dirty flags after a write");
    paging_set_table(0);
}

void check_places(void)
{
    check_page_end();
    check_compatibility_mode();
    check_push_flags(false);
    check_push_flags(true);
    check_user();
    check_flags();
    apic_write(APIC_TIMER_INITIAL, 0);
}
