// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/strings.h"

namespace kiln::os {

std::optional<std::string> environment(const std::string& name);
std::uint32_t effective_uid();
std::uint32_t effective_gid();
std::uint32_t real_uid();
int process_id();
/// Now, as UTC.
TimePoint wall_clock();
unsigned processor_count();
/// The machine's architecture as Go names it: amd64, arm64 …
std::string go_architecture();
/// Whether it is an IPv4 or IPv6 address.
bool is_ip_address(const std::string& text);
/// Sixteen random bytes in hexadecimal, from getrandom(2).
std::string random_id();
/// Absolute and without symlinks; kind not_found if it is not there.
Result<std::string> canonical_path(const std::string& path);
Result<std::string> current_directory();

}  // namespace kiln::os
