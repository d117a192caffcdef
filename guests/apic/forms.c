/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction forms on a register that keeps what is written: the timer's initial count (32 bits,
 * timer masked) and the task priority (8 bits). Memory is the oracle: each form runs on a word of
 * RAM too, and the value that is left there, the general registers and the arithmetic flags have to
 * be the same.
 */
#include "apic.h"
#include "apic_test.h"
#include "tap.h"
#include "x86.h"

#define ARITHMETIC_FLAGS 0x8d5ul /* OF, SF, ZF, AF, PF, CF */

struct result {
    uint64_t rax, rcx, rdx, rsi, rdi, flags;
    uint32_t value;
    uint32_t memory[2];
};

/* RBX and RDI = target, RSI = two words of RAM; RAX, RCX and RDX hold small numbers. */
#define FORMS(X)                                                                                   \
    X(mov_register_to_apic, "mov register to APIC", "movl %%eax, (%%rbx)")                         \
    X(mov_immediate_to_apic, "mov immediate to APIC", "movl $0x5a, (%%rbx)")                       \
    X(mov_apic_to_register, "mov APIC to register", "movl (%%rbx), %%eax")                         \
    X(movslq_apic_to_register, "movslq APIC to register", "movslq (%%rbx), %%rax")                 \
    X(add_to_apic, "add to APIC", "addl %%eax, (%%rbx)")                                           \
    X(lock_add, "lock add", "lock addl %%eax, (%%rbx)")                                            \
    X(add_apic_to_register, "add APIC to register", "addl (%%rbx), %%eax")                         \
    X(adc, "adc", "stc\n\tadcl %%eax, (%%rbx)")                                                    \
    X(sub_immediate, "sub immediate", "subl $1, (%%rbx)")                                          \
    X(lock_sub, "lock sub", "lock subl $1, (%%rbx)")                                               \
    X(sbb, "sbb", "stc\n\tsbbl $1, (%%rbx)")                                                       \
    X(or_immediate, "or immediate", "orl $0x41, (%%rbx)")                                          \
    X(lock_or, "lock or", "lock orl $0x41, (%%rbx)")                                               \
    X(or_apic_to_register, "or APIC to register", "orl (%%rbx), %%eax")                            \
    X(and_immediate, "and immediate", "andl $0x0f, (%%rbx)")                                       \
    X(lock_and, "lock and", "lock andl $0x0f, (%%rbx)")                                            \
    X(xor, "xor", "xorl %%eax, (%%rbx)")                                                           \
    X(lock_xor, "lock xor", "lock xorl %%eax, (%%rbx)")                                            \
    X(inc, "inc", "incl (%%rbx)")                                                                  \
    X(lock_inc, "lock inc", "lock incl (%%rbx)")                                                   \
    X(dec, "dec", "decl (%%rbx)")                                                                  \
    X(lock_dec, "lock dec", "lock decl (%%rbx)")                                                   \
    X(xchg, "xchg", "xchgl %%eax, (%%rbx)")                                                        \
    X(xadd, "xadd", "xaddl %%eax, (%%rbx)")                                                        \
    X(lock_xadd, "lock xadd", "lock xaddl %%eax, (%%rbx)")                                         \
    X(cmpxchg_equal, "cmpxchg, equal", "movb $0x23, %%al\n\tcmpxchgl %%edx, (%%rbx)")              \
    X(cmpxchg_not_equal, "cmpxchg, not equal", "movb $0x11, %%al\n\tcmpxchgl %%edx, (%%rbx)")      \
    X(lock_cmpxchg_equal, "lock cmpxchg, equal",                                                   \
      "movb $0x23, %%al\n\tlock cmpxchgl %%edx, (%%rbx)")                                          \
    X(lock_cmpxchg_not_equal, "lock cmpxchg, not equal",                                           \
      "movb $0x11, %%al\n\tlock cmpxchgl %%edx, (%%rbx)")                                          \
    X(cmp, "cmp", "cmpl %%eax, (%%rbx)")                                                           \
    X(test, "test", "testl $0x20, (%%rbx)")                                                        \
    X(bt, "bt", "btl $5, (%%rbx)")                                                                 \
    X(bts, "bts", "btsl $6, (%%rbx)")                                                              \
    X(lock_btr, "lock btr", "lock btrl $5, (%%rbx)")                                               \
    X(btc, "btc", "btcl $1, (%%rbx)")                                                              \
    X(shl, "shl", "shll $1, (%%rbx)")                                                              \
    X(shr, "shr", "shrl $1, (%%rbx)")                                                              \
    X(cmove, "cmove", "cmpl $0x12, %%eax\n\tcmovel (%%rbx), %%edx")                                \
    X(movs_ram_to_apic, "movs RAM to APIC", "movsl")                                               \
    X(rep_movs_ram_to_apic_count_1, "rep movs RAM to APIC, count 1",                               \
      "movl $1, %%ecx\n\trep movsl")                                                               \
    X(movs_apic_to_ram, "movs APIC to RAM", "xchgq %%rsi, %%rdi\n\tmovsl")                         \
    X(stos, "stos", "stosl")                                                                       \
    X(rep_stos_count_1, "rep stos, count 1", "movl $1, %%ecx\n\trep stosl")                        \
    X(lods, "lods", "xchgq %%rsi, %%rdi\n\tlodsl")                                                 \
    X(scas, "scas", "scasl")                                                                       \
    X(cmps, "cmps", "cmpsl")

