// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "exporter/image_pull.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

namespace kiln::exporter {

/// Gets the layers of an image that the store has not, several at once. Each is downloaded,
/// verified, inflated and unpacked as one stream, and keeps its compressed blob.
Result<void> pull_layers(store::Store& store, registry::Repository& repository,
                         const oci::Reference& reference, const oci::Manifest& manifest,
                         const oci::ImageConfig& config, const PullOptions& options);

}  // namespace kiln::exporter
