# SPDX-License-Identifier: BSD-2-Clause
#
# Sextant: build, run and test. `make help` lists the targets; README.md has the tour.
# The rules: mk/newlib.mk, mk/image.mk (src/), mk/boot32.mk (src/boot32/), mk/guests.mk (guests/, initramfs), mk/host.mk (unit tests).
#
# Variables for run and report (make run HOST=qemu72/EPYC-Milan CPUS=2):
HOST       ?= qemu72/EPYC# emulator/model; the model may carry QEMU's ,+feature,-feature
CPUS       ?= 4#           processors
MEMORY     ?= 512#         MiB
GUEST      ?= amd64#       amd64 or i386 (Debian's kernel), a name in guests/, or the path of a Multiboot ELF file
ARGS       ?=#             boot parameters of Sextant
LINUX_ARGS ?=#             more words for the guest's own command line
JSON       ?=#             1: report prints the JSON object and nothing else
BARE       ?=#             1: run without Sextant, the guest on the bare emulator
FUZZ_RUNS  ?= 10000000#    inputs of make fuzz
# Variables for building: BUILD (where the results go), V=1 (show the commands), JOBS, PYTEST_ARGS.
BUILD      ?= build

SHELL       := /bin/bash
CC          := gcc
LD          := ld
AR          := ar
NM          := nm
OBJCOPY     := objcopy
OBJDUMP     := objdump
PYTHON      := /usr/bin/python3#   Debian's own: it has Debian's pytest, whatever else is on PATH
WARNINGS    := -Wall -Wextra -Werror -ffile-prefix-map=$(CURDIR)=.
# The code that runs on the bare machine, in host or guest: 64-bit, general registers only.
MACHINE_CFLAGS := -ffreestanding -mgeneral-regs-only -mno-red-zone -fno-pic -mcmodel=small -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fcf-protection=none
SYSTEM_HEADERS  = -nostdinc -isystem $$($(CC) -print-file-name=include) -isystem $(NEWLIB_INCLUDE)

# All processors build, nobody needs to ask for it; JOBS=1 is for who wants less. A make below another shares its jobs.
JOBS ?= $(shell nproc)
MAKEFLAGS += --no-print-directory $(if $(filter 0,$(MAKELEVEL)),-j$(JOBS))
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := image
comma := ,
Q     := $(if $(V),,@)
quote  = '$(subst ','\'',$(1))'
# Progress goes to stderr when stdout carries the JSON object.
say      = @printf '  %-7s %s\n' '$(1)' '$(2)' $(if $(JSON),>&2)
# remember: write the text into the target unless it is there already, so that a change of flags rebuilds.
remember = @mkdir -p $(@D); printf '%s' $(call quote,$(1)) | cmp -s - $@ || printf '%s' $(call quote,$(1)) > $@

define pytest
@$(PYTHON) -m pytest -n 2 testmatrix $(1) --junitxml=$(BUILD)/system.xml $(PYTEST_ARGS)
@$(PYTHON) mk/executed.py $(BUILD)/system.xml
endef

SETUP := build/.setup
include mk/newlib.mk mk/boot32.mk mk/image.mk mk/guests.mk mk/host.mk

# What GUEST needs to be built: a name in guests/ needs its ELF file, Linux its initramfs.
GUEST_NEEDS = $(filter $(BUILD)/guests/$(GUEST).elf,$(GUEST_FILES)) $(filter $(BUILD)/initramfs-$(GUEST).cpio,$(INITRAMFS))
RUN = $(PYTHON) tools/run.py --build $(BUILD) --host $(call quote,$(HOST)) --cpus $(CPUS) --memory $(MEMORY) \
    --parameters $(call quote,$(ARGS))

FUZZ_RUNS_SHORT := 200000

.PHONY: image run report bench test unit fuzz fuzz-short system matrix check-registers iso guests setup clean distclean help FORCE

image: $(IMAGE) $(BUILD)/sextant.lst ## build/sextant.elf: the hypervisor (this is what plain `make` does)

run: $(if $(BARE),,$(IMAGE)) $(GUEST_NEEDS) | $(SETUP) ## boot a guest on Sextant in an emulator; standard input drives its shell
	@$(RUN) --guest $(call quote,$(GUEST)) --guest-arguments $(call quote,$(LINUX_ARGS)) $(if $(BARE),--bare) run

report: $(IMAGE) ## print the capability report of HOST and end
	@$(RUN) $(if $(JSON),--json) report

bench: $(IMAGE) $(BUILD)/guests/bench.elf | $(SETUP) ## count what each way to watch the APIC costs; updates docs/cost.md
	@$(PYTHON) tools/bench.py --build $(BUILD)

test: ## everything that is tested: unit tests, a short fuzzing, registers, system tests
	@$(MAKE) unit
	@$(MAKE) fuzz-short
	@$(MAKE) check-registers
	@$(MAKE) system

unit: $(UNIT_TESTS) ## unit tests of the pure code, on this machine
	@tests=$(call quote,$(UNIT_TESTS)) && mk/unit-tests $$tests

fuzz: $(FUZZER) ## FUZZ_RUNS random inputs to the instruction decoder, compared with Capstone
	$(call fuzz,$(FUZZ_RUNS),0)

fuzz-short: $(FUZZER)
	$(call fuzz,$(FUZZ_RUNS_SHORT),1)

check-registers: $(BUILD)/image/.registers-checked $(BUILD)/boot32/.registers-checked ## disassemble the image: it may use general registers only

system: export SEXTANT_BUILD := $(abspath $(BUILD))
system: $(IMAGE) $(GUEST_FILES) $(INITRAMFS) $(BUILD)/sextant.iso ## system tests on emulators, without the long ones
	$(call pytest,-m "not long")

matrix: export SEXTANT_BUILD := $(abspath $(BUILD))
matrix: $(IMAGE) $(GUEST_FILES) $(INITRAMFS) $(BUILD)/sextant.iso ## system tests on emulators, all of them
	$(call pytest)

iso: $(BUILD)/sextant.iso ## build/sextant.iso: GRUB, the image, Debian's kernels

guests: $(GUEST_FILES) ## the bare-metal test guests in build/guests/

setup: $(SETUP) ## install what is needed and fetch Debian's kernels (every target does it first)

clean: ## remove what was built from this tree; newlib and Debian's kernels stay
	rm -rf $(BUILD)/{image,boot32,guests,host} $(BUILD)/sextant.* $(BUILD)/initramfs-*.cpio

distclean: ## remove all of build/, downloads too
	rm -rf build $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 18
	@echo; sed -n 's/^\([A-Z_]*\) *?= *\([^#]*\)# *\(.*\)/\1=\2\t\3/p' Makefile | expand -t 26

$(SETUP): ci/setup ci/unpack-emulator.sh ci/unpack-bochs30 ci/unpack-qemu10
	@ci/setup </dev/null >&2
	@touch $@
