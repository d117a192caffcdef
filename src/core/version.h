/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SEXTANT_CORE_VERSION_H
#define SEXTANT_CORE_VERSION_H

#define SEXTANT_VERSION "0.1"

#endif
