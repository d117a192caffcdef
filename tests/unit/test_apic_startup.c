/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start-up mailbox, against a CPU that keeps its events in a queue and handles them one by one.
 * Every sequence of up to six events, with the target looking or not after each, from every initial
 * state. test_apic_startup_concurrent.c has the senders that run at the same time.
 * SDM Vol 3: Multiple-Processor Management > Multiple-Processor (MP) Initialization.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apic/startup.h"

#define DEPTH 6

enum letter { L_INIT, L_SIPI_11, L_SIPI_22, L_NMI, L_LETTERS, L_BSP = L_LETTERS, L_ALL };

/* What can be seen of a CPU, and the queue of what it has not handled. */
struct queue_cpu {
    bool bootstrap;             /* IA32_APIC_BASE.BSP now; each event keeps what it was then */
    bool running;
    bool nmi_held;
    unsigned resets;            /* at most one a look: a reset that is overtaken is unseen */
    int started_at;             /* last start: vector, -1 reset vector, -2 none */
    unsigned nmis;
    struct {
        enum letter letter;
        bool bootstrap;
    } queue[DEPTH + 1];
    unsigned length;
};

/* The same, as the mailbox' actions make it. */
struct mailbox_cpu {
    struct startup_mailbox mailbox;
    bool running;
    unsigned resets;
    int started_at;
    unsigned nmis;
};

static void handle(struct queue_cpu *cpu, enum letter letter, bool bootstrap)
{
    switch (letter) {
    case L_INIT:
        cpu->nmi_held = false;
        cpu->running = bootstrap;
        cpu->started_at = bootstrap ? -1 : -2;
        break;
    case L_SIPI_11:
    case L_SIPI_22:
        if (!cpu->running) {
            cpu->running = true;
            cpu->started_at = letter == L_SIPI_11 ? 0x11 : 0x22;
        }
        break;
    default:
        cpu->nmi_held = true;
        break;
    }
}

static void look_queue(struct queue_cpu *cpu)
{
    bool reset = false;

    for (unsigned i = 0; i < cpu->length; i++) {
        reset |= cpu->queue[i].letter == L_INIT;
        handle(cpu, cpu->queue[i].letter, cpu->queue[i].bootstrap);
    }
    cpu->length = 0;
    cpu->resets += reset;
    if (cpu->running && cpu->nmi_held) {
        cpu->nmi_held = false;
        cpu->nmis++;
    }
}

static void look_mailbox(struct mailbox_cpu *cpu)
{
    struct startup_actions actions = startup_take(&cpu->mailbox);

    if (actions.init) {
        cpu->resets++;
        cpu->running = false;
        cpu->started_at = -2;
    }
    switch (actions.next) {
    case STARTUP_CONTINUE:
        assert_false(actions.init);
        break;
    case STARTUP_WAIT:
        assert_true(actions.init);
        break;
    case STARTUP_RESET_VECTOR:
        assert_true(actions.init);
        cpu->running = true;
        cpu->started_at = -1;
        break;
    case STARTUP_SIPI_VECTOR:
        assert_false(cpu->running);
        cpu->running = true;
        cpu->started_at = actions.vector;
        break;
    }
    if (actions.nmi) {
        assert_true(cpu->running);
        cpu->nmis++;
    }
}

static bool post_letter(struct mailbox_cpu *cpu, enum letter letter)
{
    switch (letter) {
    case L_INIT:
        return startup_post_init(&cpu->mailbox);
    case L_SIPI_11:
        return startup_post_sipi(&cpu->mailbox, 0x11);
    case L_SIPI_22:
        return startup_post_sipi(&cpu->mailbox, 0x22);
    default:
        return startup_post_nmi(&cpu->mailbox);
    }
}

static unsigned long compared;

static void compare(const struct queue_cpu *queue, const struct mailbox_cpu *mailbox,
                    const char *history)
{
    compared++;
    if (queue->running != mailbox->running || queue->started_at != mailbox->started_at ||
        queue->resets != mailbox->resets || queue->nmis != mailbox->nmis ||
        startup_is_waiting(&mailbox->mailbox) == queue->running ||
        startup_is_pending(&mailbox->mailbox)) {
        fail_msg("after %s: queue running %d at %d, %u resets, %u NMIs; "
                 "mailbox running %d at %d, %u resets, %u NMIs, word %x", history,
                 queue->running, queue->started_at, queue->resets, queue->nmis, mailbox->running,
                 mailbox->started_at, mailbox->resets, mailbox->nmis, mailbox->mailbox.word);
    }
}

/* One event more on both, in every way. A capital letter in the history is an event, '.' a look. */
static void explore(struct queue_cpu queue, struct mailbox_cpu mailbox, char *history,
                    unsigned depth, unsigned letters)
{
    if (depth == 0) {
        return;
    }
    for (enum letter letter = 0; letter < letters; letter++) {
        struct queue_cpu q = queue;
        struct mailbox_cpu m = mailbox;
        char *end = history + strlen(history);

        *end = "I12NB"[letter];
        end[1] = '\0';
        if (letter == L_BSP) {
            q.bootstrap = !q.bootstrap;
            startup_mailbox_set_bootstrap(&m.mailbox, q.bootstrap);
        } else {
            bool before = startup_is_pending(&m.mailbox);
            bool kick = post_letter(&m, letter);

            if (!before && kick != startup_is_pending(&m.mailbox)) {
                fail_msg("%s: kick %d, pending %d", history, kick, !kick);
            }
            q.queue[q.length].letter = letter;
            q.queue[q.length++].bootstrap = q.bootstrap;
        }
        explore(q, m, history, depth - 1, letters);
        *(end + 1) = '.';
        *(end + 2) = '\0';
        look_queue(&q);
        look_mailbox(&m);
        compare(&q, &m, history);
        explore(q, m, history, depth - 1, letters);
        *end = '\0';
    }
}

