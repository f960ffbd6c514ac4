// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "oci/manifest.h"
#include "oci/platform.h"

namespace kiln::oci {

/// Reads what an index leads to.
struct IndexReader {
  using Read = std::function<Result<std::string>(const Descriptor& descriptor)>;
  Read manifest;  ///< or index, of an entry
  Read config;    ///< of such a manifest
};

/// The manifest that choose_manifest() finds, also in indexes within `index`: in that of the entry
/// that fits, or, where none does, among those of which no platform is said: within indexes, in
/// order, or images whose configs say one that fits. Kind corrupt if they nest too deeply or are
/// too many, or if the one that is found can't be used.
Result<std::optional<Descriptor>> find_manifest(const Index& index, const Platform& wanted,
                                                const IndexReader& read);

}  // namespace kiln::oci
