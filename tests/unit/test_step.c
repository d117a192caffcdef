/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trap of the guest's that MOV SS holds for the instruction that is stepped: it comes when the step has
 * finished, once, together with a trap of the instruction's own; a fault of the instruction takes it away.
 * SDM Vol 3: Interrupt and Exception Handling > Masking Exceptions and Interrupts When Switching Stacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/step.c"

struct binding binding;
static uint64_t dr6, own_dr6;   /* the register; 0, or what the instruction's own trap leaves there */
static unsigned raised, ended;

void hidden_step_finished(struct cpu *cpu) { (void)cpu; }
void hidden_step_cancelled(struct cpu *cpu) { (void)cpu; }
void apic_shadow_flags_pushed(struct cpu *cpu) { (void)cpu; }
void selftest_step_ended(struct cpu *cpu, bool passed) { (void)cpu; (void)passed; }
void event_raise(struct cpu *cpu, uint8_t vector, bool has_error, uint32_t error)
{
    (void)has_error, (void)error;
    raised++;
    cpu->event = (struct event){ .valid = true, .vector = vector };
}

static uint64_t register_read(struct cpu *cpu, enum guest_register which)
{
    (void)cpu;
    assert_int_equal(which, GUEST_DR6);
    return dr6;
}

static void register_write(struct cpu *cpu, enum guest_register which, uint64_t value)
{
    (void)cpu;
    assert_int_equal(which, GUEST_DR6);
    dr6 = value;
}

static void begin(struct cpu *cpu)
{
    cpu->step.held_hits = 1u << 1;
    cpu->step.owners |= STEP_OWNER_HELD_TRAP;
}

static void finish(struct cpu *cpu)
{
    if (!own_dr6)
        return;
    dr6 = own_dr6;
    event_raise(cpu, VECTOR_DB, false, 0);
}

static void nothing(struct cpu *cpu) { (void)cpu; }
static void tell(struct cpu *cpu) { (void)cpu; ended++; }

const struct apic_operations apic_page_operations = { .name = "page" };
static const struct apic_operations apic = {
    .name = "test", .step_finished = tell, .step_cancelled = tell,
};
static const struct step_operations step = {
    .name = "test", .begin = begin, .finish = finish, .cancel = nothing,
};
static const struct backend test_backend = {
    .name = "test", .register_read = register_read, .register_write = register_write,
};
const struct backend *backend = &test_backend;

static struct cpu new_step(void)
{
    struct cpu cpu = { .apic = { .mode = APIC_MODE_XAPIC } };

    binding.apic = &apic;
    binding.step = &step;
    raised = ended = 0;
    own_dr6 = 0;
    dr6 = DR6_INIT | 1;     /* of an earlier trap */
    step_begin(&cpu, STEP_OWNER_APIC, false);
    return cpu;
}

static void test_comes_when_the_step_has_finished(void **state)
{
    struct cpu cpu = new_step();

    (void)state;
    assert_int_equal(raised, 0);
    step_finish(&cpu);
    assert_int_equal(raised, 1);
    assert_int_equal(cpu.event.vector, VECTOR_DB);
    assert_int_equal(dr6, DR6_INIT | 2);
    assert_int_equal(ended, 1);
}

static void test_comes_together_with_the_own_trap(void **state)
{
    struct cpu cpu = new_step();

    (void)state;
    own_dr6 = DR6_INIT | DR6_BS | 4;
    step_finish(&cpu);
    assert_int_equal(raised, 1);
    assert_int_equal(dr6, DR6_INIT | DR6_BS | 4 | 2);
}

static void test_a_fault_takes_it_away(void **state)
{
    struct cpu cpu = new_step();

    (void)state;
    step_cancel(&cpu);
    assert_int_equal(raised, 0);
    assert_int_equal(dr6, DR6_INIT | 1);
    assert_int_equal(ended, 1);
    assert_false(step_active(&cpu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_when_the_step_has_finished),
        cmocka_unit_test(test_comes_together_with_the_own_trap),
        cmocka_unit_test(test_a_fault_takes_it_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
