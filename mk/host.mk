# SPDX-License-Identifier: BSD-2-Clause
#
# Unit tests on this machine: the pure sources as a host library, each tests/unit/test_*.c a cmocka program that links with
# it, under the address and undefined-behaviour sanitizers. Other *.c files in tests/unit/ are shared by all tests.

# Sources without hardware access and without globals; the same files are in the image. Those that read physical memory
# do it by physical_pointer() alone, which a test of them provides.
PURE := $(wildcard $(addprefix src/, \
    probe/capabilities*.c probe/report*.c probe/raw_fill.c probe/raw_store.c strategies/select*.c strategies/strategies.c strategies/implemented.c \
    apic/destination.c apic/icr.c apic/registers.c apic/reset.c apic/startup.c apic/vectors.c x2apic/mode.c x2apic/msr_rules.c \
    boot/boot_information.c boot/build_id.c boot/cmdline*.c boot/multiboot1.c boot/multiboot2.c \
    boot32/division.c core/memory_map.c core/a20_gate.c core/hidden_features.c core/task_switch.c svm/instruction_bytes.c \
    vmx/audit_guest.c vmx/audit_rules.c vmx/memory_types.c core/acpi.c core/acpi_madt.c core/acpi_power.c \
    guest/linux_*.c guest/loader.c guest/loading.c guest/multiboot_*.c instruction/*.c core/guest_paging.c))

HOST_BUILD   := $(BUILD)/host
HOST_LIBRARY := $(HOST_BUILD)/libpure.a
# -Wno-format-truncation: format_text() cuts on purpose, as snprintf() does.
HOST_CFLAGS  := -std=c11 -O1 -g $(WARNINGS) -Wno-format-truncation -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=all -D_DEFAULT_SOURCE -Isrc -Itests/unit -Itools/probe

UNIT_SHARED  := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
UNIT_TESTS   := $(patsubst tests/unit/%.c,$(HOST_BUILD)/%,$(sort $(wildcard tests/unit/test_*.c)))
HOST_OBJECTS := $(patsubst %.c,$(HOST_BUILD)/%.o,$(PURE) $(PROBE_TOOL) $(UNIT_SHARED))

$(HOST_BUILD)/.flags: FORCE
	$(call remember,$(CC) $(HOST_CFLAGS) $(PURE) $(PROBE_TOOL) $(UNIT_SHARED))

$(HOST_BUILD)/%.o: %.c $(HOST_BUILD)/.flags | $(SETUP)
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(HOST_LIBRARY): $(HOST_OBJECTS)
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

$(HOST_BUILD)/test_%: $(HOST_BUILD)/tests/unit/test_%.o $(HOST_LIBRARY)
	$(call say,HOSTLD,$@)
	$(Q)$(CC) $(HOST_CFLAGS) -o $@ $^ -lcmocka -lcapstone

UNIT_OBJECTS := $(patsubst $(HOST_BUILD)/%,$(HOST_BUILD)/tests/unit/%.o,$(UNIT_TESTS))
.SECONDARY: $(UNIT_OBJECTS)

-include $(HOST_OBJECTS:.o=.d) $(UNIT_OBJECTS:.o=.d)

# sextant-probe as the tests run it.
PROBE_SANITIZED := $(HOST_BUILD)/sextant-probe

$(PROBE_SANITIZED): $(HOST_BUILD)/tools/probe/main.o $(HOST_LIBRARY)
	$(call say,HOSTLD,$@)
	$(Q)$(CC) $(HOST_CFLAGS) -o $@ $^

-include $(HOST_BUILD)/tools/probe/main.d

# The instruction decoder against Capstone by libFuzzer, which is clang's: the pure source and the oracle of the unit test.
FUZZ_CFLAGS  := -std=c11 -O1 -g $(WARNINGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_DEFAULT_SOURCE \
    -Isrc -Itests/unit -Itools/probe
FUZZ_SOURCES := tests/fuzz/instruction.c tests/unit/instruction_oracle.c src/instruction/decode.c
FUZZER       := $(HOST_BUILD)/fuzz-instruction

$(FUZZER): $(FUZZ_SOURCES) $(wildcard src/instruction/*.h) tests/unit/instruction_oracle.h $(HOST_BUILD)/.flags | $(SETUP)
	$(call say,FUZZER,$@)
	$(Q)clang $(FUZZ_CFLAGS) -o $@ $(FUZZ_SOURCES) -lcapstone

# The readers of sextant-probe, from files to the report.
FUZZ_PROBE_SOURCES := tests/fuzz/probe.c $(PROBE_TOOL) $(filter-out tools/probe/%,$(PROBE_SOURCES))
FUZZER_PROBE       := $(HOST_BUILD)/fuzz-probe

$(FUZZER_PROBE): $(FUZZ_PROBE_SOURCES) $(wildcard tools/probe/*.h tools/probe/*.def) $(HOST_BUILD)/.flags | $(SETUP)
	$(call say,FUZZER,$@)
	$(Q)clang $(FUZZ_CFLAGS) -o $@ $(FUZZ_PROBE_SOURCES)

# fuzz: name, number of inputs, seed (0: another each time), length, files to begin with. An input that fails is left in the
# directory fuzz.
define fuzz
@mkdir -p $(HOST_BUILD)/fuzz/$(1)
@$(if $(5),cp $(5) $(HOST_BUILD)/fuzz/$(1))
@cd $(HOST_BUILD)/fuzz && if ../fuzz-$(1) -runs=$(2) -seed=$(3) -max_len=$(4) -print_final_stats=1 $(if $(5),$(1)) \
    >../fuzz-$(1).log 2>&1; \
    then grep -E '^(Done|stat::number)' ../fuzz-$(1).log; else tail -n 40 ../fuzz-$(1).log; exit 1; fi
endef
# fuzz_all: number of inputs (a report is a hundred times as long as an instruction), seed.
define fuzz_all
$(call fuzz,instruction,$(1),$(2),17)
$(call fuzz,probe,$$(($(1) / 100)),$(2),65536,tests/unit/vectors/*.raw tests/fuzz/probe/*)
endef
