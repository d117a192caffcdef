/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * level: level-triggered interrupts through the I/O APIC.
 *
 * Matters because the end of such an interrupt is a message to the I/O APIC, which asks again while
 * the line is active: a hypervisor that ends interrupts for its guest must not do that early (a storm),
 * late or twice, and the hardware's order of ending them need not be the guest's. The lines are the
 * real-time clock's (periodic: active until register C is read) and the serial port's (transmitter
 * empty: active while enabled); and there are messages that say that they are level-triggered.
 *
 * Needs an I/O APIC at 0xFEC00000 whose inputs 8 and 4 are IRQ 8 and IRQ 4, as on every PC.
 * No `# differs:` lines.
 * Source: SDM Vol 3: APIC > Handling Interrupts; the data sheet of the 82093AA I/O APIC.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "delay.h"
#include "interrupts.h"
#include "tap.h"
#include "x86.h"

#define IO_APIC             0xfec00000ul
#define IO_APIC_VERSION     1
#define REDIRECTION         0x10
    #define REDIRECTION_REMOTE_IRR  0x4000u
    #define REDIRECTION_LEVEL       0x8000u
    #define REDIRECTION_MASKED      0x10000u
#define INPUT_CLOCK         8
#define INPUT_SERIAL        4

#define VECTOR_LOW          0x31
#define VECTOR_SERIAL       0x41
#define VECTOR_HIGH         0x51
#define VECTOR_CLOCK        0x61

#define RTC_INDEX           0x70
#define RTC_DATA            0x71
#define RTC_A               0x0a
    #define RTC_1024_HZ         0x26
#define RTC_B               0x0b
    #define RTC_PERIODIC        0x40
#define RTC_C               0x0c        /* a read makes the line inactive */

#define SERIAL_ENABLE       0x3f9
    #define TRANSMITTER_EMPTY   0x02
#define SERIAL_MODEM        0x3fc
    #define MODEM_DTR_RTS_OUT2  0x0b

#define MANY                200u

static unsigned clock_taken, serial_taken;
static unsigned clock_again;        /* times that the handler leaves the line active */
static bool nest;                   /* the serial handler lets interrupts in before its EOI */
static bool raise_in_serial;        /* it makes the clock's line active, and waits for that */
static unsigned wrong_mode, early;  /* TMR bit clear; ended before the handler's EOI */
static unsigned order[8], ended;

static uint32_t io_apic_read(unsigned index)
{
    *(volatile uint32_t *)IO_APIC = index;
    return *(volatile uint32_t *)(IO_APIC + 0x10);
}

static void io_apic_write(unsigned index, uint32_t value)
{
    *(volatile uint32_t *)IO_APIC = index;
    *(volatile uint32_t *)(IO_APIC + 0x10) = value;
}

static void route(unsigned input, uint32_t low)
{
    io_apic_write(REDIRECTION + 2 * input, REDIRECTION_MASKED);
    io_apic_write(REDIRECTION + 2 * input + 1, this_cpu()->apic_id << 24);
    io_apic_write(REDIRECTION + 2 * input, low);
}

static bool remote_irr(unsigned input)
{
    return (io_apic_read(REDIRECTION + 2 * input) & REDIRECTION_REMOTE_IRR) != 0;
}

static uint8_t rtc_read(uint8_t index)
{
    outb(RTC_INDEX, index);
    return inb(RTC_DATA);
}

static void rtc_write(uint8_t index, uint8_t value)
{
    outb(RTC_INDEX, index);
    outb(RTC_DATA, value);
}

static void clock_lower(void)
{
    rtc_write(RTC_B, rtc_read(RTC_B) & (uint8_t)~RTC_PERIODIC);
    (void)rtc_read(RTC_C);
}

/* Within a millisecond. */
static void clock_raise(void)
{
    rtc_write(RTC_B, rtc_read(RTC_B) | RTC_PERIODIC);
}

static void serial_set(bool active)
{
    outb(SERIAL_ENABLE, active ? TRANSMITTER_EMPTY : 0);
}

static void note(unsigned vector, unsigned input)
{
    wrong_mode += !apic_bit(APIC_TMR, (uint8_t)vector);
    early += !remote_irr(input);
}

