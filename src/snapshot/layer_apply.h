// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "store/store.h"

namespace kiln::snapshot {

/// Opens a stream from its beginning.
using OpenSource = std::function<Result<std::unique_ptr<archive::ByteSource>>()>;

/// What a layer's blob may unpack to: what it says of itself (eStargz's annotation), else
/// archive::expansion_limit.
std::uint64_t expansion_limit(const oci::Descriptor& blob);

/// Puts a layer into the store from its tar stream, compressed or not: verified against `expected`
/// before it gets its name (kind corrupt otherwise, and if it becomes more than `limit` bytes). A
/// layer that is there already is not read.
/// A stream that is not the one that kiln would make from the directory is kept, uncompressed, as a
/// blob, so that the layer can leave the store as it came. Kind cancelled, soon, once `stop` asks
/// for it.
Result<store::LayerInfo> apply_layer(store::Store& store, const OpenSource& open,
                                     const oci::DiffId& expected, std::uint64_t limit,
                                     const std::stop_token& stop = {});

/// As apply_layer, of a compressed stream that can be read only once and that is kept: `keep`
/// is called when all of it was read and fits `expected`, and gives the blob that it is in the
/// store then.
Result<store::LayerInfo> apply_layer_once(store::Store& store, archive::ByteSource& source,
                                          const oci::DiffId& expected, std::uint64_t limit,
                                          const std::function<Result<oci::Descriptor>()>& keep,
                                          const std::stop_token& stop = {});

/// Makes a layer of any tar stream, compressed or not, with the diff ID of its canonical form. The
/// root is 0755 of 0:0 whatever the stream says, as with docker: archives are made of private
/// directories.
Result<store::LayerInfo> import_layer(store::Store& store, archive::ByteSource& source,
                                      const std::stop_token& stop = {});

/// The layer's uncompressed tar stream, whose digest is its diff ID (checked at the end: kind
/// corrupt).
Result<void> write_layer_tar(store::Store& store, const store::LayerInfo& layer,
                             archive::ByteSink& sink);

/// Whether the layer's directory is what its blob unpacks to, which is done for it. False too if
/// the blob is gone; kind corrupt if it is damaged.
Result<bool> is_what_its_blob_unpacks_to(store::Store& store, const store::LayerInfo& layer);

}  // namespace kiln::snapshot
