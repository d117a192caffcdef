/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probing under Linux: the affinity of the process says which CPU answers, msr(4) reads its MSRs.
 * raw_fill asks, as in the image, so a register that does not exist is not read here either.
 */
#define _GNU_SOURCE
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define CPUS_MAX  4096

struct processor {
    int descriptor;             /* of its MSRs; -1: they cannot be read */
    int failure;                /* errno of a read that failed otherwise than by #GP; 0: none */
};

static void read_cpuid(void *context, uint32_t leaf, uint32_t subleaf, uint32_t word[4])
{
    (void)context;
    live_cpuid(leaf, subleaf, word);
}

/* msr(4): EIO is a #GP; anything else is a file that does not let us read. */
static bool read_msr(void *context, uint32_t index, uint64_t *value)
{
    struct processor *processor = context;
    ssize_t length;

    if (processor->descriptor < 0) {
        return false;
    }
    length = pread(processor->descriptor, value, sizeof(*value), index);
    if (length == (ssize_t)sizeof(*value)) {
        return true;
    }
    if (length >= 0 || errno != EIO) {
        processor->failure = length >= 0 ? ENODATA : errno;
    }
    return false;
}

static const char *device_of(struct arena *arena, const char *pattern, unsigned cpu)
{
    const char *percent = strchr(pattern, '%');

    return percent == NULL ? pattern
           : arena_format(arena, "%.*s%u%s", (int)(percent - pattern), pattern, cpu, percent + 1);
}

/* MSRs that this CPU has and nobody could read are not absent. */
static void forget_msrs(struct raw *raw)
{
    raw->msrs_unread = raw->msr_count != 0;
    raw->msr_count = 0;
}

/* Returns errno of what kept the MSRs from being read; 0: nothing did. */
static int probe_here(const char *device, struct raw *raw)
{
    struct processor processor = { .descriptor = open(device, O_RDONLY | O_CLOEXEC) };
    int failure = processor.descriptor < 0 ? errno : 0;
    const struct raw_reader reader = {
        .name = "Linux", .cpuid = read_cpuid, .msr = read_msr, .context = &processor,
    };

    raw_fill(raw, &reader);
    if (processor.descriptor >= 0) {
        close(processor.descriptor);
        failure = processor.failure;
    }
    if (failure != 0) {
        forget_msrs(raw);
    }
    return failure;
}

static void explain_failure(struct arena *arena, struct subject *subject, const char *device,
                            int failure)
{
    subject_note(arena, subject, arena_format(arena, "The MSRs could not be read (%s: %s): this is "
                                              "the part that CPUID says.", device,
                                              strerror(failure)));
    if (failure == ENOENT || failure == ENXIO || failure == ENODEV) {
        subject_advise(arena, subject, "To read the MSRs, load Linux' driver for them as root "
                       "(modprobe msr) and run this as root again. In a container, do it on the "
                       "machine itself.");
    } else if (geteuid() != 0) {
        subject_advise(arena, subject, "To read the MSRs, run this as root (sudo sextant-probe).");
    } else {
        subject_advise(arena, subject, "Linux does not let root read MSRs here: its lockdown mode "
                       "(Secure Boot) forbids it, or the capability CAP_SYS_RAWIO is missing. Boot "
                       "the image itself (report=only), which needs neither.");
    }
}

static bool visit(unsigned cpu, size_t size, cpu_set_t *set)
{
    CPU_ZERO_S(size, set);
    CPU_SET_S(cpu, size, set);
    return sched_setaffinity(0, size, set) == 0;
}

/* One CPU after the other; one that cannot be visited is left out. */
static void probe_all(struct arena *arena, const char *pattern, const cpu_set_t *allowed,
                      size_t size, struct subject *subject)
{
    cpu_set_t *one = arena_allocate(arena, size);
    struct raw raw;

    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        const char *device;
        int failure;

        if (!CPU_ISSET_S(cpu, size, allowed) || !visit(cpu, size, one)) {
            continue;
        }
        device = device_of(arena, pattern, cpu);
        failure = probe_here(device, &raw);
        if (subject->cpus == 0) {
            subject_first_cpu(subject, &raw);
        } else {
            subject_other_cpu(arena, subject, subject_apic_id(&raw), &raw);
        }
        if (failure != 0 && subject->advice_count == 0) {
            explain_failure(arena, subject, device, failure);
        }
    }
}

bool subject_from_live(struct arena *arena, const char *msr_device, struct subject *subject,
                       const char **error)
{
    size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
    cpu_set_t *allowed = arena_allocate(arena, size);
    long online;

    memset(subject, 0, sizeof(*subject));
    if (sched_getaffinity(0, size, allowed) != 0) {
        *error = arena_format(arena, "The CPUs of this machine cannot be listed: %s.",
                              strerror(errno));
        return false;
    }
    probe_all(arena, msr_device, allowed, size, subject);
    sched_setaffinity(0, size, allowed);
    if (subject->cpus == 0) {
        *error = "Linux lets this program run on no CPU that it can choose.";
        return false;
    }
    online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online > (long)subject->cpus_probed) {
        subject->cpus = (uint32_t)online;
        subject_note(arena, subject, "This process may not run on every CPU of this machine "
                     "(affinity, cgroup): the others are not judged.");
    }
    subject_note(arena, subject, "This was found out under a running Linux: nothing was tried, so "
                 "what is advertised is not verified. The image tests it at boot.");
    return true;
}