static void end(unsigned vector)
{
    if (ended < sizeof(order) / sizeof(order[0]))
        order[ended] = vector;
    ended++;
    apic_eoi();
}

static void clock_handler(struct frame *frame)
{
    note((unsigned)frame->vector, INPUT_CLOCK);
    clock_taken++;
    if (clock_again > 0)
        clock_again--;
    else
        clock_lower();
    end(VECTOR_CLOCK);
}

static unsigned clock_now(void)
{
    return __atomic_load_n(&clock_taken, __ATOMIC_SEQ_CST);
}

static unsigned serial_now(void)
{
    return __atomic_load_n(&serial_taken, __ATOMIC_SEQ_CST);
}

static void serial_handler(struct frame *frame)
{
    note((unsigned)frame->vector, INPUT_SERIAL);
    serial_taken++;
    serial_set(false);
    if (raise_in_serial) {
        clock_raise();
        (void)WAIT_UNTIL(remote_irr(INPUT_CLOCK));
    }
    if (nest) {
        unsigned before = clock_now();
        clock_raise();
        interrupts_on();
        (void)WAIT_UNTIL(clock_now() != before);
        interrupts_off();
    }
    end(VECTOR_SERIAL);
}

static void start(void)
{
    clock_taken = serial_taken = 0;
    ended = 0;
}

static bool at_rest(void)
{
    return apic_bits_empty(APIC_ISR) && apic_bits_empty(APIC_IRR) && !remote_irr(INPUT_CLOCK) &&
           !remote_irr(INPUT_SERIAL);
}

static void one_at_a_time(void)
{
    start();
    clock_raise();
    interrupts_on();
    (void)WAIT_UNTIL(clock_now() != 0);
    delay_microseconds(1000);
    interrupts_off();
    tap_count(clock_taken, 1, "the line is lowered before EOI: interrupts");
    tap_check(at_rest(), "nothing requested, in service or remembered by the I/O APIC");

    start();
    clock_again = 2;
    clock_raise();
    interrupts_on();
    (void)WAIT_UNTIL(clock_now() == 3);
    delay_microseconds(1000);
    interrupts_off();
    tap_count(clock_taken, 3, "the line stays active for two more EOIs: interrupts");
    tap_check(at_rest(), "nothing requested, in service or remembered by the I/O APIC");
}

static void while_disabled(void)
{
    start();
    clock_raise();
    tap_check(WAIT_UNTIL(apic_bit(APIC_IRR, VECTOR_CLOCK)),
              "with interrupts off it is requested");
    tap_check(remote_irr(INPUT_CLOCK), "the I/O APIC waits for the EOI");
    interrupts_on();
    (void)WAIT_UNTIL(clock_now() != 0);
    interrupts_off();
    tap_count(clock_taken, 1, "taken when they are on: interrupts");

    start();
    apic_write(APIC_TPR, 0x70);
    clock_raise();
    interrupts_on();
    bool requested = WAIT_UNTIL(apic_bit(APIC_IRR, VECTOR_CLOCK));
    tap_check(requested && clock_now() == 0, "the task priority holds it back");
    apic_write(APIC_TPR, 0);
    (void)WAIT_UNTIL(clock_now() != 0);
    interrupts_off();
    tap_count(clock_taken, 1, "and lets it in: interrupts");
    tap_check(at_rest(), "nothing requested, in service or remembered by the I/O APIC");
}

static void two_sources(void)
{
    start();
    nest = true;
    serial_set(true);
    interrupts_on();
    (void)WAIT_UNTIL(serial_now() == 1);
    delay_microseconds(1000);
    interrupts_off();
    nest = false;
    tap_check(clock_taken == 1 && serial_taken == 1 && ended == 2 && order[0] == VECTOR_CLOCK,
              "the higher nested in the lower: %u and %u, 0x%x ended first", clock_taken,
              serial_taken, order[0]);
    tap_check(at_rest(), "nothing requested, in service or remembered by the I/O APIC");

    /* The hardware's highest is then not the one that the guest ends first. */
    start();
    raise_in_serial = true;
    serial_set(true);
    interrupts_on();
    (void)WAIT_UNTIL(clock_now() == 1);
    delay_microseconds(1000);
    interrupts_off();
    raise_in_serial = false;
    tap_check(clock_taken == 1 && serial_taken == 1 && ended == 2 && order[0] == VECTOR_SERIAL,
              "the higher requested while the lower is in service: %u and %u, 0x%x ended first",
              clock_taken, serial_taken, order[0]);
    tap_check(at_rest(), "nothing requested, in service or remembered by the I/O APIC");
}

