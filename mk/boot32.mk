# SPDX-License-Identifier: BSD-2-Clause
#
# The 32-bit program: what the image does on a processor without 64-bit mode, any from the 486 on. Its own sources are in
# src/boot32/; the probe, the selection and the report are the image's pure sources compiled a second time, newlib too.
#   boot32/program.elf   32-bit ELF with debug information
#   boot32/program.bin   the same as a flat binary, which src/boot/entry.S takes into the image

BOOT32         := $(BUILD)/boot32
BOOT32_PROGRAM := $(BOOT32)/program.bin
BOOT32_ELF     := $(BOOT32)/program.elf
BOOT32_SCRIPT  := src/boot32/boot32.ld

# Where the image carries it, and how much room it has there, its .bss included. For both linker scripts.
BOOT32_PLACE   := --defsym=BOOT32_ADDRESS=0x110000 --defsym=BOOT32_SIZE=0x40000

BOOT32_SOURCES := $(sort $(wildcard src/boot32/*.c src/boot32/*.S $(addprefix src/, \
    probe/capabilities*.c probe/report*.c probe/raw.c probe/raw_fill.c probe/raw_store.c \
    strategies/select*.c strategies/strategies.c strategies/implemented.c \
    boot/boot_information.c boot/build_id.c boot/cmdline*.c boot/multiboot1.c boot/multiboot2.c \
    core/memory_map.c core/acpi.c core/acpi_madt.c lib/console.c lib/newlib_glue.c)))
BOOT32_OBJECTS := $(patsubst %,$(BOOT32)/%.o,$(basename $(BOOT32_SOURCES)))

# -march=i386: no instruction that a 486 lacks. One section a function, so that the linker leaves out what nobody calls.
BOOT32_MACHINE := -m32 -march=i386 $(filter-out -mcmodel=%,$(MACHINE_CFLAGS))
BOOT32_CFLAGS  := -std=c11 -O2 -g $(WARNINGS) $(BOOT32_MACHINE) -ffunction-sections -fdata-sections -D_DEFAULT_SOURCE -Isrc
BOOT32_LDFLAGS := -m elf_i386 -nostdlib -static -z noexecstack --build-id=none --gc-sections --fatal-warnings $(BOOT32_PLACE)

BOOT32_LIBC         := $(BOOT32)/libc.a
BOOT32_LIBC_CFLAGS  := $(BOOT32_MACHINE) $(filter-out $(MACHINE_CFLAGS),$(NEWLIB_CFLAGS))
BOOT32_LIBC_OBJECTS := $(patsubst $(NEWLIB)/obj/%,$(BOOT32)/libc/%, \
    $(filter-out $(NEWLIB)/obj/machine/%,$(NEWLIB_OBJECTS)) $(NEWLIB)/obj/string/memcpy.o $(NEWLIB)/obj/string/memset.o)

$(BOOT32)/.flags: FORCE
	$(call remember,$(CC) $(BOOT32_CFLAGS) $(BOOT32_LDFLAGS) $(BOOT32_SOURCES))

$(BOOT32_OBJECTS): $(BOOT32)/.flags | $(NEWLIB)/.unpacked

$(BOOT32)/%.o: %.c
	$(call say,CC32,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BOOT32_CFLAGS) $(SYSTEM_HEADERS) -MMD -MP -c -o $@ $<

$(BOOT32)/%.o: %.S
	$(call say,AS32,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BOOT32_CFLAGS) $(SYSTEM_HEADERS) -MMD -MP -c -o $@ $<

$(BOOT32_LIBC_OBJECTS): mk/boot32.mk mk/newlib.mk mk/newlib.h | $(NEWLIB)/.unpacked

$(BOOT32)/libc/%.o:
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BOOT32_LIBC_CFLAGS) $(SYSTEM_HEADERS) -c -o $@ $(NEWLIB_LIBC)/$*.c

define boot32_cut
$(BOOT32)/libc/cut/$(word 1,$(1)).o:
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(BOOT32_LIBC_CFLAGS) $(subst $(comma), ,$(word 3,$(1))) $$(SYSTEM_HEADERS) -c -o $$@ \
	    $(NEWLIB_LIBC)/$(word 2,$(1))
endef
$(foreach cut,$(NEWLIB_CUTS),$(eval $(call boot32_cut,$(subst :, ,$(cut)))))

$(BOOT32_LIBC): $(BOOT32_LIBC_OBJECTS)
	$(Q)mkdir -p $(@D) && rm -f $@
	$(Q)$(AR) rcsD $@ $^

$(BOOT32_ELF): $(BOOT32_OBJECTS) $(BOOT32_SCRIPT) $(BOOT32_LIBC)
	$(call say,LD32,$@)
	$(Q)$(LD) $(BOOT32_LDFLAGS) -T $(BOOT32_SCRIPT) -o $@ $(BOOT32_OBJECTS) $(BOOT32_LIBC)

$(BOOT32_PROGRAM): $(BOOT32_ELF)
	$(Q)$(OBJCOPY) -O binary $< $@

# No floating point nor vectors here either (image.mk), and nothing that came after the 486: conditional moves, the long
# forms of NOP, eight-byte exchanges, time stamps.
BOOT32_FOREIGN := ^ *[0-9a-f]+:\s+(cmov|nop[wl] |cmpxchg8b|rdtsc|[lm]fence|sys(enter|exit))

$(BOOT32)/.registers-checked: $(BOOT32_ELF)
	$(call check_registers,$<,$(FOREIGN_REGISTERS)|$(BOOT32_FOREIGN))

-include $(BOOT32_OBJECTS:.o=.d)
