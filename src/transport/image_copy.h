// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "archive/compression.h"
#include "exporter/transfer_progress.h"
#include "oci/platform.h"
#include "store/distribution_index.h"
#include "transport/image_destination.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// How layers are compressed on their way. The bytes depend on nothing else.
struct LayerForm {
  std::optional<archive::Compression> kind;  ///< else gzip
  std::optional<int> level;
  /// Layers that are compressed already, too.
  bool force = false;
};

/// The media type of a layer that is compressed so.
std::string layer_type(archive::Compression compression);

enum class ManifestFormat { keep, oci, docker };
/// Of an index: one platform's image, all of them, or only the index itself, whose images the
/// destination has or is to get otherwise.
enum class Instances { one, all, none };

struct CopyOptions {
  LayerForm form;
  ManifestFormat format = ManifestFormat::keep;
  Instances instances = Instances::one;
  oci::Platform platform;
  /// Of every manifest, added to what it has.
  std::map<std::string, std::string> manifest_annotations = {};
  std::map<std::string, std::string> index_annotations = {};
  /// Fail rather than change a digest.
  bool preserve_digests = false;
  unsigned threads = 1;
  /// How many blobs go at once to a destination that takes several; else as it likes.
  std::optional<unsigned> blobs_at_once = {};
  std::stop_token stop = {};
  exporter::TransferProgress* progress = nullptr;
  /// Remembers which blobs the store's layers became.
  store::DistributionIndex* index = nullptr;
};

struct CopiedImage {
  oci::Descriptor top;
  std::string content;                ///< of the manifest or index
  std::optional<oci::Digest> config;  ///< of a single image
};

/// Copies an image. What needs no change keeps its bytes and digests, manifests too. Blobs that are
/// there are not sent; each other one is a stream: read, verified, recompressed if need be,
/// written.
Result<CopiedImage> copy_image(ImageSource& source, ImageDestination& destination,
                               const CopyOptions& options);

}  // namespace kiln::transport
