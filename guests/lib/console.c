/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serial console of the test guests: a polled 16550 and a formatted print of integers and strings.
 * Source: National Semiconductor PC16550D data sheet: Registers.
 */
#include "console.h"

#include <stdbool.h>
#include <stdint.h>

#include "x86.h"

#define COM1                     0x3f8
#define UART_DATA                (COM1 + 0)
#define UART_DIVISOR_LOW         (COM1 + 0)
#define UART_INTERRUPT_ENABLE    (COM1 + 1)
#define UART_DIVISOR_HIGH        (COM1 + 1)
#define UART_FIFO_CONTROL        (COM1 + 2)
    #define FIFO_ENABLE_AND_CLEAR    0x07
#define UART_LINE_CONTROL        (COM1 + 3)
    #define LINE_8N1                 0x03
    #define LINE_DIVISOR_ACCESS      0x80
#define UART_MODEM_CONTROL       (COM1 + 4)
    #define MODEM_DTR_RTS            0x03
#define UART_LINE_STATUS         (COM1 + 5)
    #define STATUS_HOLDING_EMPTY     0x20
    #define STATUS_TRANSMITTER_EMPTY 0x40

struct conversion {
    bool prefix;
    bool zero_padding;
    bool is_long;
    unsigned width;
};

void console_initialise(void)
{
    outb(UART_INTERRUPT_ENABLE, 0);
    outb(UART_LINE_CONTROL, LINE_DIVISOR_ACCESS);
    outb(UART_DIVISOR_LOW, 1);
    outb(UART_DIVISOR_HIGH, 0);
    outb(UART_LINE_CONTROL, LINE_8N1);
    outb(UART_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    outb(UART_MODEM_CONTROL, MODEM_DTR_RTS);
}

static void put_character(char character)
{
    while ((inb(UART_LINE_STATUS) & STATUS_HOLDING_EMPTY) == 0)
        pause();
    outb(UART_DATA, (uint8_t)character);
}

static void put_padded(const char *text, size_t length, const struct conversion *conversion,
                       char padding)
{
    for (size_t i = length; i < conversion->width; i++)
        put_character(padding);
    for (size_t i = 0; i < length; i++)
        put_character(text[i]);
}

static void put_string(const char *text, const struct conversion *conversion)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    put_padded(text, length, conversion, ' ');
}

static void put_number(uint64_t value, unsigned base, const struct conversion *conversion)
{
    char digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (conversion->prefix) {
        put_character('0');
        put_character('x');
    }
    put_padded(digits + first, sizeof(digits) - first, conversion,
               conversion->zero_padding ? '0' : ' ');
}

static void put_signed(int64_t value, const struct conversion *conversion)
{
    if (value < 0)
        put_character('-');
    put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, conversion);
}

static const char *parse_conversion(const char *format, struct conversion *conversion)
{
    *conversion = (struct conversion){ 0 };
    for (; *format == '#' || *format == '0'; format++) {
        conversion->prefix |= *format == '#';
        conversion->zero_padding |= *format == '0';
    }
    for (; *format >= '0' && *format <= '9'; format++)
        conversion->width = conversion->width * 10 + (unsigned)(*format - '0');
    for (; *format == 'l'; format++)
        conversion->is_long = true;
    return format;
}

void print_list(const char *format, va_list arguments)
{
    for (; *format != '\0'; format++) {
        struct conversion conversion;
        if (*format != '%') {
            put_character(*format);
            continue;
        }
        format = parse_conversion(format + 1, &conversion);
        if (*format == 's')
            put_string(va_arg(arguments, const char *), &conversion);
        else if (*format == 'c')
            put_character((char)va_arg(arguments, int));
        else if (*format == 'd')
            put_signed(conversion.is_long ? va_arg(arguments, long) : va_arg(arguments, int),
                       &conversion);
        else if (*format == 'u' || *format == 'x')
            put_number(conversion.is_long ? va_arg(arguments, unsigned long)
                                          : va_arg(arguments, unsigned),
                       *format == 'x' ? 16 : 10, &conversion);
        else
            put_character(*format);
    }
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
}

void console_drain(void)
{
    while ((inb(UART_LINE_STATUS) & STATUS_TRANSMITTER_EMPTY) == 0)
        pause();
}