typedef void form(struct result *result, volatile uint32_t *target);

#define DEFINE_FORM(id, form_name, text)                                                           \
    static void form_##id(struct result *result, volatile uint32_t *target)                        \
    {                                                                                              \
        __asm__ volatile(text "\n\tpushfq\n\tpopq %5"                                              \
                         : "=a"(result->rax), "=c"(result->rcx), "=d"(result->rdx),                \
                           "=S"(result->rsi), "=D"(result->rdi), "=r"(result->flags)               \
                         : "a"(0x12ul), "c"(0x3ul), "d"(0x34ul), "S"(result->memory), "D"(target), \
                           "b"(target)                                                             \
                         : "memory", "cc");                                                        \
    }
FORMS(DEFINE_FORM)
#undef DEFINE_FORM

static const struct {
    const char *name;
    form *run;
} forms[] = {
#define TABLE_ROW(id, form_name, text) { form_name, form_##id },
    FORMS(TABLE_ROW)
#undef TABLE_ROW
};
_Static_assert(sizeof(forms) / sizeof(forms[0]) == FORM_LINES, "FORM_LINES");

/*
 * A pointer as its distance from the target (plus 0x1000) or from the word of RAM, so that runs
 * compare.
 */
static uint64_t relative(uint64_t pointer, const struct result *result,
                         const volatile uint32_t *target)
{
    uint64_t from_target = pointer - (uint64_t)target;
    return from_target < 16 ? 0x1000 + from_target : pointer - (uint64_t)result->memory;
}

static struct result run(form *form, volatile uint32_t *target)
{
    struct result result = { .memory = { 0x5c, 0x5d } };
    __asm__ volatile("movl %1, %0" : "=m"(*target) : "r"(0x23));
    form(&result, target);
    __asm__ volatile("movl %1, %0" : "=r"(result.value) : "m"(*target));
    result.flags &= ARITHMETIC_FLAGS;
    result.rsi = relative(result.rsi, &result, target);
    result.rdi = relative(result.rdi, &result, target);
    return result;
}

static bool same(const char *where, const struct result *got, const struct result *expected)
{
    if (got->value == expected->value && got->rax == expected->rax && got->rcx == expected->rcx &&
        got->rdx == expected->rdx && got->rsi == expected->rsi && got->rdi == expected->rdi &&
        got->flags == expected->flags && got->memory[0] == expected->memory[0] &&
        got->memory[1] == expected->memory[1])
        return true;
    tap_note("%s: value %#x RAX %#lx RCX %#lx RDX %#lx RSI %#lx RDI %#lx flags %#lx RAM %#x", where,
             got->value, got->rax, got->rcx, got->rdx, got->rsi, got->rdi, got->flags,
             got->memory[0]);
    tap_note("memory: value %#x RAX %#lx RCX %#lx RDX %#lx RSI %#lx RDI %#lx flags %#lx RAM %#x",
             expected->value, expected->rax, expected->rcx, expected->rdx, expected->rsi,
             expected->rdi, expected->flags, expected->memory[0]);
    return false;
}

void check_forms(void)
{
    static uint32_t word[4] __attribute__((aligned(16)));
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    for (unsigned i = 0; i < FORM_LINES; i++) {
        struct result memory = run(forms[i].run, word);
        struct result count = run(forms[i].run, apic_register(APIC_TIMER_INITIAL));
        struct result priority = run(forms[i].run, apic_register(APIC_TPR));
        bool same_count = same("initial count", &count, &memory);
        bool same_priority = same("task priority", &priority, &memory);
        tap_check(same_count && same_priority,
                  "%s: initial count and task priority end as memory does, %#x", forms[i].name,
                  memory.value);
    }
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_TPR, 0);
}
