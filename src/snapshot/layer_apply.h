// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "store/store.h"

namespace kiln::snapshot {

/// Puts a layer into the store from its tar stream, compressed or not: verified against `expected`
/// before it gets its name (kind corrupt otherwise). A layer that is there already is not read.
/// If the stream is not the one that kiln would make from the directory, the bytes as they came are kept as
/// a blob of `media_type`, so that the layer can leave the store as it came.
Result<store::LayerInfo> apply_layer(store::Store& store, archive::ByteSource& source,
                                     const oci::DiffId& expected);

/// Makes a layer of any tar stream, compressed or not, with the diff ID of its canonical form.
Result<store::LayerInfo> import_layer(store::Store& store, archive::ByteSource& source);

/// The layer's uncompressed tar stream, whose digest is its diff ID (checked at the end: kind corrupt).
Result<void> write_layer_tar(store::Store& store, const store::LayerInfo& layer,
                             archive::ByteSink& sink);

}  // namespace kiln::snapshot
