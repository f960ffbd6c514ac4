// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "os/fd.h"
#include "store/store.h"

namespace kiln::exporter {

/// An image to write and the names that it shall have in the archive.
struct ArchiveImage {
  store::Image image;
  std::vector<std::string> names;  ///< canonical
  /// Written as a whole, as far as it is here, and named in place of `image`, which is the one of
  /// its images that readers of docker's form get.
  std::optional<store::StoredIndex> index = {};
};

enum class ArchiveFormat {
  docker,  ///< both at once, as docker 25 and later write it: readers of either form take it
  oci,     ///< an OCI image layout alone
};

/// Writes images as one tar archive: an OCI image layout (image spec, image-layout.md) that is,
/// with ArchiveFormat::docker, a `docker save` archive too (manifest.json). Streams; what is needed
/// to read the rest comes first. The same images give the same bytes.
Result<void> write_image_archive(store::Store& store, const std::vector<ArchiveImage>& images,
                                 ArchiveFormat format, archive::ByteSink& sink,
                                 const std::stop_token& stop = {});
/// The same into an empty file, at whose beginning the descriptor is, several layers at a time; the
/// descriptor's position stays. Anything else that `file` may be, such as a pipe, is written to in
/// order. `name` is for errors.
Result<void> write_image_archive(store::Store& store, const std::vector<ArchiveImage>& images,
                                 ArchiveFormat format, const os::Fd& file, const std::string& name,
                                 const std::stop_token& stop = {});

}  // namespace kiln::exporter
