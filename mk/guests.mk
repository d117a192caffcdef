# SPDX-License-Identifier: BSD-2-Clause
#
# The bare-metal test guests: guests/NAME/*.{c,S} and guests/lib/ → build/guests/NAME.elf, a Multiboot 1 kernel in a 32-bit
# ELF like the image. And what the Linux guests need: the initramfs around Debian's BusyBox.

GUEST_NAMES       := $(sort $(patsubst guests/%/main.c,%,$(wildcard guests/*/main.c)))
GUEST_FILES       := $(patsubst %,$(BUILD)/guests/%.elf,$(GUEST_NAMES))
GUEST_LIB_OBJECTS := $(patsubst %,$(BUILD)/%.o,$(basename $(sort $(wildcard guests/lib/*.c guests/lib/*.S))))
guest_objects      = $(patsubst %,$(BUILD)/%.o,$(basename $(sort $(wildcard guests/$(1)/*.c guests/$(1)/*.S))))

GUEST_CFLAGS  := -std=c11 -O2 -g $(WARNINGS) $(MACHINE_CFLAGS) -Iguests/lib -Isrc
GUEST_HEADERS  = -nostdinc -isystem $$($(CC) -print-file-name=include)
GUEST_LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none

$(BUILD)/guests/.flags: FORCE
	$(call remember,$(CC) $(GUEST_CFLAGS) $(GUEST_LDFLAGS) $(wildcard guests/*/*.c guests/*/*.S))

$(BUILD)/guests/%.o: guests/%.c $(BUILD)/guests/.flags | $(SETUP)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_HEADERS) -MMD -MP -c -o $@ $<

$(BUILD)/guests/%.o: guests/%.S $(BUILD)/guests/.flags | $(SETUP)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_HEADERS) -MMD -MP -c -o $@ $<

define guest_rule
$(BUILD)/guests/$(1).elf: $(call guest_objects,$(1)) $(GUEST_LIB_OBJECTS) guests/lib/guest.ld
	$$(call say,LD,$$@)
	$$(Q)$$(LD) $$(GUEST_LDFLAGS) -T guests/lib/guest.ld -o $$@64 $$(filter %.o,$$^)
	$$(Q)$$(OBJCOPY) --strip-debug -O elf32-i386 $$@64 $$@
-include $(patsubst %.o,%.d,$(call guest_objects,$(1)))
endef
$(foreach name,$(GUEST_NAMES),$(eval $(call guest_rule,$(name))))
-include $(GUEST_LIB_OBJECTS:.o=.d)

INITRAMFS := $(BUILD)/initramfs-amd64.cpio $(BUILD)/initramfs-i386.cpio

$(BUILD)/initramfs-%.cpio: $(wildcard tools/initramfs/*) | $(SETUP)
	$(call say,CPIO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(PYTHON) tools/initramfs/pack.py --busybox build/debian/$*/busybox --output $@

$(BUILD)/sextant.iso: $(IMAGE) $(INITRAMFS) tools/iso/grub.cfg
	$(call say,ISO,$@)
	$(Q)tools/iso/build $(BUILD) tools/iso/grub.cfg $@
