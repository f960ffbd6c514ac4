// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "base/result.h"
#include "exporter/layer_content.h"
#include "exporter/transfer_progress.h"
#include "oci/reference.h"
#include "registry/registry.h"
#include "store/store.h"

namespace kiln::exporter {

struct PushOptions {
  LayerCompression compression;
  unsigned layers_at_once = 3;
  std::stop_token stop = {};
  TransferProgress* progress = nullptr;
};

struct PushedImage {
  oci::Digest digest;
  std::uint64_t size = 0;  ///< of the manifest
};

/// Sends an image to the registry and repository of `reference`, under its tag. An image that
/// was pulled keeps its manifest, blobs and digests; layers that were made here are compressed
/// while they are sent. Blobs that the repository has are not sent, and those that another
/// repository of the registry has are mounted from there.
Result<PushedImage> push_image(store::Store& store, registry::Registries& registries,
                               const store::Image& image, const oci::Reference& reference,
                               const PushOptions& options);

}  // namespace kiln::exporter
