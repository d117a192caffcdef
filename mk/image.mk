# SPDX-License-Identifier: BSD-2-Clause
#
# The image: all of src/ and newlib, linked by src/boot/sextant.ld; src/boot32/ is a program of its own inside (boot32.mk).
#   sextant.elf64  64-bit ELF with debug information, for gdb and objdump
#                  and the build id, which the report prints
#   sextant.elf    the same bytes as a 32-bit ELF, because QEMU's Multiboot loader takes no other
#   sextant.sym    addresses and names; sextant.lst: source and instructions mixed

IMAGE         := $(BUILD)/sextant.elf
IMAGE_ELF64   := $(BUILD)/sextant.elf64
IMAGE_SOURCES := $(sort $(shell find src -path src/boot32 -prune -o -name '*.[cS]' -print))
IMAGE_OBJECTS := $(patsubst %,$(BUILD)/image/%.o,$(basename $(IMAGE_SOURCES)))
IMAGE_SCRIPT  := src/boot/sextant.ld

# -fbuiltin: a memcpy() of a few bytes is two instructions, not a call; a freestanding compiler has to be told that newlib's
# functions are the standard ones. _DEFAULT_SOURCE: newlib declares its integer-only printf family only beside the standard ones.
# -mpreferred-stack-boundary=3: without vector registers nothing needs a stack that is aligned to 16 bytes, and no function has to see
# to it. (-O3 saves 2 instructions in a hundred more, -flto none; -Os costs 10 to 30: docs/cost.md counts.)
IMAGE_CFLAGS  := -std=c11 -O2 -mpreferred-stack-boundary=3 -g $(WARNINGS) $(MACHINE_CFLAGS) -fbuiltin -D_DEFAULT_SOURCE -Isrc
IMAGE_LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=sha1 --fatal-warnings $(BOOT32_PLACE)

$(BUILD)/image/.flags: FORCE
	$(call remember,$(CC) $(IMAGE_CFLAGS) $(IMAGE_LDFLAGS) $(IMAGE_SOURCES))

$(IMAGE_OBJECTS): $(BUILD)/image/.flags | $(NEWLIB)/.unpacked

$(BUILD)/image/src/boot/entry.o: $(BOOT32_PROGRAM)
$(BUILD)/image/src/boot/entry.o: private IMAGE_CFLAGS += -DBOOT32_PROGRAM='"$(BOOT32_PROGRAM)"'

$(BUILD)/image/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(SYSTEM_HEADERS) -MMD -MP -c -o $@ $<

$(BUILD)/image/%.o: %.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(SYSTEM_HEADERS) -MMD -MP -c -o $@ $<

$(IMAGE_ELF64): $(IMAGE_OBJECTS) $(IMAGE_SCRIPT) $(NEWLIB_LIBRARY)
	$(call say,LD,$@)
	$(Q)$(LD) $(IMAGE_LDFLAGS) -T $(IMAGE_SCRIPT) -o $@ $(IMAGE_OBJECTS) $(NEWLIB_LIBRARY)
	$(Q)$(NM) --numeric-sort $@ > $(BUILD)/sextant.sym

$(IMAGE): $(IMAGE_ELF64)
	$(Q)$(OBJCOPY) --strip-debug -O elf32-i386 $< $@

$(BUILD)/sextant.lst: $(IMAGE_ELF64)
	$(Q)$(OBJDUMP) --disassemble --source --wide $< > $@

# The guest's floating-point and vector state is never saved, so no instruction of the image may name such a register or be
# one of the x87's (their names begin with f). .text is all 64-bit code; the rest is a few lines for 16 and 32 bits.
FOREIGN_REGISTERS := %([xyz]?mm[0-9]|st\b|k[0-7]\b)|^ *[0-9a-f]+:\s+([a-z]+ +)?f[a-z][a-z0-9]+

# check_registers: ELF file, pattern of what it must not have.
define check_registers
$(call say,CHECK,general registers only: $(1))
$(Q)$(OBJDUMP) --disassemble --section=.text --no-show-raw-insn $(1) > $@.txt
$(Q)test "$$(grep -c '\sret' $@.txt)" -gt 10 || { echo 'check-registers: $(1) has no code to check' >&2; exit 1; }
$(Q)if grep -P '$(2)' $@.txt >&2; then \
    echo 'check-registers: $(1) uses floating-point or vector registers or newer instructions, see above' >&2; exit 1; fi
$(Q)touch $@
endef

$(BUILD)/image/.registers-checked: $(IMAGE_ELF64)
	$(call check_registers,$<,$(FOREIGN_REGISTERS))

-include $(IMAGE_OBJECTS:.o=.d)
