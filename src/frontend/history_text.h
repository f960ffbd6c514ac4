// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oci/image_config.h"

/// How instructions read in an image's history: BuildKit's forms, which other tools parse.
namespace kiln::frontend {

/// Go's %q of a list: `["a" "b"]`.
std::string go_quoted_list(const std::vector<std::string>& items);
/// Go's %v of a list: `[a b]`.
std::string go_list(const std::vector<std::string>& items);
/// `|2 A=1 B=2 /bin/sh -c …`: a command with the build arguments that it saw.
std::string run_text(const std::vector<std::string>& argv, const std::vector<std::string>& args);
/// Go's time.Duration as text: `1m30s`.
std::string go_duration(std::int64_t nanoseconds);
std::string healthcheck_text(const oci::Healthcheck& check);

}  // namespace kiln::frontend
