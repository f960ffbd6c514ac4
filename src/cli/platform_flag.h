// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/platform.h"
#include "store/store.h"

namespace kiln::cli {

oci::Platform host_platform();
/// A value of `--platform`; nullopt for an empty one.
Result<std::optional<oci::Platform>> parse_platform(const std::string& text);
/// This machine's for an empty one.
Result<oci::Platform> platform_or_host(const std::string& text);
/// `a,b`, given several times; each once, in their order.
Result<std::vector<oci::Platform>> parse_platforms(const std::vector<std::string>& texts);

/// What `text` names; with a platform, that platform's image of it. Kind not_found in docker's
/// words.
Result<store::Image> get_image(store::Store& store, const std::string& text,
                               const std::optional<oci::Platform>& platform);

}  // namespace kiln::cli
