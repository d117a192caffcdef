/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the person can change, decided from the facts found: firmware's locks, the hypervisor that
 * this machine is a guest of, missing controls, boot parameters.
 */
#include "probe/report_output.h"

#include <string.h>

#include "lib/format.h"

struct advice {
    const struct report_input *input;
    void (*say)(void *context, const char *sentence);
    void *context;
    unsigned count;
};

static void say(struct advice *advice, const char *sentence)
{
    advice->say(advice->context, sentence);
    advice->count++;
}

static bool has(const struct advice *advice, enum capability_id id)
{
    return capability_has(advice->input->capabilities, id);
}

/* The processor has it, whether or not the person masked it. */
static bool offers(const struct advice *advice, enum capability_id id)
{
    return has(advice, id) || advice->input->capabilities->state[id] == CAPABILITY_MASKED;
}

static bool runs_under(const struct advice *advice, const char *signature)
{
    return strncmp(advice->input->capabilities->hypervisor, signature, strlen(signature)) == 0;
}

static bool vendor_is(const struct advice *advice, const char *vendor)
{
    return strcmp(advice->input->capabilities->vendor, vendor) == 0;
}

/* ---- firmware ---- */

static void advise_firmware(struct advice *advice)
{
    const struct capabilities *capabilities = advice->input->capabilities;

    if (has(advice, CAPABILITY_VMX) && capabilities->vmx_lock == FIRMWARE_LOCK_OFF) {
        say(advice, "VMX is locked off by firmware: look for \"VT-x\" or \"Intel Virtualization "
            "Technology\" in its set-up, switch it on, and power the machine off and on.");
    }
    if (has(advice, CAPABILITY_SVM) && (capabilities->svm_lock == FIRMWARE_LOCK_OFF
                                        || capabilities->svm_lock == FIRMWARE_LOCK_DISABLED)) {
        say(advice, "SVM is disabled by firmware: look for \"SVM Mode\", \"AMD-V\" or \"Secure "
            "Virtual Machine\" in its set-up, switch it on, and power the machine off and on.");
    }
}

/* ---- the hypervisor below ---- */

static void advise_tcg(struct advice *advice)
{
    if (offers(advice, CAPABILITY_SVM)) {
        if (!offers(advice, CAPABILITY_SVM_NP)) {
            say(advice, "This QEMU model has SVM without nested paging: add +npt to it "
                "(-cpu MODEL,+npt), or choose -cpu EPYC.");
        }
        return;
    }
    if (vendor_is(advice, "GenuineIntel")) {
        say(advice, "QEMU's TCG has no VMX; choose a model with SVM such as -cpu EPYC, or use KVM "
            "with nested virtualization (-accel kvm -cpu host).");
    } else {
        say(advice, "This QEMU model has no SVM: choose -cpu EPYC, or add +svm,+npt to it "
            "(-cpu MODEL,+svm,+npt).");
    }
}

/* Hypervisors that hide VMX and SVM from their guests until they are told not to. */
static const struct {
    const char *signature;
    const char *sentence;
} nested_hosts[] = {
    { "KVMKVMKVM",
      "KVM gives this guest no virtualization: on the host, load kvm_intel or kvm_amd with "
      "nested=1, and start the guest with -cpu host (or add +vmx or +svm to its model)." },
    { "Linux KVM Hv",
      "KVM gives this guest no virtualization: on the host, load kvm_intel or kvm_amd with "
      "nested=1, and start the guest with -cpu host (or add +vmx or +svm to its model)." },
    { "Microsoft Hv",
      "Hyper-V gives this guest no virtualization: on the host, with the guest stopped, run "
      "Set-VMProcessor -VMName NAME -ExposeVirtualizationExtensions $true." },
    { "VMwareVMware",
      "VMware gives this guest no virtualization: switch on \"Virtualize Intel VT-x/EPT or "
      "AMD-V/RVI\" in the guest's processor settings (vhv.enable = \"TRUE\" in its .vmx file)." },
    { "VBoxVBoxVBox",
      "VirtualBox gives this guest no virtualization: switch on \"Enable Nested VT-x/AMD-V\" in "
      "the guest's processor settings (VBoxManage modifyvm NAME --nested-hw-virt on)." },
    { "XenVMMXenVMM",
      "Xen gives this guest no virtualization: set nestedhvm=1 in the guest's configuration." },
};

