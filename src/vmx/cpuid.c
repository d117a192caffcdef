/* SPDX-License-Identifier: BSD-2-Clause */
/* Features that a guest on VMX must not see besides those of core/hidden_features.def: instructions that
 * raise #UD because the control that enables them is not used (SDM Vol 3: VMX Non-Root Operation >
 * Changes to Instruction Behavior in VMX Non-Root Operation). Their leaves are in the set of core/guest_cpuid.c
 * too. */
#include "lib/panic.h"
#include "vmx/vmx.h"

static const struct {
    uint32_t leaf, subleaf;
    uint8_t word, bit;
    uint16_t control;           /* shown when this is used */
} features[] = {
    { 0x00000007, 0, RAW_EBX, 10, CAPABILITY_VMX_ENABLE_INVPCID },
    { 0x00000007, 0, RAW_ECX, 5, CAPABILITY_VMX_USER_WAIT },            /* WAITPKG */
    { 0x00000007, 0, RAW_ECX, 22, CAPABILITY_VMX_ENABLE_RDTSCP },       /* RDPID */
    { 0x0000000d, 1, RAW_EAX, 3, CAPABILITY_VMX_ENABLE_XSAVES },
    { 0x80000001, 0, RAW_EDX, 27, CAPABILITY_VMX_ENABLE_RDTSCP },
};

/* The bits to clear in the leaves above. */
enum { FILTERED_7, FILTERED_D_1, FILTERED_80000001, FILTERED_COUNT };

__attribute__((section(".sealed"))) static uint32_t cleared[FILTERED_COUNT][4];

static int filtered(uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 0x00000007:
        return subleaf == 0 ? FILTERED_7 : -1;
    case 0x0000000d:
        return subleaf == 1 ? FILTERED_D_1 : -1;
    case 0x80000001:
        return FILTERED_80000001;
    default:
        return -1;
    }
}

void vmx_filter_prepare(void)
{
    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++) {
        int which = filtered(features[i].leaf, features[i].subleaf);

        if (which < 0)
            panic("CPUID leaf %#x has no filter", (unsigned)features[i].leaf);
        if (!vmx_control_used(features[i].control))
            cleared[which][features[i].word] |= UINT32_C(1) << features[i].bit;
    }
}

void vmx_filter_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t words[4])
{
    int which = filtered(leaf, subleaf);

    for (unsigned i = 0; which >= 0 && i < 4; i++)
        words[i] &= ~cleared[which][i];
}
