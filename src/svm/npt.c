/* SPDX-License-Identifier: BSD-2-Clause */
/* Nested paging (APM Vol 2: Secure Virtual Machine > Nested Paging): the format of core/nested_view.c
 * that SVM reads. The nested walk is a user access; accessed and dirty are set beforehand to save
 * their updates. Memory types are the guest's PAT's and the MTRRs', which both stay in force. */
#include "core/machine.h"
#include "core/nested_view.h"
#include "core/paging.h"
#include "svm/svm.h"

#define NPT_TABLE           (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define NPT_READ            (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define NPT_READ_WRITE      (NPT_READ | PTE_WRITE | PTE_DIRTY)

__attribute__((section(".sealed"))) static struct nested_format npt_format = {
    .table = NPT_TABLE,
    .page = { [PAGE_READ] = NPT_READ, [PAGE_READ_WRITE] = NPT_READ_WRITE },
};

__attribute__((section(".sealed"))) static uint8_t flush_control;

void svm_npt_prepare(void)
{
    flush_control = machine.flush_by_asid ? TLB_CONTROL_FLUSH_GUEST : TLB_CONTROL_FLUSH_ALL;
    npt_format.pages_1g = machine.pages_1g;
    nested_view_prepare(&npt_format);
}

void svm_flush(struct cpu *cpu)
{
    vmcb_of(cpu)->tlb_control = flush_control;
}

void svm_npt_initialise(struct cpu *cpu)
{
    vmcb_of(cpu)->nested_cr3 = nested_view_initialise(cpu);
    svm_flush(cpu);
}

void svm_page_map(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                  enum page_access access)
{
    nested_view_map(cpu, guest_physical, host_physical, access);
    svm_flush(cpu);
}

void svm_page_restore(struct cpu *cpu, uint64_t guest_physical)
{
    if (nested_view_restore(cpu, guest_physical))
        svm_flush(cpu);
}

bool svm_npt_fill(struct cpu *cpu, uint64_t guest_physical)
{
    if (!nested_view_fill(cpu, guest_physical))
        return false;
    svm_flush(cpu);
    return true;
}