static void explore_all(unsigned depth, unsigned letters)
{
    for (int bootstrap = 0; bootstrap < 2; bootstrap++) {
        for (int waiting = 0; waiting < 2; waiting++) {
            struct queue_cpu queue = { .bootstrap = bootstrap, .running = !waiting,
                                       .started_at = -2 };
            struct mailbox_cpu mailbox = { .running = !waiting, .started_at = -2 };
            char history[4 * DEPTH + 4] = "";

            startup_mailbox_init(&mailbox.mailbox, bootstrap, waiting);
            explore(queue, mailbox, history, depth, letters);
        }
    }
}

static void every_sequence(void **state)
{
    unsigned long nodes = 0, width = 4;

    (void)state;
    compared = 0;
    explore_all(DEPTH, L_LETTERS);
    for (unsigned level = 1; level <= DEPTH; level++) {
        nodes += width;             /* 4 configurations x 4 letters x (2 x 4)^(level - 1) looks */
        width *= 2 * L_LETTERS;
    }
    assert_int_equal(compared, nodes * L_LETTERS);
}

static void every_sequence_with_bsp_changes(void **state)
{
    (void)state;
    compared = 0;
    explore_all(DEPTH - 1, L_ALL);
    assert_true(compared > 4 * 5 * 10 * 10 * 10 * 10);
}

/* The sequences that firmware and operating systems send, and the ones that broke others. */
static void named_sequences(void **state)
{
    static const struct {
        const char *events;     /* I, N, or a digit: SIPI with that vector */
        bool bootstrap, waiting;
        struct startup_actions expected;
    } rows[] = {
        { "I1", false, false, { .init = true, .next = STARTUP_SIPI_VECTOR, .vector = 1 } },
        { "I12", false, false, { .init = true, .next = STARTUP_SIPI_VECTOR, .vector = 1 } },
        { "1I", false, false, { .init = true, .next = STARTUP_WAIT } },
        { "I1I", false, false, { .init = true, .next = STARTUP_WAIT } },
        { "I1I2", false, false, { .init = true, .next = STARTUP_SIPI_VECTOR, .vector = 2 } },
        { "I11I22", false, true, { .init = true, .next = STARTUP_SIPI_VECTOR, .vector = 2 } },
        { "12", false, true, { .next = STARTUP_SIPI_VECTOR, .vector = 1 } },
        { "0", false, true, { .next = STARTUP_SIPI_VECTOR, .vector = 0 } },
        { "1", false, false, { .next = STARTUP_CONTINUE } },
        { "N", false, true, { .next = STARTUP_CONTINUE } },
        { "NN", false, false, { .next = STARTUP_CONTINUE, .nmi = true } },
        { "N1", false, true, { .next = STARTUP_SIPI_VECTOR, .vector = 1, .nmi = true } },
        { "NI1", false, false, { .init = true, .next = STARTUP_SIPI_VECTOR, .vector = 1 } },
        { "IN1", false, false,
          { .init = true, .next = STARTUP_SIPI_VECTOR, .vector = 1, .nmi = true } },
        { "I", true, false, { .init = true, .next = STARTUP_RESET_VECTOR } },
        { "I1", true, false, { .init = true, .next = STARTUP_RESET_VECTOR } },
        { "IN", true, false, { .init = true, .next = STARTUP_RESET_VECTOR, .nmi = true } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct startup_mailbox mailbox;
        struct startup_actions got;

        startup_mailbox_init(&mailbox, rows[i].bootstrap, rows[i].waiting);
        for (const char *event = rows[i].events; *event; event++) {
            if (*event == 'I') {
                startup_post_init(&mailbox);
            } else if (*event == 'N') {
                startup_post_nmi(&mailbox);
            } else {
                startup_post_sipi(&mailbox, (uint8_t)(*event - '0'));
            }
        }
        got = startup_take(&mailbox);
        if (got.init != rows[i].expected.init || got.next != rows[i].expected.next ||
            got.vector != rows[i].expected.vector || got.nmi != rows[i].expected.nmi) {
            fail_msg("%s: init %d, next %d, vector %u, nmi %d", rows[i].events, got.init, got.next,
                     got.vector, got.nmi);
        }
    }
}

static void every_vector(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < 256; vector++) {
        struct startup_mailbox mailbox;

        startup_mailbox_init(&mailbox, false, true);
        assert_true(startup_post_sipi(&mailbox, (uint8_t)vector));
        assert_false(startup_post_sipi(&mailbox, (uint8_t)~vector));
        assert_int_equal(startup_take(&mailbox).vector, vector);
        assert_int_equal(mailbox.word, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence),
        cmocka_unit_test(every_sequence_with_bsp_changes),
        cmocka_unit_test(named_sequences),
        cmocka_unit_test(every_vector),
    };

    return cmocka_run_group_tests_name("apic/startup", tests, NULL, NULL);
}
