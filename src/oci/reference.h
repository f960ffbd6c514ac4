// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/digest.h"

namespace kiln::oci {

/// The domain of a name that says none.
inline constexpr std::string_view kDockerHub = "docker.io";

/// An image's name: `[domain/]path[:tag][@digest]` (distribution spec, with docker's defaults:
/// domain docker.io, there `library/` before a single-component path, tag latest).
class Reference {
 public:
  /// Kind invalid_input, in docker's words, for what isn't one. A missing tag stays missing.
  static Result<Reference> parse(std::string_view text);

  const std::string& domain() const { return domain_; }
  /// Below the domain: `library/busybox`.
  const std::string& path() const { return path_; }
  const std::optional<std::string>& tag() const { return tag_; }
  const std::optional<Digest>& digest() const { return digest_; }

  /// With the tag `latest` if there is neither tag nor digest.
  Reference with_default_tag() const;
  Reference without_digest() const;
  /// Of the same repository, by this digest and no tag.
  Reference by_digest(const Digest& digest) const;
  /// `docker.io/library/busybox:latest`: the key under which an image is stored.
  std::string canonical() const;
  /// As docker shows it: `busybox:latest`.
  std::string familiar() const;
  /// As docker shows a repository: `busybox`.
  std::string familiar_name() const;

 private:
  std::string domain_, path_;
  std::optional<std::string> tag_;
  std::optional<Digest> digest_;
};

}  // namespace kiln::oci
