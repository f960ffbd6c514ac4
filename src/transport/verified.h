// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "archive/byte_stream.h"
#include "oci/manifest.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// Copies a blob from where nobody has verified it: kind corrupt, naming it, if it has more or
/// fewer bytes than `blob` says, or others. `sink` gets no more of them than that.
Result<void> copy_verified(archive::ByteSource& source, const oci::Descriptor& blob,
                           archive::ByteSink& sink);

/// A manifest's text as one: its media type is its own, else the descriptor's, else what it looks
/// like. Kind corrupt if its digest or size is not `expected`'s, or one is an index and the other
/// is not.
Result<SourceManifest> verify_manifest(std::string content, const oci::Descriptor& expected);
/// The same where nothing is known of it.
Result<SourceManifest> describe_manifest(std::string content, const std::string& media_type);

}  // namespace kiln::transport