/* Nothing that could be switched on helps then: neither firmware nor the hypervisor below. */
static void advise_no_long_mode(struct advice *advice)
{
    if (runs_under(advice, "TCGTCGTCGTCG")) {
        say(advice, "This QEMU model has no 64-bit mode: choose -cpu EPYC, with "
            "qemu-system-x86_64.");
    } else if (has(advice, CAPABILITY_HYPERVISOR)) {
        say(advice, "The hypervisor below gives this guest a processor without 64-bit mode: make "
            "it a 64-bit guest there, with nested virtualization.");
    } else {
        say(advice, "No setting gives this processor a 64-bit mode: a processor with 64-bit mode "
            "and VMX or SVM is needed (in an emulator, another processor model).");
    }
}

static void advise_no_virtualization(struct advice *advice)
{
    if (runs_under(advice, "TCGTCGTCGTCG")) {
        advise_tcg(advice);
        return;
    }
    if (offers(advice, CAPABILITY_VMX) || offers(advice, CAPABILITY_SVM)) {
        return;
    }
    for (unsigned i = 0; i < sizeof(nested_hosts) / sizeof(nested_hosts[0]); i++) {
        if (runs_under(advice, nested_hosts[i].signature)) {
            say(advice, nested_hosts[i].sentence);
            return;
        }
    }
    if (has(advice, CAPABILITY_HYPERVISOR)) {
        say(advice, "The hypervisor below gives this guest no virtualization: switch on nested "
            "virtualization there.");
    } else {
        say(advice, "This processor shows neither VMX nor SVM. Some firmware hides them: look for "
            "\"VT-x\", \"AMD-V\" or \"SVM Mode\" in its set-up; otherwise another processor (or, "
            "in an emulator, another processor model) is needed.");
    }
}

/* ---- a backend that lacks something ---- */

/*
 * "+vmx-ept,+vmx-unrestricted-guest": what QEMU calls those that are missing.  False: it has no
 * switch for one of them, or does not hide it (masked, broken).
 */
static bool append_features(const struct advice *advice, const struct missing *missing,
                            struct text *text)
{
    for (unsigned i = 0; i < missing->count; i++) {
        enum capability_id id = (enum capability_id)missing->id[i];
        const char *feature = capability_qemu_feature(id);

        if (feature == NULL || advice->input->capabilities->state[id] != CAPABILITY_ABSENT) {
            return false;
        }
        text_append(text, "%s+%s", i != 0 ? "," : "", feature);
    }
    return missing->count != 0;
}

static void advise_vmx(struct advice *advice, const struct missing *missing)
{
    char features[256], sentence[512];
    struct text text = { features, sizeof(features), 0 };

    if (!runs_under(advice, "KVMKVMKVM")) {
        say(advice, "This processor's VMX lacks controls that a guest needs; no setting brings "
            "them back. Another processor (or, in an emulator, another processor model) is "
            "needed.");
    } else if (append_features(advice, missing, &text)) {
        format_text(sentence, sizeof(sentence), "KVM hides VMX controls that a guest needs: start "
                    "the guest with -cpu host, or add them to its model (-cpu MODEL,%s).",
                    features);
        say(advice, sentence);
    } else {
        say(advice, "KVM hides VMX controls that a guest needs: start the guest with -cpu host.");
    }
}

static void advise_backend(struct advice *advice)
{
    const struct selection *selection = advice->input->selection;

    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        const struct strategy_verdict *verdict = &selection->backends[i];
        char sentence[256];

        if (verdict->verdict == VERDICT_NOT_BUILT) {
            format_text(sentence, sizeof(sentence), "This processor could carry a guest by %s, "
                        "but this image has no %s backend: use an image that has one.",
                        backend_row((enum backend_id)i)->what,
                        backend_row((enum backend_id)i)->name);
            say(advice, sentence);
        }
    }
    if (has(advice, CAPABILITY_VMX_USABLE)
        && selection->backends[BACKEND_VMX].missing[BACKEND_VMX].count != 0) {
        advise_vmx(advice, &selection->backends[BACKEND_VMX].missing[BACKEND_VMX]);
    }
    if (has(advice, CAPABILITY_SVM_USABLE) && !has(advice, CAPABILITY_SVM_NP)
        && !runs_under(advice, "TCGTCGTCGTCG")) {
        say(advice, "This processor has SVM without nested paging; another processor (or, in an "
            "emulator, another processor model) is needed.");
    }
}