static void many(void)
{
    start();
    clock_again = MANY - 1;
    clock_raise();
    interrupts_on();
    (void)WAIT_UNTIL(clock_now() == MANY);
    interrupts_off();
    tap_count(clock_taken, MANY, "one after the other: interrupts");
    tap_check(at_rest(), "nothing requested, in service or remembered by the I/O APIC");
}

#define LINE_TESTS 18

static void lines(void)
{
    wrong_mode = early = 0;
    one_at_a_time();
    while_disabled();
    two_sources();
    many();
    tap_count(wrong_mode, 0, "handlers that found the trigger mode bit clear");
    tap_count(early, 0, "handlers that found the interrupt ended before their EOI");
}

/* Messages that say they are level-triggered, which some APICs believe. */
static unsigned low_taken, high_taken;
static bool send_high;          /* from the handler of the lower */

static void self(unsigned vector)
{
    apic_send((uint8_t)this_cpu()->apic_id, ICR_FIXED | ICR_ASSERT | ICR_LEVEL_TRIGGER | vector);
}

static void high_handler(struct frame *frame)
{
    (void)frame;
    high_taken++;
    end(VECTOR_HIGH);
}

static void low_handler(struct frame *frame)
{
    (void)frame;
    low_taken++;
    if (send_high)
        self(VECTOR_HIGH);
    end(VECTOR_LOW);
}

static void messages(void)
{
    interrupts_set_handler(VECTOR_LOW, low_handler);
    interrupts_set_handler(VECTOR_HIGH, high_handler);
    interrupts_on();
    for (unsigned i = 0; i < MANY; i++)
        self(VECTOR_LOW);
    interrupts_off();
    tap_count(low_taken, MANY, "messages to itself: interrupts");

    ended = 0;
    send_high = true;
    self(VECTOR_LOW);
    interrupts_on();
    (void)WAIT_UNTIL(__atomic_load_n(&high_taken, __ATOMIC_SEQ_CST) != 0);
    interrupts_off();
    tap_check(high_taken == 1 && ended == 2 && order[0] == VECTOR_LOW,
              "a higher one requested meanwhile: %u, 0x%x ended first", high_taken, order[0]);
    tap_check(apic_bits_empty(APIC_ISR) && apic_bits_empty(APIC_IRR),
              "nothing requested, nothing in service");
}

/* Bochs has I/O APICs that do not. */
static bool asks_again(void)
{
    start();
    clock_again = 1;
    clock_raise();
    interrupts_on();
    (void)WAIT_UNTIL(clock_now() != 0);
    delay_microseconds(5000);
    interrupts_off();
    clock_again = 0;
    clock_lower();
    return clock_taken > 1;
}

void guest_main(void)
{
    tap_plan(1 + 3 + LINE_TESTS);
    uint32_t version = io_apic_read(IO_APIC_VERSION) & 0xff;
    tap_check(version >= 0x11 && version <= 0x2f, "an I/O APIC: version %#x", version);
    interrupts_set_handler(VECTOR_CLOCK, clock_handler);
    interrupts_set_handler(VECTOR_SERIAL, serial_handler);
    clock_lower();
    rtc_write(RTC_A, RTC_1024_HZ);
    outb(SERIAL_MODEM, MODEM_DTR_RTS_OUT2);
    route(INPUT_CLOCK, REDIRECTION_LEVEL | VECTOR_CLOCK);
    route(INPUT_SERIAL, REDIRECTION_LEVEL | VECTOR_SERIAL);

    messages();
    if (asks_again())
        lines();
    else
        tap_skip(LINE_TESTS, "this I/O APIC does not ask again at EOI", "active lines");
    route(INPUT_CLOCK, REDIRECTION_MASKED);
    route(INPUT_SERIAL, REDIRECTION_MASKED);
}
