/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability table: what a processor has, by name, and how far each entry is trusted.
 * Pure: everything here is a function of its arguments.
 *
 * Sources: SDM Vol 3: VMX Capability Reporting Facility; APM Vol 2: Secure Virtual Machine >
 * Enabling SVM.
 */
#ifndef SEXTANT_PROBE_CAPABILITIES_H
#define SEXTANT_PROBE_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/raw.h"

enum capability_id {
    CAPABILITY_NONE,            /* ends lists */
#define CAPABILITY(id, name, group, source, needed_for) CAPABILITY_##id,
#include "probe/capabilities.def"
#undef CAPABILITY
    CAPABILITY_COUNT
};

enum vmx_control_word {
#define CONTROL_WORD(id, title, msr, true_msr, activating, form) VMX_WORD_##id,
#include "probe/control_words.def"
#undef CONTROL_WORD
    VMX_WORD_COUNT
};

enum capability_state {
    CAPABILITY_ABSENT,
    CAPABILITY_ADVERTISED,      /* the processor says so; not yet seen working */
    CAPABILITY_VERIFIED,        /* a self-test saw it working on this machine */
    CAPABILITY_BROKEN,          /* advertised, but its self-test failed */
    CAPABILITY_FORCED,          /* broken, and the person said NAME! */
    CAPABILITY_MASKED,          /* advertised, and the person said mask=NAME: treated as absent */
    CAPABILITY_UNKNOWN          /* its register could not be read (sextant-probe): not used */
};

enum capability_kind {
    CAPABILITY_KIND_CPUID,
    CAPABILITY_KIND_CONTROL,
    CAPABILITY_KIND_MSR_BIT,
    CAPABILITY_KIND_DERIVED
};

enum capability_group {
    CAPABILITY_GROUP_COMMON,
    CAPABILITY_GROUP_VMX,
    CAPABILITY_GROUP_SVM,
    CAPABILITY_GROUP_COUNT
};

/* One row of capabilities.def. */
struct capability_row {
    const char *id;             /* "VMX_MONITOR_TRAP_FLAG" */
    const char *name;           /* the manual's: "Monitor trap flag" */
    enum capability_group group;
    enum capability_kind kind;
    uint32_t source;            /* CPUID leaf, MSR index, or enum vmx_control_word */
    uint32_t subleaf;
    enum raw_register reg;
    uint8_t bit;                /* of the register, or of the control word (not of its MSR) */
    const char *rule;           /* DERIVED only */
    const char *needed_for;
};

/* One row of control_words.def. */
struct vmx_control_word_row {
    const char *id;
    const char *title;
    uint32_t msr, true_msr;
    enum capability_id activating;
    bool wide;
};

/* What a control word lets be set, from the MSR that counts on this processor. */
struct vmx_controls {
    uint32_t msr;               /* index of that MSR; 0: the word does not exist here */
    uint64_t must_be_1;         /* controls that cannot be 0 */
    uint64_t may_be_1;          /* controls that can be 1; never set any other in a VMCS */
    uint64_t plain_must_be_1;   /* what the plain MSR says, for masking the TRUE MSRs */
};

/* How firmware left VMX (IA32_FEATURE_CONTROL) and SVM (VM_CR). */
enum firmware_lock {
    FIRMWARE_LOCK_UNKNOWN,      /* the register does not exist here, or was not asked for */
    FIRMWARE_LOCK_OPEN,         /* not locked: usable, software may still lock it */
    FIRMWARE_LOCK_ON,           /* locked, and usable */
    FIRMWARE_LOCK_OFF,          /* locked, and not usable */
    FIRMWARE_LOCK_DISABLED      /* SVM only: SVMDIS set without the lock; software may clear it */
};

