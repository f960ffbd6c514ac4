// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "oci/manifest.h"
#include "oci/platform.h"

namespace kiln::oci {

/// Reads an index that an index names.
using ReadIndex = std::function<Result<Index>(const Descriptor& entry)>;

/// The manifest that choose_manifest() finds, also in indexes within `index`: in that of the entry
/// that fits, or, where none does, in those of which no platform is said, in order. Kind corrupt if
/// they nest too deeply or are too many.
Result<std::optional<Descriptor>> find_manifest(const Index& index, const Platform& wanted,
                                                const ReadIndex& read);

}  // namespace kiln::oci
