/* SPDX-License-Identifier: BSD-2-Clause */
/* Features that a guest on VMX must not see: instructions that raise #UD because the control that
 * enables them is not used, and devices of the processor that write to physical addresses, past
 * EPT (SDM Vol 3: VMX Non-Root Operation > Changes to Instruction Behavior in VMX Non-Root
 * Operation). */
#include "vmx/vmx.h"

static const struct {
    uint32_t leaf, subleaf;
    uint8_t word, bit;
    uint16_t control;           /* shown when this is used; CAPABILITY_NONE: never */
} features[] = {
    { 0x00000006, 0, RAW_EAX, 19, CAPABILITY_NONE },        /* hardware feedback interface */
    { 0x00000006, 0, RAW_EAX, 23, CAPABILITY_NONE },        /* Thread Director */
    { 0x00000007, 0, RAW_EBX, 10, CAPABILITY_VMX_ENABLE_INVPCID },
    { 0x00000007, 0, RAW_EBX, 25, CAPABILITY_NONE },        /* Intel PT */
    { 0x00000007, 0, RAW_ECX, 5, CAPABILITY_VMX_USER_WAIT },            /* WAITPKG */
    { 0x00000007, 0, RAW_ECX, 22, CAPABILITY_VMX_ENABLE_RDTSCP },       /* RDPID */
    { 0x00000007, 0, RAW_EDX, 18, CAPABILITY_NONE },        /* PCONFIG */
    { 0x0000000d, 1, RAW_EAX, 3, CAPABILITY_VMX_ENABLE_XSAVES },
    { 0x80000001, 0, RAW_EDX, 27, CAPABILITY_VMX_ENABLE_RDTSCP },
};

static bool has_subleaves(uint32_t leaf)
{
    return leaf == 0x7 || leaf == 0xd;
}

void vmx_filter_cpuid(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    struct general_registers *registers = cpu->registers;
    uint64_t *words[] = {
        [RAW_EAX] = &registers->rax, [RAW_EBX] = &registers->rbx,
        [RAW_ECX] = &registers->rcx, [RAW_EDX] = &registers->rdx,
    };

    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++) {
        if (features[i].leaf != leaf
            || (features[i].subleaf != subleaf && has_subleaves(leaf)))
            continue;
        if (features[i].control == CAPABILITY_NONE || !vmx_control_used(features[i].control))
            *words[features[i].word] &= ~(UINT64_C(1) << features[i].bit);
    }
}
