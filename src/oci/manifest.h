// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/platform.h"

namespace kiln::oci {

namespace media_type {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view kDockerLayerGzip =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view kDockerLayerZstd =
    "application/vnd.docker.image.rootfs.diff.tar.zstd";
inline constexpr std::string_view kDockerIndex =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
bool is_index(std::string_view type);
bool is_manifest(std::string_view type);
bool is_image_config(std::string_view type);
/// OCI's name of what docker names otherwise, for layers and configs; others stay.
std::string as_oci(std::string_view type);
/// The other way round.
std::string as_docker(std::string_view type);
}  // namespace media_type

/// Manifests and indexes larger than this are refused (distribution spec, "Pushing Manifests").
inline constexpr std::size_t kMaxManifestSize = std::size_t{4} << 20;
inline constexpr std::size_t kMaxConfigSize = std::size_t{8} << 20;

/// Points to a blob (image spec, descriptor.md).
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;  ///< only in an index
  std::map<std::string, std::string> annotations;
  /// Only in an index: why nothing can be read by it, such as a digest of another algorithm. It
  /// has no digest or size then. Empty for all others.
  std::string defect = {};
  bool operator==(const Descriptor&) const = default;
  /// Kind corrupt for one with a defect.
  Result<void> check() const;
};

/// One image for one platform (image spec, manifest.md; docker's v2 schema 2 reads the same).
struct Manifest {
  std::string media_type{media_type::kOciManifest};
  Descriptor config;
  std::vector<Descriptor> layers;  ///< lowest first
  std::map<std::string, std::string> annotations;

  /// Kind corrupt for what isn't one, unsupported for schema 1.
  static Result<Manifest> parse(std::string_view json);
  std::string to_json() const;
};

/// Several images under one name (image spec, image-index.md; docker's manifest list). Entries that
/// can't be used are no reason to refuse the others.
struct Index {
  std::string media_type{media_type::kOciIndex};
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;

  static Result<Index> parse(std::string_view json);
  std::string to_json() const;
};

}  // namespace kiln::oci
