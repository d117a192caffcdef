/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodings, on the timer's initial count (32 bits that keep what is written) and on a word of RAM. */
#include "apic.h"
#include "decode_test.h"
#include "paging.h"
#include "string.h"
#include "tap.h"
#include "x86.h"

#define ARITHMETIC_FLAGS 0x8d5ul /* OF, SF, ZF, AF, PF, CF */
#define BEFORE           0x81234567u

/* What the loader of a form has to write into its bytes. */
enum patch { PATCH_NOTHING, PATCH_RELATIVE, PATCH_ABSOLUTE_4, PATCH_ABSOLUTE_8 };

/*
 * RBX, RBP, RDI, R12 and R13 point to the target, RDX 40h bytes beyond it, RSI to another word of RAM; RAX, RCX and R8
 * hold numbers; bit R9 of what RBX - 40h points to and bit R10 of what RBX + 40h points to lie in the
 * target; FS is based 100h bytes before it.
 */
#define FORMS(X)                                                                                   \
    X(plain, "mov", PATCH_NOTHING, 0, 0, "movl %eax, (%rbx)")                                         \
    X(disp8, "mov, disp8", PATCH_NOTHING, 0, 0, "movl %eax, -0x40(%rdx)")                             \
    X(disp32, "mov, disp32", PATCH_NOTHING, 0, 0, "{disp32} movl %eax, -0x40(%rdx)")                  \
    X(sib, "mov, base and index", PATCH_NOTHING, 0, 0, "movl %eax, -0x50(%rdx,%rcx,8)")               \
    X(index, "mov, index alone", PATCH_NOTHING, 0, 1, "addr32 movl %eax, (,%ebx,1)")                  \
    X(base_rbp, "mov, RBP", PATCH_NOTHING, 0, 0, "movl %eax, (%rbp)")                                 \
    X(base_r12, "mov, R12", PATCH_NOTHING, 0, 0, "movl %eax, (%r12)")                                 \
    X(base_r13, "mov, R13", PATCH_NOTHING, 0, 0, "movl %eax, (%r13)")                                 \
    X(register_r8, "mov R8D", PATCH_NOTHING, 0, 0, "movl %r8d, (%rbx)")                               \
    X(register_esp, "mov ESP", PATCH_NOTHING, 0, 0, "movl %esp, (%rbx)")                              \
    X(addr32, "mov, 32-bit address", PATCH_NOTHING, 0, 1, "addr32 movl %eax, (%ebx)")                 \
    X(rip, "mov, RIP-relative", PATCH_RELATIVE, 2, 0, ".byte 0x89, 0x05; .long 0")                    \
    X(rip_immediate, "mov immediate, RIP-relative", PATCH_RELATIVE, 2, 0,                             \
      ".byte 0xc7, 0x05; .long 0; .long 0x87654321")                                               \
    X(absolute, "mov, absolute", PATCH_ABSOLUTE_4, 4, 1, ".byte 0x67, 0x89, 0x04, 0x25; .long 0")     \
    X(offset, "mov, 64-bit offset", PATCH_ABSOLUTE_8, 1, 0, ".byte 0xa3; .quad 0")                    \
    X(offset_32, "mov, 32-bit offset", PATCH_ABSOLUTE_4, 2, 1, ".byte 0x67, 0xa3; .long 0")           \
    X(load_offset, "mov from a 64-bit offset", PATCH_ABSOLUTE_8, 1, 0, ".byte 0xa1; .quad 0")         \
    X(fs, "mov, FS", PATCH_NOTHING, 0, 0, "movl %eax, %fs:0x100")                                     \
    X(cs, "mov, CS, which means nothing", PATCH_NOTHING, 0, 0, ".byte 0x2e; movl %eax, (%rbx)")       \
    X(two_segments, "mov, two segments", PATCH_NOTHING, 0, 0, ".byte 0x2e, 0x3e; movl %eax, (%rbx)")  \
    X(idle_rex, "mov, a REX without effect", PATCH_NOTHING, 0, 1,                                     \
      ".byte 0x44, 0x67, 0x89, 0x03")                                                       \
    X(longest, "mov, 15 bytes", PATCH_NOTHING, 0, 1, ".fill 13, 1, 0x67; .byte 0x89, 0x03")           \
    X(nontemporal, "movnti", PATCH_NOTHING, 0, 0, "movnti %eax, (%rbx)")                              \
    X(other_direction, "mov to memory, from memory's opcode", PATCH_NOTHING, 0, 0,                    \
      "movl (%rbx), %eax")                                                                         \
    X(load_r8, "mov to R8D", PATCH_NOTHING, 0, 0, "movl (%rbx), %r8d")                                \
    X(load_base, "mov to the base", PATCH_NOTHING, 0, 0, "movl (%rbx), %ebx")                         \
    X(load_signed, "movslq", PATCH_NOTHING, 0, 0, "movslq (%rbx), %rcx")                              \
    X(exchange, "xchg with R8D", PATCH_NOTHING, 0, 0, "xchgl %r8d, (%rbx)")                           \
    X(exchange_base, "xchg with the base", PATCH_NOTHING, 0, 0, "xchgl %ebx, (%rbx)")                 \
    X(add_base, "xadd with the base", PATCH_NOTHING, 0, 0, "xaddl %ebx, (%rbx)")                      \
    X(compare_base, "cmpxchg with the base", PATCH_NOTHING, 0, 0, "cmpxchgl %ebx, (%rbx)")            \
    X(arithmetic_wide, "add, 32-bit immediate", PATCH_NOTHING, 0, 0, "addl $0x12345678, (%rbx)")      \
    X(arithmetic_load, "adc to R8D", PATCH_NOTHING, 0, 0, "adcl (%rbx), %r8d")                        \
    X(negate, "neg", PATCH_NOTHING, 0, 0, "negl (%rbx)")                                              \
    X(invert, "not", PATCH_NOTHING, 0, 0, "notl (%rbx)")                                              \
    X(bit_above, "bts by a register, beyond the operand", PATCH_NOTHING, 0, 0,                        \
      "btsl %r9d, -0x40(%rbx)")                                                                    \
    X(bit_below, "btc by a register, before the operand", PATCH_NOTHING, 0, 0,                        \
      "btcl %r10d, 0x40(%rbx)")                                                                    \
    X(bit_test, "bt by a register", PATCH_NOTHING, 0, 0, "btl %r9d, -0x40(%rbx)")                     \
    X(store_down, "stos, downwards", PATCH_NOTHING, 0, 0, "std; stosl; cld")                          \
    X(store_32, "stos, 32-bit address", PATCH_NOTHING, 0, 1, "addr32 stosl")                          \
    X(store_repeated, "rep stos, count in ECX", PATCH_NOTHING, 0, 1,                                  \
      "movl $1, %ecx; addr32 rep stosl")                                                           \
    X(move_down, "rep movs, downwards", PATCH_NOTHING, 0, 0, "movl $1, %ecx; std; rep movsl; cld")    \
    X(load_down, "lods, downwards", PATCH_NOTHING, 0, 0, "xchgq %rsi, %rdi; std; lodsl; cld")         \
    X(none_repeated, "rep stos, count 0", PATCH_NOTHING, 0, 0, "xorl %ecx, %ecx; rep stosl")