/* ---- a machine that runs ---- */

/* KVM shows its guests what their model names: a better strategy may be a matter of a word. */
static void advise_model(struct advice *advice)
{
    const struct selection *selection = advice->input->selection;

    for (unsigned i = 0; i < STRATEGY_COUNT && runs_under(advice, "KVMKVMKVM"); i++) {
        const struct strategy_row *row = strategy_row((enum strategy_id)i);
        const struct strategy_verdict *verdict = &selection->strategy[i];
        char features[256], sentence[384];
        struct text text = { features, sizeof(features), 0 };

        if (i < selection->axis[row->axis].chosen && verdict->verdict == VERDICT_MISSING
            && verdict->built && row->way[selection->backend].offered
            && append_features(advice, &verdict->missing[selection->backend], &text)) {
            format_text(sentence, sizeof(sentence), "For %s=%s under KVM, add %s to the guest's "
                        "model.", axis_row(row->axis)->name, row->name, features);
            say(advice, sentence);
        }
    }
}

static void advise_broken(struct advice *advice)
{
    const struct selection *selection = advice->input->selection;

    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        const struct strategy_row *row = strategy_row((enum strategy_id)i);
        char sentence[256];

        if (selection->strategy[i].verdict == VERDICT_BROKEN) {
            format_text(sentence, sizeof(sentence), "%s=%s is advertised and failed its self-test. "
                        "This report is worth sending to whoever makes this processor or "
                        "emulator. %s=%s! forces it.", axis_row(row->axis)->name, row->name,
                        axis_row(row->axis)->name, row->name);
            say(advice, sentence);
        }
    }
}

static void advise_parameters(struct advice *advice)
{
    const struct boot_parameters *parameters = advice->input->parameters;
    const struct selection *selection = advice->input->selection;
    unsigned masked = 0;

    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        masked += advice->input->capabilities->state[id] == CAPABILITY_MASKED;
    }
    if (masked != 0) {
        char sentence[160];

        format_text(sentence, sizeof(sentence), "mask= hides %u capabilit%s that this processor "
                    "has; leave it out to use %s.", masked, masked == 1 ? "y" : "ies",
                    masked == 1 ? "it" : "them");
        say(advice, sentence);
    }
    for (unsigned i = 0; i < AXIS_COUNT && parameters != NULL; i++) {
        const struct axis_selection *axis = &selection->axis[i];
        char sentence[256];

        if (axis->chosen != STRATEGY_NONE && axis->asked && axis->fallback
            && axis->automatic != STRATEGY_NONE && axis->automatic != axis->chosen) {
            format_text(sentence, sizeof(sentence), "%s=%s was asked for; %s=auto takes %s here.",
                        axis_row((enum axis)i)->name,
                        strategy_row((enum strategy_id)axis->chosen)->name,
                        axis_row((enum axis)i)->name,
                        strategy_row((enum strategy_id)axis->automatic)->name);
            say(advice, sentence);
        }
    }
    if (advice->input->environment->refusal != NULL) {
        say(advice, "Correct the boot parameters; the parameter help lists them all.");
    } else if (selection->outcome == OUTCOME_REFUSED) {
        say(advice, "Leave out the refused boot parameter; the first line says what auto takes.");
    }
}

void report_advise(const struct report_input *input,
                   void (*say_sentence)(void *context, const char *sentence), void *context)
{
    struct advice advice = { .input = input, .say = say_sentence, .context = context };

    for (size_t i = 0; i < input->environment->advice_count; i++) {
        say(&advice, input->environment->advice[i]);
    }
    if (input->capabilities->state[CAPABILITY_LONG_MODE] == CAPABILITY_ABSENT) {
        advise_no_long_mode(&advice);
        advise_parameters(&advice);
        return;
    }
    advise_firmware(&advice);
    if (input->selection->backend != BACKEND_NONE) {
        advise_model(&advice);
        advise_broken(&advice);
    } else if (input->environment->unknown == NULL) {
        advise_no_virtualization(&advice);
        advise_backend(&advice);
    }
    advise_parameters(&advice);
    if (advice.count == 0) {
        say(&advice, "Nothing has to be changed.");
    }
}
