/* SPDX-License-Identifier: BSD-2-Clause */
#include "svm/instruction_bytes.h"

#include <stdbool.h>
#include <string.h>

#include "x86/registers.h"

/* A fetch that faults has no bytes, and an event that is being delivered is no instruction. */
static bool has_instruction(const struct vmcb *vmcb)
{
    if (vmcb->exit_code != VMEXIT_NPF && vmcb->exit_code != VMEXIT_EXCEPTION + VECTOR_PF)
        return false;
    return !(vmcb->exit_info1 & NPF_FETCH) && !(vmcb->exit_interrupt_info & EVENT_VALID);
}

unsigned svm_instruction_bytes_of(const struct vmcb *vmcb, uint8_t bytes[SVM_INSTRUCTION_BYTES])
{
    unsigned count = has_instruction(vmcb) ? vmcb->fetched_count & FETCHED_COUNT : 0;

    memcpy(bytes, vmcb->fetched_bytes, count);
    return count;
}

const char *svm_instruction_bytes_problem(const uint8_t *bytes, unsigned count,
                                          const uint8_t code[SVM_INSTRUCTION_BYTES],
                                          unsigned length)
{
    if (!count)
        return "a nested page fault gave no bytes of its instruction";
    if (count > SVM_INSTRUCTION_BYTES || memcmp(bytes, code, count))
        return "the bytes that a nested page fault gave are not its instruction's";
    return count < length ? "a nested page fault gave fewer bytes than its instruction has" : NULL;
}
