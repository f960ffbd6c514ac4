// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::oci {

/// What an image runs on, in Go's names (image spec, image-index.md, "platform").
struct Platform {
  std::string os = "linux";
  std::string architecture;
  std::string variant;

  /// `os[/architecture[/variant]]` or an architecture alone, normalised as containerd does:
  /// x86_64 → amd64, aarch64 → arm64, arm64/v8 → arm64, arm → arm/v7. What is missing comes from
  /// `host`. Kind invalid_input for anything else.
  static Result<Platform> parse(std::string_view text, const Platform& host);
  std::string str() const;
  /// With the words that others may have used for the same replaced by containerd's.
  Platform normalised() const;
  bool operator==(const Platform&) const = default;
};

}  // namespace kiln::oci
