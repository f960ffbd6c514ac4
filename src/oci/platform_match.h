// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "oci/manifest.h"
#include "oci/platform.h"

namespace kiln::oci {

/// Whether what is made for `offered` runs on `wanted`: the variants of arm run those below them,
/// and an absent variant is arm64's v8, arm's v7 and amd64's v1.
bool platform_fits(const Platform& offered, const Platform& wanted);

/// Of an index, the manifest that fits `wanted` best; nullopt if none does. What says that it is
/// for no platform (attestations) never fits.
std::optional<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                          const Platform& wanted);

}  // namespace kiln::oci
