// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/manifest.h"

namespace kiln::oci {

/// An entry of an index with all that the image spec (descriptor.md, image-index.md) lets it say,
/// for those who write indexes anew; who only looks for an image uses Descriptor.
struct IndexEntry {
  struct Platform {
    std::string architecture, os, os_version, variant;
    std::vector<std::string> os_features;
    /// Of an entry's platform, or of an image's config, which has the same members.
    static Result<Platform> parse(const nlohmann::json& object);
    /// os_version and os_features don't count.
    oci::Platform simple() const { return {os, architecture, variant}; }
  };
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::vector<std::string> urls;
  std::map<std::string, std::string> annotations;
  std::string data;
  std::optional<Platform> platform;
  std::string artifact_type;

  /// Kind corrupt for what is none. A digest or size that is missing is none, a media type may be.
  static Result<IndexEntry> parse(const nlohmann::json& object);
  Descriptor descriptor() const;
  /// In the order of the spec's Go structures.
  nlohmann::ordered_json to_json() const;
};

struct FullIndex {
  std::string media_type;
  std::vector<IndexEntry> entries;
  std::map<std::string, std::string> annotations;

  static Result<FullIndex> parse(std::string_view json);
  /// The bytes that buildx writes of it.
  std::string to_json() const;
  /// Those that `docker manifest` writes: platforms always, annotations never.
  std::string to_docker_json() const;
};

nlohmann::ordered_json platform_to_json(const IndexEntry::Platform& platform);

}  // namespace kiln::oci
