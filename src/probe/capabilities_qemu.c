/* SPDX-License-Identifier: BSD-2-Clause */
/* What QEMU calls a capability: the rows of qemu_features.def. */
#include "probe/capabilities.h"

static const char *const features[CAPABILITY_COUNT] = {
#define QEMU_FEATURE(id, feature) [CAPABILITY_##id] = feature,
#include "probe/qemu_features.def"
#undef QEMU_FEATURE
};

const char *capability_qemu_feature(enum capability_id id)
{
    return features[id];
}
