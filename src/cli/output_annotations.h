// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/platform.h"

namespace kiln::cli {

using Annotations = std::map<std::string, std::string>;

/// What is to be said of the images that an output holds, in BuildKit's four places.
struct OutputAnnotations {
  struct OfImage {
    Annotations manifest;
    Annotations descriptor;  ///< of the manifest's, in an index or a layout
  };
  std::map<std::string, OfImage> images;  ///< by platform; the empty one is every
  Annotations index;
  Annotations index_descriptor;

  bool empty() const { return images.empty() && index.empty() && index_descriptor.empty(); }
  /// What is said of every platform, and over it what is said of this one.
  OfImage of(const oci::Platform& platform) const;
};

/// `annotation.KEY`, `annotation-index.KEY`, `annotation-manifest[linux/amd64].KEY` … of an output;
/// false if `key` is none of them.
Result<bool> set_annotation(OutputAnnotations& out, std::string_view key, const std::string& value);
/// `--annotation [TYPE[PLATFORM],…:]KEY=VALUE`.
Result<void> add_annotation(OutputAnnotations& out, std::string_view text);
/// That the images of these platforms have room for all of it.
Result<void> check_annotations(const OutputAnnotations& annotations,
                               const std::vector<oci::Platform>& platforms);

}  // namespace kiln::cli