#define CODE(id, name, patch, at, low, text)                                                           \
    __asm__(".pushsection .rodata\nform_" #id ":\n\t" text "\n\tret\nform_" #id "_end:\n"          \
            ".popsection");                                                                        \
    extern const uint8_t form_##id[], form_##id##_end[];
FORMS(CODE)
#undef CODE

static const struct form {
    const char *name;
    enum patch patch;
    unsigned at;
    bool low; /* its address has 32 bits */
    const uint8_t *start, *end;
} forms[] = {
#define ROW(id, name, patch, at, low, text)                                                        \
    { name, patch, at, low, form_##id, form_##id##_end },
    FORMS(ROW)
#undef ROW
};
_Static_assert(sizeof(forms) / sizeof(forms[0]) == FORM_LINES, "FORM_LINES");

static uint32_t memory_page[1024] __attribute__((aligned(4096)));

struct outcome {
    struct call call;
    uint32_t value, source;
};

/* The form's bytes at the start of the code page, with the address of its operand. */
static void load(const struct form *form, uint8_t *code, uint64_t target)
{
    uint64_t length = (uint64_t)(form->end - form->start), relative;
    memcpy(code, form->start, length);
    relative = target - ((uint64_t)code + length - 1);      /* less the RET */
    if (form->patch == PATCH_RELATIVE)
        memcpy(code + form->at, &relative, 4);
    else if (form->patch == PATCH_ABSOLUTE_4)
        memcpy(code + form->at, &target, 4);
    else if (form->patch == PATCH_ABSOLUTE_8)
        memcpy(code + form->at, &target, 8);
}

/* Pointers become distances, so that runs compare. */
static struct outcome run(const struct form *form, uint8_t *code, uint64_t target, bool closed)
{
    static uint32_t source[3];
    volatile uint32_t *word = (volatile uint32_t *)target;
    struct outcome outcome = {
        .call = { .rax = 0x1122334455667788, .rbx = target, .rcx = 2, .rdx = target + 0x40,
                  .rsi = (uint64_t)&source[1], .rdi = target, .rbp = target, .r8 = 0x99aabbccddeeff00,
                  .r9 = 0x40 * 8 + 3, .r10 = (uint64_t)-(0x40 * 8) + 31,
                  .flags = RFLAGS_FIXED | 1 },
    };
    load(form, code, target);
    __asm__ volatile("movl %1, %0" : "=m"(*word) : "r"(BEFORE));
    source[1] = 0x76543210;
    wrmsr(MSR_FS_BASE, target - 0x100);
    if (closed)
        send_nothing();
    call_with(&outcome.call, code);
    __asm__ volatile("movl %1, %0" : "=r"(outcome.value) : "m"(*word));
    outcome.source = source[1];
    outcome.call.flags &= ARITHMETIC_FLAGS;
    if (form->low) {
        outcome.call.rbx -= target;
        outcome.call.rdx -= target;
        outcome.call.rdi -= target;
        outcome.call.rbp -= target;
    }
    return outcome;
}

static void note(const char *where, const struct outcome *outcome)
{
    const struct call *call = &outcome->call;
    tap_note("%s: value %#x RAX %#lx RBX %#lx RCX %#lx RSI %#lx RDI %#lx R8 %#lx flags %#lx", where,
             outcome->value, call->rax, call->rbx, call->rcx, call->rsi, call->rdi, call->r8,
             call->flags);
}

static bool same(const struct outcome *got, const struct outcome *expected)
{
    const uint64_t *mine = &got->call.rax, *right = &expected->call.rax;
    bool equal = got->value == expected->value && got->source == expected->source;
    for (unsigned i = 0; i < sizeof(struct call) / 8; i++)
        equal = equal && mine[i] == right[i];
    if (!equal)
        note("the APIC", got), note("memory", expected);
    return equal;
}

static uint64_t window(void *page, uint64_t flags)
{
    return (uint64_t)paging_map(TARGET_SLOT, (uint64_t)page, PAGE_PRESENT | flags);
}

void check_forms(void)
{
    uint8_t *code = code_address();
    for (unsigned i = 0; i < FORM_LINES; i++) {
        /* An address that is part of the outcome is the same in both runs. */
        uint64_t page = forms[i].low ? (uint64_t)memory_page : window(memory_page, PAGE_WRITABLE);
        struct outcome right = run(&forms[i], code, page + APIC_TIMER_INITIAL, false);
        page = forms[i].low ? APIC_BASE_ADDRESS : window((void *)APIC_BASE_ADDRESS, PAGE_MMIO);
        struct outcome open = run(&forms[i], code, page + APIC_TIMER_INITIAL, false);
        struct outcome closed = run(&forms[i], code, page + APIC_TIMER_INITIAL, true);
        bool open_right = same(&open, &right), closed_right = same(&closed, &right);
        tap_check(open_right && closed_right, "%s: as in memory, and after a command that does nothing",
                  forms[i].name);
    }
    apic_write(APIC_TIMER_INITIAL, 0);
}
