/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault: an instruction that accesses the APIC raises an exception for another reason.
 *
 * Matters because a hypervisor that opens the page or carries the access out is then in the middle
 * of something: it has to give the guest its exception, with the error code, the address and the
 * flags of the bare machine, leave the register as the faulting instruction leaves it (untouched),
 * and be ready for the next access. Each case runs with IF clear and with IF set; after each the
 * task priority is unchanged and a self-IPI arrives.
 *
 * No `# differs:` lines.
 * Source: SDM Vol 3: Interrupt 14 - Page-Fault Exception (#PF); Paging > Access Rights.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "paging.h"
#include "tap.h"
#include "user.h"
#include "x86.h"

#define VECTOR_SELF   0x41
#define NON_CANONICAL 0x800000000000ul

#define SLOT_UNMAPPED  1
#define SLOT_READ_ONLY 2
#define SLOT_USER      3
#define SLOT_MAPPED    10 /* followed by an unmapped one */

static uint8_t ordinary_page[4096] __attribute__((aligned(4096)));
static unsigned received;
static uint64_t unmapped, read_only, mapped;

struct expected {
    uint8_t vector;
    uint32_t error_code; /* FAULT_WRITE is ignored when `write_or_read` is set */
    bool has_address;
    uint64_t address;
    bool write_or_read;
};

#define DIVIDE_ERROR     ((struct expected){ .vector = VECTOR_DE })
#define PROTECTION_FAULT ((struct expected){ .vector = VECTOR_GP })
#define PAGE_FAULT(code, at)                                                                       \
    ((struct expected){ .vector = VECTOR_PF,                                                       \
                        .error_code = (code),                                                      \
                        .has_address = true,                                                       \
                        .address = (at) })

static void self_handler(struct frame *frame)
{
    (void)frame;
    received++;
    apic_eoi();
}

/* The task priority is what it was, can be written, and a self-IPI arrives. */
static bool apic_works(void)
{
    bool unchanged = apic_read(APIC_TPR) == 0;
    apic_write(APIC_TPR, 0x10);
    bool writable = apic_read(APIC_TPR) == 0x10;
    apic_write(APIC_TPR, 0);
    received = 0;
    apic_send(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | VECTOR_SELF);
    interrupts_on();
    bool arrived = WAIT_UNTIL(__atomic_load_n(&received, __ATOMIC_SEQ_CST) == 1);
    interrupts_off();
    return unchanged && writable && arrived && apic_bits_empty(APIC_ISR);
}

static bool is_right(const struct fault *fault, const struct expected *expected, bool interrupts)
{
    uint64_t flags = interrupts ? RFLAGS_IF : 0;
    uint64_t difference = fault->error_code ^ expected->error_code;
    if (expected->write_or_read)
        difference &= ~(uint64_t)FAULT_WRITE;
    if (fault->taken && fault->vector == expected->vector && difference == 0 &&
        (!expected->has_address || fault->cr2 == expected->address) &&
        (fault->rflags & (RFLAGS_IF | RFLAGS_TF)) == flags)
        return true;
    tap_note("exception %d, error code %#lx, CR2 %#lx, RFLAGS %#lx (expected %u, %#x, %#lx)",
             fault->taken ? fault->vector : -1, fault->error_code, fault->cr2, fault->rflags,
             expected->vector, expected->error_code, expected->address);
    return false;
}

/* ---- Instructions; each yields the record of its exception ---- */

static struct fault divide(uint64_t from, uint64_t to)
{
    (void)to;
    return *TRY("divl (%1)", "r"(from), "a"(1ul), "d"(0ul));
}

/* MOVS and REP MOVS must leave their registers where they were. */
static struct fault move_string(uint64_t from, uint64_t to)
{
    uint64_t rsi = from, rdi = to;
    fault_clear();
    __asm__ volatile("1:\tmovsl\n2:\n\t" FIXUP("1b", "2b") : "+S"(rsi), "+D"(rdi) : : "memory");
    struct fault fault = *fault_taken();
    if (rsi != from || rdi != to)
        fault.taken = false;
    return fault;
}

static struct fault move_repeated(uint64_t from, uint64_t to)
{
    uint64_t rsi = from, rdi = to, rcx = 1;
    fault_clear();
    __asm__ volatile("1:\trep movsl\n2:\n\t" FIXUP("1b", "2b")
                     : "+S"(rsi), "+D"(rdi), "+c"(rcx)
                     :
                     : "memory");
    struct fault fault = *fault_taken();
    if (rsi != from || rdi != to || rcx != 1)
        fault.taken = false;
    return fault;
}

static struct fault write(uint64_t from, uint64_t to)
{
    (void)from;
    return *TRY("movl $0x30, (%1)", "r"(to));
}

static struct fault locked_or(uint64_t from, uint64_t to)
{
    (void)from;
    return *TRY("lock orl $0x30, (%1)", "r"(to));
}

static struct fault exchange(uint64_t from, uint64_t to)
{
    (void)from;
    return *TRY("xchgl %%eax, (%1)", "r"(to), "a"(0x30));
}

static struct fault pop(uint64_t from, uint64_t to)
{
    (void)from;
    /* A POP that faults leaves RSP alone; the ADD that follows takes the word away. */
    fault_clear();
    __asm__ volatile(
        "pushq $0x30\n1:\tpopq (%0)\n\tpushq $0\n2:\taddq $8, %%rsp\n\t" FIXUP("1b", "2b")
        :
        : "r"(to)
        : "memory", "cc");
    return *fault_taken();
}

static void check(const char *text, struct fault (*instruction)(uint64_t, uint64_t), uint64_t from,
                  uint64_t to, struct expected expected)
{
    bool right = true;
    for (unsigned interrupts = 0; interrupts < 2; interrupts++) {
        if (interrupts)
            interrupts_on();
        struct fault fault = instruction(from, to);
        interrupts_off();
        right = is_right(&fault, &expected, interrupts) && apic_works() && right;
    }
    tap_check(right, "%s", text);
}

static void check_at_level_0(void)
{
    const uint64_t priority = (uint64_t)apic_register(APIC_TPR);
    const uint64_t border = mapped + 4094;
    const uint32_t present_write = FAULT_PRESENT | FAULT_WRITE;

    check("DIV by EOI, which reads 0: #DE", divide, (uint64_t)apic_register(APIC_EOI), 0,
          DIVIDE_ERROR);
    check("DIV by the task priority, which is 0: #DE", divide, priority, 0, DIVIDE_ERROR);
    check("MOVS from the APIC to an unmapped page: #PF", move_string, priority, unmapped,
          PAGE_FAULT(FAULT_WRITE, unmapped));
    check("MOVS from an unmapped page to the APIC: #PF", move_string, unmapped, priority,
          PAGE_FAULT(0, unmapped));
    check("REP MOVS from the APIC to an unmapped page: #PF", move_repeated, priority, unmapped,
          PAGE_FAULT(FAULT_WRITE, unmapped));
    check("REP MOVS from an unmapped page to the APIC: #PF", move_repeated, unmapped, priority,
          PAGE_FAULT(0, unmapped));
    check("MOVS from the APIC across the end of a page: #PF at the next page", move_string,
          priority, border, PAGE_FAULT(FAULT_WRITE, mapped + 4096));
    check("MOVS from the APIC to a non-canonical address: #GP(0)", move_string, priority,
          NON_CANONICAL, PROTECTION_FAULT);
    check("MOVS from a non-canonical address to the APIC: #GP(0)", move_string, NON_CANONICAL,
          priority, PROTECTION_FAULT);

    uint64_t fixed = read_only + APIC_TPR;
    check("MOV through a read-only mapping: #PF", write, 0, fixed,
          PAGE_FAULT(present_write, fixed));
    check("LOCK OR through a read-only mapping: #PF", locked_or, 0, fixed,
          PAGE_FAULT(present_write, fixed));
    check("XCHG through a read-only mapping: #PF", exchange, 0, fixed,
          PAGE_FAULT(present_write, fixed));
    check("POP through a read-only mapping: #PF", pop, 0, fixed, PAGE_FAULT(present_write, fixed));
    check("MOVS from the APIC to its read-only mapping: #PF", move_string, priority, fixed,
          PAGE_FAULT(present_write, fixed));

    write_cr0(read_cr0() & ~CR0_WP);
    struct fault fault = write(0, fixed);
    write_cr0(read_cr0() | CR0_WP);
    tap_check(
        !fault.taken && apic_read(APIC_TPR) == 0x30,
        "MOV through a read-only mapping with CR0.WP clear: task priority %#x (expected 0x30)",
        apic_read(APIC_TPR));
    apic_write(APIC_TPR, 0);
}

/* Code for privilege level 3, each ending in INT3; RDI = address of the task priority. */

/* movl (%rdi), %eax */
static const uint8_t user_read[] = { 0x8b, 0x07, 0xcc };
/* movl $0x30, (%rdi) */
static const uint8_t user_write[] = { 0xc7, 0x07, 0x30, 0x00, 0x00, 0x00, 0xcc };
/* lock orl $1, (%rdi) */
static const uint8_t user_or[] = { 0xf0, 0x83, 0x0f, 0x01, 0xcc };
/* movq %rdi, %rsi; xorl %edi, %edi; movsl */
static const uint8_t user_movs[] = { 0x48, 0x89, 0xfe, 0x31, 0xff, 0xa5, 0xcc };

static void check_user(const char *text, const uint8_t *code, uint64_t size, uint64_t argument,
                       uint64_t rip, struct expected expected)
{
    struct fault fault = *user_run(code, size, argument);
    bool right = is_right(&fault, &expected, false) && fault.rip == rip && (fault.cs & 3) == 3;
    tap_check(right && apic_works(), "privilege level 3: %s", text);
}

static void check_at_level_3(void)
{
    const uint64_t supervisor = (uint64_t)apic_register(APIC_TPR);
    const uint64_t user =
        (uint64_t)paging_map(SLOT_USER, APIC_BASE_ADDRESS, PAGE_MMIO | PAGE_USER) + APIC_TPR;

    check_user("read of the supervisor mapping: #PF", user_read, sizeof(user_read), supervisor, 0,
               PAGE_FAULT(FAULT_PRESENT | FAULT_USER, supervisor));
    check_user("write to the supervisor mapping: #PF", user_write, sizeof(user_write), supervisor,
               0, PAGE_FAULT(FAULT_PRESENT | FAULT_USER | FAULT_WRITE, supervisor));
    /* QEMU 7.2 with one CPU does the read first and reports that. */
    struct expected either = PAGE_FAULT(FAULT_PRESENT | FAULT_USER, supervisor);
    either.write_or_read = true;
    check_user("LOCK OR on the supervisor mapping: #PF", user_or, sizeof(user_or), supervisor, 0,
               either);
    check_user("MOVS from a user mapping of the APIC to address 0, a supervisor's: #PF", user_movs,
               sizeof(user_movs), user, 5, PAGE_FAULT(FAULT_PRESENT | FAULT_USER | FAULT_WRITE, 0));

    struct fault fault = *user_run(user_write, sizeof(user_write), user);
    uint32_t priority = apic_read(APIC_TPR);
    apic_write(APIC_TPR, 0);
    tap_check(fault.vector == VECTOR_BP && fault.rip == sizeof(user_write) && priority == 0x30 &&
                  apic_works(),
              "privilege level 3: write through a user mapping: task priority %#x (expected 0x30)",
              priority);
}

void guest_main(void)
{
    tap_plan(15 + 5);
    interrupts_set_handler(VECTOR_SELF, self_handler);
    unmapped = (uint64_t)paging_map(SLOT_UNMAPPED, 0, 0);
    read_only = (uint64_t)paging_map(SLOT_READ_ONLY, APIC_BASE_ADDRESS, PAGE_MMIO & ~PAGE_WRITABLE);
    mapped = (uint64_t)paging_map(SLOT_MAPPED, (uint64_t)ordinary_page,
                                  PAGE_PRESENT | PAGE_WRITABLE);
    paging_map(SLOT_MAPPED + 1, 0, 0);
    check_at_level_0();
    check_at_level_3();
}
