/* SPDX-License-Identifier: BSD-2-Clause */
/* The console's sinks. Serial: 16550 UART, polled, with a bound so that a missing or stuck port
 * costs time but never hangs. */
#include "lib/console.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "boot/layout.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "x86/io.h"

#define UART_DATA               0
#define UART_INTERRUPT_ENABLE   1
#define UART_FIFO_CONTROL       2
#define UART_LINE_CONTROL       3
#define   UART_DIVISOR_LATCH    0x80
#define   UART_8N1              0x03
#define UART_MODEM_CONTROL      4
#define   UART_DTR_RTS          0x03
#define UART_LINE_STATUS        5
#define   UART_TRANSMIT_EMPTY   0x20
#define   UART_ALL_SENT         0x40
#define UART_POLL_LIMIT         100000

#define VGA_TEXT                ((volatile uint16_t *)(DIRECT_MAP + 0xb8000))
#define VGA_COLUMNS             80
#define VGA_ROWS                25
#define VGA_ATTRIBUTE           0x0700

static uint32_t sinks;
static unsigned vga_column, vga_row;
static struct spinlock lock = SPINLOCK_INIT;
static bool lock_broken;

static void uart_initialise(uint16_t base)
{
    out8(base + UART_INTERRUPT_ENABLE, 0);
    out8(base + UART_LINE_CONTROL, UART_DIVISOR_LATCH);
    out8(base + UART_DATA, 1);
    out8(base + UART_INTERRUPT_ENABLE, 0);
    out8(base + UART_LINE_CONTROL, UART_8N1);
    out8(base + UART_FIFO_CONTROL, 0x07);
    out8(base + UART_MODEM_CONTROL, UART_DTR_RTS);
}

static void uart_wait(uint16_t base, uint8_t status)
{
    for (unsigned i = 0; i < UART_POLL_LIMIT; i++) {
        if (in8(base + UART_LINE_STATUS) & status)
            break;
    }
}

static void uart_put(uint16_t base, char c)
{
    uart_wait(base, UART_TRANSMIT_EMPTY);
    out8(base + UART_DATA, (uint8_t)c);
}

static void vga_new_line(void)
{
    vga_column = 0;
    if (++vga_row < VGA_ROWS)
        return;
    vga_row = VGA_ROWS - 1;
    for (unsigned i = 0; i < VGA_COLUMNS * (VGA_ROWS - 1); i++)
        VGA_TEXT[i] = VGA_TEXT[i + VGA_COLUMNS];
    for (unsigned i = 0; i < VGA_COLUMNS; i++)
        VGA_TEXT[VGA_COLUMNS * (VGA_ROWS - 1) + i] = VGA_ATTRIBUTE | ' ';
}

static void vga_put(char c)
{
    if (c == '\n') {
        vga_new_line();
        return;
    }
    if (vga_column == VGA_COLUMNS)
        vga_new_line();
    VGA_TEXT[vga_row * VGA_COLUMNS + vga_column++] = VGA_ATTRIBUTE | (uint8_t)c;
}

static void put(char c)
{
    static const uint16_t serial[] = { 0x3f8, 0x2f8 };

    for (unsigned i = 0; i < 2; i++) {
        if (!(sinks & CONSOLE_COM1 << i))
            continue;
        if (c == '\n')
            uart_put(serial[i], '\r');
        uart_put(serial[i], c);
    }
    if (sinks & CONSOLE_E9)
        out8(0xe9, (uint8_t)c);
    if (sinks & CONSOLE_VGA)
        vga_put(c);
}

void console_select(uint32_t selected)
{
    sinks = selected;
    console_reclaim();
}

void console_reclaim(void)
{
    if (sinks & CONSOLE_COM1)
        uart_initialise(0x3f8);
    if (sinks & CONSOLE_COM2)
        uart_initialise(0x2f8);
}

void console_drain(void)
{
    if (sinks & CONSOLE_COM1)
        uart_wait(0x3f8, UART_ALL_SENT);
    if (sinks & CONSOLE_COM2)
        uart_wait(0x2f8, UART_ALL_SENT);
}

void console_write(const char *bytes, size_t length)
{
    bool locked = !lock_broken;

    if (locked)
        spinlock_take(&lock);
    for (size_t i = 0; i < length; i++)
        put(bytes[i]);
    if (locked)
        spinlock_release(&lock);
}

void console_print(const char *format, ...)
{
    char text[512];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = format_text_list(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    console_write(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void console_break_lock(void)
{
    lock_broken = true;
}
