/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start-up mailbox with senders and target on threads of their own: no post is lost or doubled,
 * and the kicks that the posts ask for are enough to wake the target for everything.
 * SDM Vol 3: Multiple-Processor Management > Multiple-Processor (MP) Initialization.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apic/startup.h"

#define ROUNDS 50000

/* Several senders; their kicks are the target's only wake-up. */
struct race {
    struct startup_mailbox mailbox;
    sem_t kicks;
    atomic_bool stop;
    bool running;
    int last_vector;
    unsigned nmis;
    const char *wrong;
};

struct sender {
    struct race *race;
    uint8_t vector;             /* 0: sends NMIs instead */
};

static void *send(void *argument)
{
    struct sender *sender = argument;
    struct race *race = sender->race;

    for (unsigned i = 0; i < ROUNDS; i++) {
        if (sender->vector == 0) {
            if (startup_post_nmi(&race->mailbox)) {
                sem_post(&race->kicks);
            }
            continue;
        }
        if (startup_post_init(&race->mailbox)) {
            sem_post(&race->kicks);
        }
        if (startup_post_sipi(&race->mailbox, sender->vector)) {
            sem_post(&race->kicks);
        }
    }
    return NULL;
}

static void race_take(struct race *race)
{
    struct startup_actions actions = startup_take(&race->mailbox);

    if (actions.init) {
        race->running = false;
    }
    if (actions.next == STARTUP_SIPI_VECTOR) {
        if (race->running) {
            race->wrong = "a running CPU was started";
        }
        race->running = true;
        race->last_vector = actions.vector;
    } else if (actions.next == STARTUP_RESET_VECTOR) {
        race->wrong = "an application processor went to the reset vector";
    }
    if (actions.nmi) {
        race->nmis++;
        if (!race->running) {
            race->wrong = "a waiting CPU got an NMI";
        }
    }
}

/* Looks once for each kick and never otherwise; the last token is the sentinel. */
static void *receive(void *argument)
{
    struct race *race = argument;

    for (;;) {
        int left;

        while (sem_wait(&race->kicks) != 0) {
        }
        sem_getvalue(&race->kicks, &left);
        if (atomic_load(&race->stop) && left == 0) {
            return NULL;
        }
        race_take(race);
    }
}

static void concurrent_senders(void **state)
{
    struct race race = { .running = false };
    struct sender senders[] = { { &race, 0x31 }, { &race, 0x47 }, { &race, 0 } };
    pthread_t threads[3], receiver;

    (void)state;
    startup_mailbox_init(&race.mailbox, false, true);
    assert_int_equal(sem_init(&race.kicks, 0, 0), 0);
    assert_int_equal(pthread_create(&receiver, NULL, receive, &race), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send, &senders[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&race.stop, true);
    sem_post(&race.kicks);
    pthread_join(receiver, NULL);
    sem_destroy(&race.kicks);

    if (race.wrong) {
        fail_msg("%s", race.wrong);
    }
    /* No kick was missing: nothing is left that the target was not woken for. */
    assert_false(startup_is_pending(&race.mailbox));
    /* The last event of INIT and SIPI together is a SIPI, and its sender's INIT came before it. */
    assert_true(race.running);
    assert_false(startup_is_waiting(&race.mailbox));
    assert_true(race.last_vector == 0x31 || race.last_vector == 0x47);
    assert_true(race.nmis <= ROUNDS);
}

/* Two CPUs that send to a third at once; neither may undo what the other wrote. */
struct duel {
    struct startup_mailbox mailbox;
    sem_t kicked, looked;
    atomic_bool stop;
    unsigned nmis;
    atomic_uint unexpected;     /* actions other than the NMI, and SIPIs that asked for a kick */
};

static void *hammer(void *argument)
{
    struct duel *duel = argument;

    while (!atomic_load(&duel->stop)) {
        duel->unexpected += startup_post_sipi(&duel->mailbox, 0x55);
    }
    return NULL;
}

static void *look_when_kicked(void *argument)
{
    struct duel *duel = argument;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct startup_actions actions;

        while (sem_wait(&duel->kicked) != 0) {
        }
        actions = startup_take(&duel->mailbox);
        duel->nmis += actions.nmi;
        duel->unexpected += actions.init || actions.next != STARTUP_CONTINUE;
        sem_post(&duel->looked);
    }
    return NULL;
}

/* SIPIs to a running CPU change nothing, so each NMI that waits for the last one is taken once. */
static void no_update_is_lost(void **state)
{
    struct duel duel = { .nmis = 0 };
    pthread_t hammerer, target;
    unsigned refused = 0;

    (void)state;
    startup_mailbox_init(&duel.mailbox, false, false);
    assert_int_equal(sem_init(&duel.kicked, 0, 0), 0);
    assert_int_equal(sem_init(&duel.looked, 0, 0), 0);
    assert_int_equal(pthread_create(&hammerer, NULL, hammer, &duel), 0);
    assert_int_equal(pthread_create(&target, NULL, look_when_kicked, &duel), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        refused += !startup_post_nmi(&duel.mailbox);
        sem_post(&duel.kicked);
        while (sem_wait(&duel.looked) != 0) {
        }
    }
    atomic_store(&duel.stop, true);
    pthread_join(hammerer, NULL);
    pthread_join(target, NULL);
    sem_destroy(&duel.kicked);
    sem_destroy(&duel.looked);

    assert_int_equal(refused, 0);
    assert_int_equal(duel.nmis, ROUNDS);
    assert_int_equal(duel.unexpected, 0);
    assert_int_equal(duel.mailbox.word, 0);
}

/* A target that looks all the time, while another CPU changes the word between its accesses. */
struct free_run {
    struct startup_mailbox mailbox;
    atomic_bool done;
    unsigned kicks, nmis, overwritten;
};

static void *post_and_toggle(void *argument)
{
    struct free_run *run = argument;

    for (unsigned i = 0; i < 20 * ROUNDS; i++) {
        uint32_t expected = i % 2 ? STARTUP_BOOTSTRAP : 0;

        run->kicks += startup_post_nmi(&run->mailbox);
        startup_mailbox_set_bootstrap(&run->mailbox, i % 2);
        for (unsigned look = 0; look < 4; look++) {
            run->overwritten += (atomic_load(&run->mailbox.word) & STARTUP_BOOTSTRAP) != expected;
        }
    }
    atomic_store(&run->done, true);
    return NULL;
}

static void take_overwrites_nothing(void **state)
{
    struct free_run run = { .kicks = 0 };
    pthread_t sender;
    bool more;

    (void)state;
    startup_mailbox_init(&run.mailbox, false, false);
    assert_int_equal(pthread_create(&sender, NULL, post_and_toggle, &run), 0);
    do {
        more = !atomic_load(&run.done);
        run.nmis += startup_take(&run.mailbox).nmi;
    } while (more);
    pthread_join(sender, NULL);

    /* Each post that found the latch empty is one NMI taken. */
    assert_int_equal(run.nmis, run.kicks);
    assert_int_equal(run.overwritten, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(concurrent_senders),
        cmocka_unit_test(no_update_is_lost),
        cmocka_unit_test(take_overwrites_nothing),
    };

    return cmocka_run_group_tests_name("apic/startup concurrent", tests, NULL, NULL);
}
