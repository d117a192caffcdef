/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How newlib is configured for the image: what its own configure would write into newlib.h.
 * mk/newlib.mk copies this file to build/newlib/include/newlib.h.
 */
#ifndef __NEWLIB_H__
#define __NEWLIB_H__ 1

#include <_newlib_version.h>

#define _WANT_IO_C99_FORMATS 1          /* %zu, %jd, %td, %hhx */
#define _WANT_IO_LONG_LONG 1            /* %llx */
#define _WANT_REENT_SMALL 1             /* stdio streams, time and random state out of struct _reent */
#define _REENT_GLOBAL_ATEXIT 1
#define _MB_LEN_MAX 1
#define _HAVE_LONG_DOUBLE 1
#define _HAVE_CC_INHIBIT_LOOP_TO_LIBCALL 1

#endif
