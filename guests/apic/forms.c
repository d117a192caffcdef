/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction forms on a register that keeps what is written: the timer's initial count (32 bits, timer masked) and the
 * task priority (8 bits). Memory is the oracle: each form runs on a word of RAM too, and the value that is left there,
 * the general registers and the arithmetic flags have to be the same.
 */
#include "apic.h"
#include "apic_test.h"
#include "tap.h"
#include "x86.h"

#define ARITHMETIC_FLAGS 0x8d5ul   /* OF, SF, ZF, AF, PF, CF */

struct result {
    uint64_t rax, rcx, rdx, rsi, rdi, flags;
    uint32_t value;
    uint32_t memory[2];
};

/* RDI and RBX = register, RSI = a word of RAM, RAX, RCX, RDX = numbers; (bits): which results the manual defines. */
#define FORMS(X)                                                                                    \
    X("mov register to APIC", "movl %%eax, (%%rbx)")                                                \
    X("mov immediate to APIC", "movl $0x5a, (%%rbx)")                                               \
    X("mov APIC to register", "movl (%%rbx), %%eax")                                                \
    X("mov APIC to EAX, 64-bit absolute address", "movl (%%rbx), %%eax\n\tmovl %%eax, %%edx")       \
    X("movslq APIC to register", "movslq (%%rbx), %%rax")                                           \
    X("add", "addl %%eax, (%%rbx)")                                                                 \
    X("lock add", "lock addl %%eax, (%%rbx)")                                                       \
    X("add APIC to register", "addl (%%rbx), %%eax")                                                \
    X("adc", "stc\n\tadcl %%eax, (%%rbx)")                                                          \
    X("sub immediate", "subl $1, (%%rbx)")                                                          \
    X("lock sub", "lock subl $1, (%%rbx)")                                                          \
    X("sbb", "stc\n\tsbbl $1, (%%rbx)")                                                             \
    X("or immediate", "orl $0x41, (%%rbx)")                                                         \
    X("lock or", "lock orl $0x41, (%%rbx)")                                                         \
    X("or APIC to register", "orl (%%rbx), %%eax")                                                  \
    X("and immediate", "andl $0x0f, (%%rbx)")                                                       \
    X("lock and", "lock andl $0x0f, (%%rbx)")                                                       \
    X("xor", "xorl %%eax, (%%rbx)")                                                                 \
    X("lock xor", "lock xorl %%eax, (%%rbx)")                                                       \
    X("inc", "incl (%%rbx)")                                                                        \
    X("lock inc", "lock incl (%%rbx)")                                                              \
    X("dec", "decl (%%rbx)")                                                                        \
    X("lock dec", "lock decl (%%rbx)")                                                              \
    X("xchg", "xchgl %%eax, (%%rbx)")                                                               \
    X("xadd", "xaddl %%eax, (%%rbx)")                                                               \
    X("lock xadd", "lock xaddl %%eax, (%%rbx)")                                                     \
    X("cmpxchg, equal", "movl $0x23, %%eax\n\tcmpxchgl %%edx, (%%rbx)")                             \
    X("cmpxchg, not equal", "movl $0x11, %%eax\n\tcmpxchgl %%edx, (%%rbx)")                         \
    X("lock cmpxchg, equal", "movl $0x23, %%eax\n\tlock cmpxchgl %%edx, (%%rbx)")                   \
    X("lock cmpxchg, not equal", "movl $0x11, %%eax\n\tlock cmpxchgl %%edx, (%%rbx)")               \
    X("cmp", "cmpl %%eax, (%%rbx)")                                                                 \
    X("test immediate", "testl $0x20, (%%rbx)")                                                     \
    X("bt", "btl $5, (%%rbx)")                                                                      \
    X("bts", "btsl $6, (%%rbx)")                                                                    \
    X("lock btr", "lock btrl $5, (%%rbx)")                                                          \
    X("btc", "btcl $1, (%%rbx)")                                                                    \
    X("shl by 1", "shll $1, (%%rbx)")                                                               \
    X("ror by 1, even number", "movl $0x22, (%%rbx)\n\trorl $1, (%%rbx)")                           \
    X("cmove, not moved", "cmpl $1, %%eax\n\tcmovel (%%rbx), %%edx")                                \
    X("movs RAM to APIC", "movsl")                                                                  \
    X("rep movs RAM to APIC, count 1", "movl $1, %%ecx\n\trep movsl")                               \
    X("movs APIC to RAM", "xchgq %%rsi, %%rdi\n\tmovsl")                                            \
    X("stos", "stosl")                                                                              \
    X("rep stos, count 1", "movl $1, %%ecx\n\trep stosl")                                           \
    X("lods", "xchgq %%rsi, %%rdi\n\tlodsl")                                                        \
    X("scas", "scasl")

typedef void form(struct result *result, volatile uint32_t *target);

#define DEFINE_FORM_2(number, text)                                                                 \
    static void form_##number(struct result *result, volatile uint32_t *target)                     \
    {                                                                                               \
        __asm__ volatile(text "\n\tpushfq\n\tpopq %5\n\tcld"                                        \
                         : "=a"(result->rax), "=c"(result->rcx), "=d"(result->rdx),                 \
                           "=S"(result->rsi), "=D"(result->rdi), "=r"(result->flags)                \
                         : "a"(0x12ul), "c"(0x3ul), "d"(0x34ul), "S"(result->memory), "D"(target),  \
                           "b"(target)                                                              \
                         : "memory", "cc");                                                         \
    }
#define DEFINE_FORM_1(number, text) DEFINE_FORM_2(number, text)
#define DEFINE_FORM(name, text) DEFINE_FORM_1(__COUNTER__, text)
