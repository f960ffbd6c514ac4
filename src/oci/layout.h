// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/reference.h"

/// Files of an image layout: image-layout.md of the OCI image specification 1.1.
namespace kiln::oci {

/// What is in `oci-layout`.
inline constexpr std::string_view kLayoutMark = R"({"imageLayoutVersion":"1.0.0"})";

/// Annotations in `index.json`: the tag of an image, and, containerd's, its whole name.
inline constexpr const char* kRefName = "org.opencontainers.image.ref.name";
inline constexpr const char* kImageName = "io.containerd.image.name";

/// Where a blob is, from the layout's top.
inline std::string blob_path(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }

/// One image of docker's `manifest.json`, which its archives have beside the layout's files.
struct DockerArchiveEntry {
  Digest config;
  std::vector<Reference> names;
  std::vector<Descriptor> layers;
};
/// The text of `manifest.json`.
std::string docker_archive_manifest(const std::vector<DockerArchiveEntry>& images);

}  // namespace kiln::oci
