/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/selftest.h"

#include <string.h>

#include "apic/local.h"
#include "apic/policy.h"
#include "core/backend.h"
#include "core/entry.h"
#include "core/findings.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/step.h"
#include "core/vcpu.h"
#include "probe/selftest_apicv.h"
#include "probe/selftest_audit.h"
#include "probe/selftest_decode_assists.h"
#include "probe/selftest_exceptions.h"
#include "probe/selftest_measure.h"
#include "probe/selftest_nmi.h"
#include "probe/selftest_startup.h"
#include "probe/selftest_x2apic.h"
#include "probe/selftest_step.h"
#include "strategies/bind.h"
#include "strategies/operations.h"
#include "x86/registers.h"

#define CODE            0x400           /* after the interrupt vectors */
#define REAL_CODE       0x09b
#define REAL_DATA       0x093
#define TEST_PRIORITY   0x10
#define FIRST_INTERRUPT 32

extern const char selftest_guest_start[], selftest_guest_end[], selftest_apic[];
extern const char selftest_handler_nmi[], selftest_handler_divide[];
extern const char selftest_handler_interrupt[], selftest_hypercall[];

static uint16_t *page;                  /* the micro-guest's memory, at its address 0 */
static bool running;
static bool stepped;                    /* the step that was asked for ended */
static const char *ended_by;            /* NULL: the hypercall */
static char refusal[512];               /* the backend cannot be used: why; "": it can */

uint16_t selftest_address(const char *label)
{
    return (uint16_t)(CODE + (label - selftest_guest_start));
}

uint16_t selftest_word(uint16_t address)
{
    return page[address / 2];
}

bool selftest_stepped(void)
{
    return stepped;
}

const char *selftest_ended_by(void)
{
    return ended_by;
}

static void leave(struct cpu *cpu)
{
    cpu->leave_guest = true;
    entry_post(cpu);
}

bool selftest_ends(struct cpu *cpu, const char *unexpected)
{
    if (!running)
        return false;
    ended_by = unexpected;
    leave(cpu);
    return true;
}

void selftest_step_ended(struct cpu *cpu, bool finished)
{
    stepped = finished;
    if (finished)
        leave(cpu);
}

void selftest_reset(struct cpu *cpu, const char *label)
{
    struct segment_state zero = { .attributes = REAL_DATA, .limit = 0xffff };
    struct segment_state code = { .attributes = REAL_CODE, .limit = 0xffff };
    struct segment_state apic = { .attributes = REAL_DATA, .limit = 0xfff,
                                  .base = cpu->apic.base };
    struct initial_state state;

    initial_state_for_sipi(0, 0, CR0_ET, &state);
    state.cs = code;
    state.ds = apic;
    state.es = state.ss = zero;
    state.rip = selftest_address(label);
    state.rsp = SELFTEST_STACK_TOP;
    vcpu_load_state(cpu, &state);
    stepped = false;
    ended_by = NULL;
}

const char *selftest_enter(struct cpu *cpu)
{
    running = true;
    backend->run(cpu);
    running = false;
    return ended_by;
}

static enum selftest_verdict verdict_of(const char *detail)
{
    if (!detail || selftest_is_remark(detail))
        return SELFTEST_PASSED;
    return detail == selftest_startup_limited || detail == selftest_apicv_limited
         ? SELFTEST_LIMITED : SELFTEST_FAILED;
}

const char *selftest_apic_page(struct cpu *cpu)
{
    uint64_t writes = cpu->counters[COUNTER_APIC_WRITE];
    uint32_t before = local_apic_read(APIC_TPR);
    uint32_t seen;

    binding.apic->attach(cpu);
    selftest_reset(cpu, selftest_apic);
    cpu->registers->rax = before ^ TEST_PRIORITY;
    cpu->registers->rdx = before;
    selftest_enter(cpu);
    seen = (uint32_t)cpu->registers->rbx;
    if (ended_by)
        return ended_by;
    if (cpu->counters[COUNTER_APIC_WRITE] != writes + 2)
        return "a write to the APIC page was not seen";
    if (seen != (before ^ TEST_PRIORITY) || local_apic_read(APIC_TPR) != before)
        return "a write to the APIC page did not reach the register";
    return NULL;
}

/* Stepping is how it would get by without decoding. */
static const char *test_apic_decode(struct cpu *cpu)
{
    uint64_t decoded = cpu->counters[COUNTER_APIC_DECODED];
    const char *problem = selftest_apic_page(cpu);

    if (!problem && cpu->counters[COUNTER_APIC_DECODED] != decoded + 2)
        return "a write to the APIC page was stepped, not decoded";
    return problem;
}

static const struct {
    enum strategy_id id;
    const char *(*test)(struct cpu *cpu);   /* what went wrong; NULL: nothing */
} tests[] = {
    { STRATEGY_STARTUP_SIPI, selftest_startup },
    { STRATEGY_STEP_MTF, selftest_step_mtf },
    { STRATEGY_STEP_DBSTEP, selftest_step_dbstep },    /* after the others: those below step with it */
    { STRATEGY_APIC_APICV, selftest_apicv_run },
    { STRATEGY_APIC_DECODE, test_apic_decode },
    { STRATEGY_APIC_PAGE, selftest_apic_page },
    { STRATEGY_X2APIC_MSR, selftest_x2apic_msr },
    { STRATEGY_X2APIC_APICV, selftest_apicv_x2apic },
    { STRATEGY_NMI_VNMI, selftest_nmi_run },
    { STRATEGY_NMI_POLL, selftest_nmi_run },
    { STRATEGY_NMI_IRET, selftest_nmi_iret },
};

