/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction's bytes that a processor with decode assists leaves in the VMCB (APM Vol 2: Secure
 * Virtual Machine > Decode Assists > Nested and Intercepted #PF): up to 15 from CS:RIP when an access to
 * data faulted, fewer where the fetch met the end of what it may read, none when it cannot tell. Pure. */
#ifndef SEXTANT_SVM_INSTRUCTION_BYTES_H
#define SEXTANT_SVM_INSTRUCTION_BYTES_H

#include <stdint.h>

#include "x86/vmcb.h"

#define SVM_INSTRUCTION_BYTES   15

/* Copies what the VMCB of a CPU that has exited gives, and returns how many bytes that is, 0 to
 * SVM_INSTRUCTION_BYTES. 0: none, because this exit has none or because none were given; bytes[] is
 * not written. Whether the processor's word counts is the caller's to know. Any context. */
unsigned svm_instruction_bytes_of(const struct vmcb *vmcb, uint8_t bytes[SVM_INSTRUCTION_BYTES]);

/* For the self-test: what is wrong with `count` bytes given for an instruction of `length` bytes (at
 * most SVM_INSTRUCTION_BYTES) at code[0], where SVM_INSTRUCTION_BYTES could be read: a sentence, or NULL. */
const char *svm_instruction_bytes_problem(const uint8_t *bytes, unsigned count,
                                          const uint8_t code[SVM_INSTRUCTION_BYTES],
                                          unsigned length);

#endif
