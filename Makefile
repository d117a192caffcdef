# SPDX-License-Identifier: BSD-2-Clause
#
# Sextant: build, run and test. `make help` lists the targets; README.md has the tour.
# The rules: mk/newlib.mk, mk/image.mk (src/), mk/boot32.mk (src/boot32/), mk/guests.mk (guests/, initramfs), mk/host.mk (unit tests).
#
# Variables for run and report (make run HOST=qemu72/EPYC-Milan CPUS=2):
HOST       ?= qemu72/EPYC# emulator/model; the model may carry QEMU's ,+feature,-feature
CPUS       ?= 4#           processors; on Bochs 2
MEMORY     ?= 512#         MiB
BOARD      ?= pc#          QEMU's -machine
DEVICES    ?=#             QEMU's -device; several with blanks between them
GUEST      ?= amd64#       amd64 or i386 (Debian's kernel), a name in guests/, or the path of a Multiboot ELF file
ARGS       ?=#             boot parameters of Sextant
LINUX_ARGS ?=#             more words for the guest's own command line
JSON       ?=#             1: report prints the JSON object and nothing else
BARE       ?=#             1: run without Sextant, the guest on the bare emulator
FUZZ_RUNS  ?= 10000000#    inputs of make fuzz
# Variables for matrix (make matrix ROW='bochs30-*' COL=auto GUEST=smp); a * at the end stands for anything:
ROW        ?=#             a host of testmatrix/hosts/
COL        ?=#             a strategy of testmatrix/strategies.toml
TEST       ?=#             a test function of testmatrix/
SHARD      ?=#             I/N: the I-th of N groups of equal weight
SKIPS      ?=#             1: that this machine can run none of the hosts is no failure
SHARDS     ?=#             for page: directories of other runs (their build/matrix/) that are put together
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

empty :=
space := $(empty) $(empty)
# The selection for pytest -k: a test's id is HOST/STRATEGY/GUEST. GUEST counts only when somebody said it.
term      = $(if $($(1)),$(2)$(if $(findstring *,$($(1))),$(subst *,,$($(1))),$($(1))$(3)))
asked     = $(filter command environment,$(firstword $(origin $(1))))
terms     = $(strip $(call term,TEST,,[) $(call term,ROW,[,/) $(call term,COL,/,/) $(if $(call asked,GUEST),$(call term,GUEST,/,])))
selection = $(if $(terms),-k $(call quote,$(subst $(space), and ,$(terms)))) $(if $(SHARD),--shard $(SHARD))
pytest    = SEXTANT_BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -n 2 testmatrix --progress \
    --junitxml=$(BUILD)/matrix/junit.xml $(strip $(1) $(PYTEST_ARGS))
executed  = $(PYTHON) mk/executed.py $(BUILD)/matrix/junit.xml $(if $(SKIPS),--skips)
make_page = $(PYTHON) testmatrix/make_page.py $(BUILD)/matrix

SETUP := build/.setup
include mk/newlib.mk mk/boot32.mk mk/image.mk mk/guests.mk mk/probe.mk mk/host.mk

# What GUEST needs to be built: a name in guests/ needs its ELF file, Linux its initramfs.
GUEST_NEEDS = $(filter $(BUILD)/guests/$(GUEST).elf,$(GUEST_FILES)) $(filter $(BUILD)/initramfs-$(GUEST).cpio,$(INITRAMFS))
# Bochs takes minutes for what QEMU does in seconds, so it gets 2 CPUs unless somebody said how many.
RUN_CPUS = $(if $(call asked,CPUS),$(CPUS),$(if $(filter bochs%,$(HOST)),2,$(CPUS)))
RUN = $(PYTHON) tools/run.py --build $(BUILD) --host $(call quote,$(HOST)) --cpus $(RUN_CPUS) --memory $(MEMORY) \
    --board $(call quote,$(BOARD)) --devices $(call quote,$(DEVICES)) --parameters $(call quote,$(ARGS))

FUZZ_RUNS_SHORT := 200000

.PHONY: image run report bench test unit fuzz fuzz-short probe system matrix page pictures golden check-registers iso guests setup clean distclean help FORCE

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

fuzz: $(FUZZER) $(FUZZER_PROBE) ## FUZZ_RUNS random inputs to the instruction decoder, a hundredth of them to sextant-probe
	$(call fuzz_all,$(FUZZ_RUNS),0)

fuzz-short: $(FUZZER) $(FUZZER_PROBE)
	$(call fuzz_all,$(FUZZ_RUNS_SHORT),1)

check-registers: $(BUILD)/image/.registers-checked $(BUILD)/boot32/.registers-checked ## disassemble the image: it may use general registers only

SYSTEM_NEEDS := $(IMAGE) $(GUEST_FILES) $(INITRAMFS) $(BUILD)/sextant.iso $(PROBE) $(PROBE_SANITIZED)

system: $(SYSTEM_NEEDS) ## system tests on emulators, without the long ones
	$(call pytest,-m "not long")
	@$(executed)

# The page is made whatever the verdicts are; they decide in the end. Where no test could be run there is none to make: 0, 1 and 5 are
# pytest's for "passed", "failed" and "nothing was selected".
matrix: $(SYSTEM_NEEDS) ## system tests on emulators, all of them or those that ROW, COL, GUEST, TEST, SHARD select
	$(call pytest,$(selection)); status=$$?; case $$status in [015]) $(executed) && $(make_page);; esac && exit $$status

page: | $(SETUP) ## build/matrix/index.html again, with pictures of it; SHARDS="DIR DIR…" puts several runs together
	$(make_page) $(SHARDS)

pictures: $(IMAGE) | $(SETUP) ## the README's pictures again: docs/report.png of HOST's report, docs/matrix.png of build/matrix/index.html
	@mkdir -p $(BUILD)/matrix
	@$(RUN) report > $(BUILD)/matrix/report.txt
	$(PYTHON) testmatrix/make_pictures.py $(BUILD)/matrix $(BUILD)/matrix/report.txt docs

golden: $(IMAGE) | $(SETUP) ## write testmatrix/golden/ anew from the reports of the hosts (of ROW); look at the difference
	$(call pytest,-k $(call quote,$(subst $(space), and ,$(strip test_golden $(call term,ROW,[,/)))) --golden)

probe: $(PROBE) ## build/sextant-probe: the probe as a Linux command (docs/sextant-probe.1)

iso: $(BUILD)/sextant.iso ## build/sextant.iso: GRUB, the image, Debian's kernels

guests: $(GUEST_FILES) ## the bare-metal test guests in build/guests/

setup: $(SETUP) ## install what is needed and fetch Debian's kernels (every target does it first)

clean: ## remove what was built from this tree; newlib and Debian's kernels stay
	rm -rf $(BUILD)/{image,boot32,guests,host,probe} $(BUILD)/sextant{.*,-probe} $(BUILD)/initramfs-*.cpio

distclean: ## remove all of build/, downloads too
	rm -rf build $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 18
	@echo; sed -n 's/^\([A-Z_]*\) *?= *\([^#]*\)# *\(.*\)/\1=\2\t\3/p' Makefile | expand -t 26

$(SETUP): ci/setup ci/unpack-emulator.sh ci/unpack-bochs30 ci/unpack-qemu10
	@ci/setup </dev/null >&2
	@touch $@
