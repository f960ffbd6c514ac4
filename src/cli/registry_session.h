// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "oci/platform.h"
#include "registry/registry.h"

namespace kiln::cli {

/// The registries, as the user's and the machine's files say. Reads no more than these: nothing is
/// asked of the network, and no library for it is loaded, before an image is.
Result<std::unique_ptr<registry::Registries>> open_registries();

/// What this machine runs, or what --platform says.
Result<oci::Platform> platform_or_host(const std::string& text);

}  // namespace kiln::cli
