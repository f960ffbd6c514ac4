// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/manifest.h"

namespace kiln::oci {

/// Kind corrupt for a manifest that has an index's members too, or those of schema 1, and the other
/// way round: readers would differ in what it is (CVE-2021-41190).
Result<void> check_only_manifest(const nlohmann::json& object);
Result<void> check_only_index(const nlohmann::json& object);

nlohmann::json to_json(const Descriptor& descriptor);

/// `original`, which says what `manifest` or `index` said before it was changed, as it is now: what
/// neither holds stays. A descriptor that leads elsewhere now loses its embedded content.
Result<std::string> rewritten(std::string_view original, const Manifest& manifest);
/// The entries are those of `original`, in their order.
Result<std::string> rewritten(std::string_view original, const Index& index);

}  // namespace kiln::oci
