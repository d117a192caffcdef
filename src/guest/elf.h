/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF: the fields of the file header and the program headers that a loader reads, as byte offsets.
 * System V ABI: "Object Files > ELF Header", "Program Header".
 */
#ifndef SEXTANT_GUEST_ELF_H
#define SEXTANT_GUEST_ELF_H

#define ELF_MAGIC 0x464c457fu
#define ELF_CLASS 4
#define     ELF_CLASS_32 1
#define     ELF_CLASS_64 2
#define ELF_DATA 5
#define     ELF_DATA_LITTLE_ENDIAN 1
#define ELF_MACHINE 18
#define     ELF_MACHINE_386 3
#define     ELF_MACHINE_X86_64 62

#define ELF32_ENTRY 24
#define ELF32_PHOFF 28
#define ELF32_PHENTSIZE 42
#define ELF32_PHNUM 44
#define ELF32_HEADER_SIZE 52

#define ELF64_ENTRY 24
#define ELF64_PHOFF 32
#define ELF64_PHENTSIZE 54
#define ELF64_PHNUM 56
#define ELF64_HEADER_SIZE 64

#define ELF_PH_TYPE 0
#define     ELF_PT_LOAD 1

#define ELF32_PH_OFFSET 4
#define ELF32_PH_VADDR 8
#define ELF32_PH_PADDR 12
#define ELF32_PH_FILESZ 16
#define ELF32_PH_MEMSZ 20
#define ELF32_PH_SIZE 32

#define ELF64_PH_OFFSET 8
#define ELF64_PH_VADDR 16
#define ELF64_PH_PADDR 24
#define ELF64_PH_FILESZ 32
#define ELF64_PH_MEMSZ 40
#define ELF64_PH_SIZE 56

#endif
