# SPDX-License-Identifier: BSD-2-Clause
#
# newlib (Debian's package newlib-source) for the image: build/newlib/lib/libc.a and build/newlib/include.
#
# newlib's own configure also builds floating point, files and system calls, which the image may not have: its code uses
# general registers only. So the sources that the image can use are listed here and compiled with the image's flags:
# strings, character classes, number parsing, sorting, the allocator, and the integer-only printf family
# (sniprintf, vsniprintf, siprintf, vsiprintf: all integer conversions and length modifiers, widths, precisions; no %f).
# The allocator asks _sbrk_r() for memory; src/lib/ provides it. One state for all CPUs: only errno and strtok's place are in it.

NEWLIB         := build/newlib
NEWLIB_ARCHIVE := /usr/src/newlib/newlib-*.tar.xz
NEWLIB_LIBC    := $(NEWLIB)/source/newlib/libc
NEWLIB_INCLUDE := $(NEWLIB)/include
NEWLIB_LIBRARY := $(NEWLIB)/lib/libc.a

NEWLIB_string := bcmp bcopy bzero explicit_bzero ffsl ffsll fls flsl flsll index memccpy memchr memcmp memmem memmove \
    mempcpy memrchr rawmemchr rindex stpcpy stpncpy strcasecmp strcasestr strcat strchr strchrnul strcmp strcpy \
    strcspn strdup strdup_r strlcat strlcpy strlen strlwr strncasecmp strncat strncmp strncpy strndup strndup_r \
    strnlen strnstr strpbrk strrchr strsep strspn strstr strtok strtok_r strupr strverscmp swab
NEWLIB_ctype  := ctype_ isalnum isalpha isascii isblank iscntrl isdigit islower isprint ispunct isspace isupper \
    isxdigit toascii tolower toupper
NEWLIB_stdlib := abs atoi atol atoll calloc div imaxabs imaxdiv itoa labs ldiv llabs lldiv malloc \
    mbtowc_r mlock realloc reallocarray strtoimax strtol strtoll strtoll_r strtoul strtoull strtoull_r strtoumax utoa \
    wctomb_r
NEWLIB_search := bsearch qsort bsd_qsort_r qsort_r
NEWLIB_stdio  := siprintf sniprintf vsiprintf vsniprintf
NEWLIB_misc   := ffs
NEWLIB_locale := locale localeconv
NEWLIB_reent  := getreent impure
NEWLIB_errno  := errno
NEWLIB_machine/x86_64 := memcpy memset

NEWLIB_DIRECTORIES := string ctype stdlib search stdio misc locale reent errno machine/x86_64

# Members that newlib cuts out of one source by a macro, as "name:source:macros".
NEWLIB_CUTS := svfiprintf:stdio/vfprintf.c:-DINTEGER_ONLY,-DSTRING_ONLY \
    $(foreach f,MALLOC FREE REALLOC CALLOC MEMALIGN MALLOC_USABLE_SIZE,$(f):stdlib/nano-mallocr.c:-DDEFINE_$(f))

NEWLIB_OBJECTS := \
    $(foreach d,$(NEWLIB_DIRECTORIES),$(patsubst %,$(NEWLIB)/obj/$(d)/%.o,$(NEWLIB_$(d)))) \
    $(foreach cut,$(NEWLIB_CUTS),$(NEWLIB)/obj/cut/$(firstword $(subst :, ,$(cut))).o)

# -w: newlib's old-style definitions warn under a modern compiler. -fno-builtin and -fno-tree-…: memset must not become a
# call of memset. __SINGLE_THREAD__ leaves out locks.
NEWLIB_CFLAGS := $(MACHINE_CFLAGS) -std=gnu11 -O2 -w -fno-builtin -fno-tree-loop-distribute-patterns \
    -D__SINGLE_THREAD__ -DINTERNAL_NEWLIB -D_COMPILING_NEWLIB -I$(NEWLIB_LIBC)/string

$(NEWLIB_OBJECTS): mk/newlib.mk mk/newlib.h | $(NEWLIB)/.unpacked

$(NEWLIB)/.unpacked: mk/newlib.h | $(SETUP)
	$(call say,NEWLIB,building newlib: some seconds)
	$(Q)rm -rf $(NEWLIB) && mkdir -p $(NEWLIB)/source
	$(Q)tar -xJf $$(ls $(NEWLIB_ARCHIVE) | tail -n 1) -C $(NEWLIB)/source --strip-components=1 --wildcards \
	    '*/newlib/libc' '*/newlib/acinclude.m4' '*/COPYING.NEWLIB'
	$(Q)cp -R $(NEWLIB_LIBC)/include $(NEWLIB_INCLUDE)
	$(Q)cp mk/newlib.h $(NEWLIB_INCLUDE)/newlib.h
	$(Q)sed -n -e 's/.*(\[NEWLIB_MAJOR_VERSION\],\[\([0-9]*\)\].*/#define __NEWLIB__ \1/p' \
	    -e 's/.*(\[NEWLIB_MINOR_VERSION\],\[\([0-9]*\)\].*/#define __NEWLIB_MINOR__ \1/p' \
	    -e 's/.*(\[NEWLIB_PATCHLEVEL_VERSION\],\[\([0-9]*\)\].*/#define __NEWLIB_PATCHLEVEL__ \1/p' \
	    $(NEWLIB)/source/newlib/acinclude.m4 > $(NEWLIB_INCLUDE)/_newlib_version.h
	$(Q)touch $@

$(NEWLIB)/obj/%.o:
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(NEWLIB_CFLAGS) $(SYSTEM_HEADERS) -c -o $@ $$(ls $(NEWLIB_LIBC)/$*.[cS])

define newlib_cut
$(NEWLIB)/obj/cut/$(word 1,$(1)).o:
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(NEWLIB_CFLAGS) $(subst $(comma), ,$(word 3,$(1))) $$(SYSTEM_HEADERS) -c -o $$@ \
	    $(NEWLIB_LIBC)/$(word 2,$(1))
endef
$(foreach cut,$(NEWLIB_CUTS),$(eval $(call newlib_cut,$(subst :, ,$(cut)))))

$(NEWLIB_LIBRARY): $(NEWLIB_OBJECTS)
	$(Q)mkdir -p $(@D) && rm -f $@
	$(Q)$(AR) rcsD $@ $^