struct capabilities {
    uint8_t state[CAPABILITY_COUNT];            /* enum capability_state */
    struct vmx_controls vmx[VMX_WORD_COUNT];
    uint64_t vmx_cr0_fixed0, vmx_cr0_fixed1;    /* bits that must be 1; bits that may be 1 */
    uint64_t vmx_cr4_fixed0, vmx_cr4_fixed1;
    uint32_t vmx_revision;                      /* VMCS revision identifier */
    uint32_t vmx_region_size;                   /* bytes */
    uint8_t vmx_preemption_timer_shift;         /* it counts when this bit of the TSC changes */
    bool vmx_revision_differs;                  /* between the CPUs of this machine */
    uint32_t svm_asid_count;                    /* NASID; ASID 0 is the host's */
    uint8_t svm_revision;
    uint8_t physical_address_bits;
    uint8_t linear_address_bits;
    uint8_t vmx_lock, svm_lock;                 /* enum firmware_lock */
    char vendor[13];
    char hypervisor[13];                        /* signature of CPUID 0x40000000, or empty */
};

/* Fills capabilities from what the processor said.  Any context. */
void capabilities_derive(const struct raw *raw, struct capabilities *capabilities);

/* True when the capability may be used: advertised, verified or forced. */
bool capability_has(const struct capabilities *capabilities, enum capability_id id);

/* The row of a capability (id from 1 to CAPABILITY_COUNT - 1). */
const struct capability_row *capability_row(enum capability_id id);

/* The row of a control word. */
const struct vmx_control_word_row *vmx_control_word_row(enum vmx_control_word word);

/* "absent", "advertised", ... */
const char *capability_state_name(enum capability_state state);

/*
 * Marks the result of a self-test.  Verified and broken only change a capability that is advertised
 * (or was marked before); forced only one that is broken.  An absent or masked capability stays
 * what it is.
 */
void capability_mark_verified(struct capabilities *capabilities, enum capability_id id);
void capability_mark_broken(struct capabilities *capabilities, enum capability_id id);
void capability_mark_forced(struct capabilities *capabilities, enum capability_id id);

/*
 * The capability without which the register of this one does not exist: the control that activates
 * a control word, EPT for the EPT bits of IA32_VMX_EPT_VPID_CAP, ...; CAPABILITY_NONE: none.
 */
enum capability_id capability_depends_on(enum capability_id id);

/*
 * mask=: treats a capability as absent, and with it all that the manuals make depend on it (the
 * controls of the word it activates; "usable" after VMX and SVM).  An absent capability stays
 * absent.
 */
void capability_mask(struct capabilities *capabilities, enum capability_id id);

/*
 * Finds a capability by the word that a person writes: the identifier ("vmx_monitor_trap_flag") or
 * the manual's name ("monitor-trap-flag", "NRIPS"); only letters and digits count, in either case.
 * Returns CAPABILITY_NONE when no capability has this name, or more than one has.
 */
enum capability_id capability_find(const char *word, size_t length);

/*
 * The MSR and the bit of that MSR that hold a capability (for a control: of its allowed-1 half).
 * capabilities decides between the plain and the TRUE MSR; NULL means the plain one.  False: the
 * capability is not in an MSR.
 */
bool capability_msr(const struct capabilities *capabilities, enum capability_id id,
                    uint32_t *index, unsigned *bit);

/*
 * Writes where a capability is read: "IA32_VMX_PROCBASED_CTLS (0x482) bit 59", "CPUID 0x1 ECX bit
 * 5", or the rule of a derived one.  Returns what format_text returns; 120 bytes are enough.
 */
int capability_format_source(const struct capabilities *capabilities, enum capability_id id,
                             char *buffer, size_t size);

/*
 * What QEMU calls it in -cpu MODEL,+FEATURE; NULL: QEMU has no switch for it alone.  Any context.
 */
const char *capability_qemu_feature(enum capability_id id);

/*
 * The weakest common table of two CPUs: per capability the weaker state, allowed settings that both
 * allow, must-be-1 settings that either has, the smaller counts.  out may be a or b.
 */
void capabilities_weakest(const struct capabilities *a, const struct capabilities *b,
                          struct capabilities *out);

#endif
