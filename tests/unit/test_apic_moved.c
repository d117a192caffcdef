/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's WRMSR moves its local APIC's page while a step on that page is under way, or while the page
 * that it moves to is remembered as code: the step ends without a register being written, and the code
 * is looked for anew.
 * SDM Vol 3: APIC > Local APIC > Relocating the Local APIC Registers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/guest_code.c"
#include "core/guest_memory.c"
#include "core/step.c"
#include "x2apic/base.c"

#define HOME        UINT64_C(0xfee00000)
#define ELSEWHERE   UINT64_C(0x00200000)

struct machine machine = { .physical_address_bits = 40 };
struct hidden_region hidden_region;
struct binding binding;
static unsigned finished, cancelled, restored, attached;

uint64_t hidden_start(void) { return UINT64_C(0x70000000); }
uint64_t hidden_length(void) { return UINT64_C(0x200000); }
void hidden_step_finished(struct cpu *cpu) { (void)cpu; }
void hidden_step_cancelled(struct cpu *cpu) { (void)cpu; }
void apic_shadow_flags_pushed(struct cpu *cpu) { (void)cpu; }
void selftest_step_ended(struct cpu *cpu, bool passed) { (void)cpu; (void)passed; }
void event_raise(struct cpu *cpu, uint8_t vector, bool has_error, uint32_t error)
{
    (void)cpu, (void)vector, (void)has_error, (void)error;
}
uint32_t local_apic_read(uint32_t offset) { (void)offset; return 0; }
void local_apic_write(uint32_t offset, uint32_t value) { (void)offset; (void)value; }
void local_apic_init_state(void) { }
void local_apic_follow_mode(void) { }
void apic_set_irregular(struct cpu *cpu, bool irregular) { (void)cpu; (void)irregular; }
void apic_policy_icr_disturbed(struct cpu *cpu) { (void)cpu; }
bool msr_read_safe(uint32_t index, uint64_t *value) { (void)index; (void)value; return false; }
bool msr_write_safe(uint32_t index, uint64_t value) { (void)index; (void)value; return false; }

static void begin_or_finish_step(struct cpu *cpu) { (void)cpu; restored++; }
static void attach(struct cpu *cpu) { (void)cpu; attached++; }
static void step_finished(struct cpu *cpu) { (void)cpu; finished++; }
static void step_cancelled(struct cpu *cpu) { (void)cpu; cancelled++; }
static void mode_changed(struct cpu *cpu) { (void)cpu; }
static void page_restore(struct cpu *cpu, uint64_t physical) { (void)cpu; (void)physical; }

const struct apic_operations apic_page_operations = { .name = "page" };
static const struct apic_operations apic = {
    .name = "test", .attach = attach, .step_finished = step_finished, .step_cancelled = step_cancelled,
};
static const struct step_operations step = {
    .name = "test", .begin = begin_or_finish_step, .finish = begin_or_finish_step,
    .cancel = begin_or_finish_step,
};
static const struct x2apic_operations x2apic = { .name = "test", .mode_changed = mode_changed };
static const struct backend test_backend = { .name = "test", .page_restore = page_restore };
const struct backend *backend = &test_backend;

static struct cpu cpu;
static struct guest_code codes[GUEST_CODES];

static int set_up(void **state)
{
    (void)state;
    cpu = (struct cpu){ .code = codes,
                       .apic = { .mode = APIC_MODE_XAPIC, .base = HOME, .hardware_base = HOME } };
    binding = (struct binding){ .apic = &apic, .step = &step, .x2apic = &x2apic };
    finished = cancelled = restored = attached = 0;
    return 0;
}

static void move(uint64_t to)
{
    assert_true(guest_apic_base_write(&cpu, to | APIC_BASE_EN));
}

static void test_step_ends_without_a_write(void **state)
{
    (void)state;
    step_begin(&cpu, STEP_OWNER_APIC, false);
    move(ELSEWHERE);
    assert_true(step_active(&cpu));
    assert_int_equal(attached, 1);
    step_finish(&cpu);
    assert_int_equal(finished, 0);
    assert_int_equal(restored, 2);
    assert_false(step_active(&cpu));
}

static void test_cancelled_step(void **state)
{
    (void)state;
    step_begin(&cpu, STEP_OWNER_APIC, false);
    move(ELSEWHERE);
    step_cancel(&cpu);
    assert_int_equal(cancelled, 0);
    assert_int_equal(restored, 2);
}

static void test_next_step_is_told(void **state)
{
    (void)state;
    step_begin(&cpu, STEP_OWNER_APIC, false);
    move(ELSEWHERE);
    step_finish(&cpu);
    step_begin(&cpu, STEP_OWNER_APIC, false);
    step_finish(&cpu);
    assert_int_equal(finished, 1);
}

/* The page stays where it is: nothing is lost. */
static void test_same_place(void **state)
{
    (void)state;
    cpu.code[0].cr3 = 0x1000;
    step_begin(&cpu, STEP_OWNER_APIC, false);
    move(HOME);
    step_finish(&cpu);
    assert_int_equal(finished, 1);
    assert_int_equal(cpu.code[0].cr3, 0x1000);
}

static void test_code_is_forgotten(void **state)
{
    struct execution_state here = { .rip = 5, .cr3 = 0x1000, .cs_attributes = SEGMENT_CODE_64 };

    (void)state;
    for (unsigned i = 0; i < GUEST_CODES; i++)
        cpu.code[i].cr3 = 0x1000;
    cpu.code[5].rip = 5;
    assert_true(guest_code_is_at(&cpu.code[5], &here));
    move(ELSEWHERE);
    assert_false(guest_code_is_at(&cpu.code[5], &here));
    for (unsigned i = 0; i < GUEST_CODES; i++)
        assert_true(cpu.code[i].cr3 == NOT_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_step_ends_without_a_write, set_up),
        cmocka_unit_test_setup(test_cancelled_step, set_up),
        cmocka_unit_test_setup(test_next_step_is_told, set_up),
        cmocka_unit_test_setup(test_same_place, set_up),
        cmocka_unit_test_setup(test_code_is_forgotten, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
