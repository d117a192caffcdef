# SPDX-License-Identifier: BSD-2-Clause
#
# sextant-probe: the image's pure sources and tools/probe/ as a Linux command.
#   sextant-probe        for use; static, so that it can be carried to another machine
#   host/sextant-probe   with the sanitizers, for the tests; its parts are in the host library (host.mk)

PROBE         := $(BUILD)/sextant-probe
PROBE_BUILD   := $(BUILD)/probe
PROBE_CFLAGS  := -std=c11 -O2 -g $(WARNINGS) -Wno-format-truncation -D_DEFAULT_SOURCE -Isrc
PROBE_TOOL    := $(filter-out tools/probe/main.c,$(sort $(wildcard tools/probe/*.c)))
PROBE_SOURCES := $(sort $(PROBE_TOOL) tools/probe/main.c $(wildcard $(addprefix src/, probe/capabilities*.c probe/report*.c \
    probe/raw_fill.c probe/raw_store.c strategies/select*.c strategies/strategies.c strategies/implemented.c boot/cmdline*.c)))
PROBE_OBJECTS := $(patsubst %.c,$(PROBE_BUILD)/%.o,$(PROBE_SOURCES))

$(PROBE_BUILD)/.flags: FORCE
	$(call remember,$(CC) $(PROBE_CFLAGS) $(PROBE_SOURCES))

$(PROBE_BUILD)/%.o: %.c $(PROBE_BUILD)/.flags | $(SETUP)
	$(call say,PROBECC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROBE_CFLAGS) -MMD -MP -c -o $@ $<

$(PROBE): $(PROBE_OBJECTS)
	$(call say,PROBELD,$@)
	$(Q)$(CC) $(PROBE_CFLAGS) -static -o $@ $^

-include $(PROBE_OBJECTS:.o=.d)