static const struct {
    enum backend_id backend;
    enum capability_id id;
    const char *(*test)(struct cpu *cpu);
} capability_tests[SELFTEST_CAPABILITIES] = {
    { BACKEND_SVM, CAPABILITY_SVM_DECODE_ASSISTS, selftest_decode_assists },
};

static void bind_for_tests(struct strategy_set set, const struct capabilities *capabilities,
                           enum backend_id id)
{
    /* Last first, so that the best of each axis stays bound. */
    for (unsigned strategy = STRATEGY_COUNT; strategy-- > 0;) {
        if (strategy_is_bindable(capabilities, set, id, strategy))
            strategies_bind(strategy);
    }
}

void selftest_map(struct cpu *cpu)
{
    backend->page_map(cpu, 0, physical_of(page), PAGE_READ_WRITE);
}

/* Where firmware has left the APIC in x2APIC mode the micro-guest gets a page all the same: that of a
 * guest whose accesses are translated. */
static void show_xapic_page(struct cpu *cpu)
{
    if (cpu->apic.mode != APIC_MODE_X2APIC)
        return;
    cpu->apic.mode = APIC_MODE_XAPIC;
    cpu->apic.reads_closed = true;
    binding.apic->attach(cpu);
}

static void prepare(struct cpu *cpu, const struct capabilities *capabilities)
{
    page = hidden_allocate(4096, 4096);
    page[VECTOR_DE * 2] = selftest_address(selftest_handler_divide);
    page[VECTOR_NMI * 2] = selftest_address(selftest_handler_nmi);
    for (unsigned vector = FIRST_INTERRUPT; vector <= UINT8_MAX; vector++)
        page[vector * 2] = selftest_address(selftest_handler_interrupt);
    memcpy((char *)page + CODE, selftest_guest_start,
           (size_t)(selftest_guest_end - selftest_guest_start));
    memcpy((char *)page + selftest_address(selftest_hypercall), backend->hypercall,
           sizeof backend->hypercall);
    if (!backend->prepare(capabilities, refusal, sizeof refusal))
        return;
    backend->enable(cpu);
    apic_policy_prepare();
    vcpu_prepare(cpu);
    show_xapic_page(cpu);
    selftest_map(cpu);
}

/* What both kinds of test have in common; the caller has said what was tested. */
static void run_test(struct cpu *cpu, const char *(*test)(struct cpu *cpu),
                     struct selftest_result *result)
{
    uint64_t exits = cpu->counters[COUNTER_EXITS], start = tsc_read();

    result->detail = refusal[0] ? refusal : test(cpu);
    result->verdict = verdict_of(result->detail);
    result->ticks = tsc_read() - start;
    result->exits = (uint32_t)(cpu->counters[COUNTER_EXITS] - exits);
}

/* First, so that the strategies are tested with what was found. */
static size_t test_capabilities(struct cpu *cpu, struct capabilities *capabilities,
                                enum backend_id id, struct selftest_result *results, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < SELFTEST_CAPABILITIES && count < room; i++) {
        enum capability_id capability = capability_tests[i].id;
        struct selftest_result *result = &results[count];

        if (capability_tests[i].backend != id || !capability_has(capabilities, capability))
            continue;
        result->strategy = STRATEGY_NONE;
        result->capability = (uint16_t)capability;
        run_test(cpu, capability_tests[i].test, result);
        if (result->verdict == SELFTEST_PASSED)
            capability_mark_verified(capabilities, capability);
        else
            capability_mark_broken(capabilities, capability);
        count++;
    }
    return count;
}

static size_t test_strategies(struct cpu *cpu, struct capabilities *capabilities,
                              enum backend_id id, struct selftest_result *results, size_t room)
{
    struct strategy_set set = strategies_implemented();
    size_t count = 0;

    for (size_t i = 0; i < sizeof tests / sizeof tests[0] && count < room; i++) {
        struct selftest_result *result = &results[count];

        if (!strategy_is_bindable(capabilities, set, id, tests[i].id)
            || (tests[i].id == STRATEGY_STARTUP_SIPI && cpu_count < 2))
            continue;
        strategies_bind(tests[i].id);
        result->strategy = tests[i].id;
        run_test(cpu, tests[i].test, result);
        if (result->verdict == SELFTEST_PASSED)
            result->cost = selftest_measure(cpu, strategy_row(tests[i].id)->axis);
        selection_mark_selftest(capabilities, id, tests[i].id, result->verdict);
        count++;
        step_cancel(cpu);
    }
    return count;
}

static void note_audit(struct cpu *cpu)
{
    char sentence[320];

    selftest_audit(cpu, sentence, sizeof sentence);
    findings_note(sentence);
}

size_t selftest_run(struct capabilities *capabilities, enum backend_id id,
                    struct selftest_result *results, size_t room)
{
    struct strategy_set set = strategies_implemented();
    struct cpu *cpu = this_cpu();
    struct general_registers registers = { 0 };
    size_t count;

    if (!strategy_is_bindable(capabilities, set, id, STRATEGY_STEP_DBSTEP))
        return 0;
    strategies_bind_backend(id);
    bind_for_tests(set, capabilities, id);
    /* With an axis that nothing can be bound to no guest runs, the micro-guest neither. */
    if (!binding.startup || !binding.apic || !binding.x2apic || !binding.step || !binding.nmi)
        return 0;
    cpu->registers = &registers;
    prepare(cpu, capabilities);
    if (!refusal[0] && id == BACKEND_VMX)
        selftest_exceptions(cpu);
    count = test_capabilities(cpu, capabilities, id, results, room);
    count += test_strategies(cpu, capabilities, id, results + count, room - count);
    if (!refusal[0] && id == BACKEND_VMX && cpu->launched)
        note_audit(cpu);
    if (!refusal[0])
        backend->page_restore(cpu, 0);
    cpu_forget_exits(cpu);
    return count;
}
