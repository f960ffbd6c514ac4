// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "exporter/image_pull.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

namespace kiln::exporter {

/// Whether a media type is that of a layer, as docker and OCI have them.
bool is_layer_type(std::string_view media_type);

/// Gets the layers of an image that the store has not, several at once. Each is downloaded,
/// verified, inflated and unpacked as one stream, and keeps its compressed blob.
Result<void> pull_layers(store::Store& store, registry::Repository& repository,
                         const oci::Reference& reference, const oci::Manifest& manifest,
                         const oci::ImageConfig& config, const PullOptions& options);

}  // namespace kiln::exporter
