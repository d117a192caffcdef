/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual machine control block (APM Vol 2: VMCB Layout; SVM Intercept Exit Codes). */
#ifndef SEXTANT_X86_VMCB_H
#define SEXTANT_X86_VMCB_H

#define VMCB_RAX                    0x5f8   /* where the guest's RAX is, for assembly */

#ifndef __ASSEMBLER__

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Intercept vector 3 (offset 00Ch). */
#define INTERCEPT_INTR              (1u << 0)
#define INTERCEPT_NMI               (1u << 1)
#define INTERCEPT_SMI               (1u << 2)
#define INTERCEPT_INIT              (1u << 3)
#define INTERCEPT_VINTR             (1u << 4)
#define INTERCEPT_RDTSC             (1u << 14)
#define INTERCEPT_CPUID             (1u << 18)
#define INTERCEPT_IRET              (1u << 20)
#define INTERCEPT_INVD              (1u << 22)
#define INTERCEPT_HLT               (1u << 24)
#define INTERCEPT_INVLPGA           (1u << 26)
#define INTERCEPT_IOIO_PROT         (1u << 27)
#define INTERCEPT_MSR_PROT          (1u << 28)
#define INTERCEPT_TASK_SWITCH       (1u << 29)
#define INTERCEPT_SHUTDOWN          (1u << 31)
/* Intercept vector 4 (offset 010h). */
#define INTERCEPT_VMRUN             (1u << 0)
#define INTERCEPT_VMMCALL           (1u << 1)
#define INTERCEPT_VMLOAD            (1u << 2)
#define INTERCEPT_VMSAVE            (1u << 3)
#define INTERCEPT_STGI              (1u << 4)
#define INTERCEPT_CLGI              (1u << 5)
#define INTERCEPT_SKINIT            (1u << 6)
#define INTERCEPT_XSETBV            (1u << 13)

#define TLB_CONTROL_NOTHING         0
#define TLB_CONTROL_FLUSH_ALL       1
#define TLB_CONTROL_FLUSH_GUEST     3   /* this ASID's entries; needs FlushByAsid */

#define INTERRUPT_SHADOW            (UINT64_C(1) << 0)
#define NESTED_CONTROL_NP_ENABLE    (UINT64_C(1) << 0)

/* EVENTINJ and EXITINTINFO. */
#define EVENT_VECTOR                UINT64_C(0xff)
#define EVENT_TYPE_SHIFT            8
#define EVENT_TYPE                  UINT64_C(0x700)
#define EVENT_ERROR_VALID           (UINT64_C(1) << 11)
#define EVENT_VALID                 (UINT64_C(1) << 31)
#define EVENT_ERROR_SHIFT           32

/* EXITINFO1 of a nested page fault: the page-fault error code and two bits of its own. */
#define NPF_PRESENT                 (UINT64_C(1) << 0)
#define NPF_WRITE                   (UINT64_C(1) << 1)
#define NPF_FETCH                   (UINT64_C(1) << 4)
#define NPF_TABLE_WALK              (UINT64_C(1) << 33)

/* Decode assists: of the byte before the instruction's. */
#define FETCHED_COUNT               0x0f

/* EXITINFO1 of IOIO. */
#define IOIO_IN                     (1u << 0)
#define IOIO_STRING                 (1u << 2)
#define IOIO_REP                    (1u << 3)
#define IOIO_SIZE8                  (1u << 4)
#define IOIO_SIZE16                 (1u << 5)
#define IOIO_SIZE32                 (1u << 6)
#define IOIO_PORT_SHIFT             16

#define VMEXIT_CR0_READ             0x000
#define VMEXIT_CR8_READ             0x008
#define VMEXIT_CR8_WRITE            0x018
#define VMEXIT_EXCEPTION            0x040   /* + vector */
#define VMEXIT_INTR                 0x060
#define VMEXIT_NMI                  0x061
#define VMEXIT_SMI                  0x062
#define VMEXIT_INIT                 0x063
#define VMEXIT_VINTR                0x064
#define VMEXIT_CPUID                0x072
#define VMEXIT_IRET                 0x074
#define VMEXIT_INVD                 0x076
#define VMEXIT_INVLPGA              0x07a
#define VMEXIT_IOIO                 0x07b
#define VMEXIT_MSR                  0x07c
#define VMEXIT_TASK_SWITCH          0x07d
#define VMEXIT_SHUTDOWN             0x07f
#define VMEXIT_VMRUN                0x080
#define VMEXIT_VMMCALL              0x081
#define VMEXIT_VMLOAD               0x082
#define VMEXIT_VMSAVE               0x083
#define VMEXIT_STGI                 0x084
#define VMEXIT_CLGI                 0x085
#define VMEXIT_SKINIT               0x086
#define VMEXIT_XSETBV               0x08d
#define VMEXIT_NPF                  0x400
#define VMEXIT_INVALID              0xffffffffu /* low half of -1: QEMU stores only 32 bits */

struct vmcb_segment {
    uint16_t selector;
    uint16_t attributes;        /* type, S, DPL, P, AVL, L, D/B, G packed in 12 bits */
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    /* Control area. */
    uint16_t intercept_cr_read, intercept_cr_write, intercept_dr_read, intercept_dr_write;
    uint32_t intercept_exceptions, intercept3, intercept4, intercept5;
    uint8_t reserved_018[0x3c - 0x18];
    uint16_t pause_filter_threshold, pause_filter_count;
    uint64_t iopm_base, msrpm_base, tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved_05d[3];
    uint64_t virtual_interrupt;
    uint64_t interrupt_shadow;
    uint64_t exit_code, exit_info1, exit_info2, exit_interrupt_info;
    uint64_t nested_control;
    uint64_t avic_apic_bar, ghcb;
    uint64_t event_injection;
    uint64_t nested_cr3;
    uint64_t lbr_virtualization;
    uint32_t clean_bits, reserved_0c4;
    uint64_t next_rip;
    uint8_t fetched_count, fetched_bytes[15];
    uint8_t reserved_0e0[0x400 - 0xe0];
    /* State save area. */
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0;
    union {
        uint64_t dr7;
        struct {
            uint32_t dr7_low, dr7_high;
        };
    };
    union {
        uint64_t dr6;
        struct {
            uint32_t dr6_low, dr6_high;
        };
    };
    uint64_t rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp, s_cet, ssp, isst_address;
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t guest_pat, debug_control, branch_from, branch_to, exception_from, exception_to;
    uint8_t reserved_698[0x1000 - 0x698];
};

static_assert(offsetof(struct vmcb, iopm_base) == 0x040, "VMCB control area");
static_assert(offsetof(struct vmcb, interrupt_shadow) == 0x068, "VMCB control area");
static_assert(offsetof(struct vmcb, event_injection) == 0x0a8, "VMCB control area");
static_assert(offsetof(struct vmcb, next_rip) == 0x0c8, "VMCB control area");
static_assert(offsetof(struct vmcb, fetched_count) == 0x0d0, "VMCB control area");
static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB save area");
static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB save area");
static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB save area");
static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB save area");
static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB save area");
static_assert(offsetof(struct vmcb, rax) == VMCB_RAX, "VMCB save area");
static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB save area");
static_assert(offsetof(struct vmcb, guest_pat) == 0x668, "VMCB save area");
static_assert(sizeof(struct vmcb) == 0x1000, "a VMCB is one page");

#endif
#endif
