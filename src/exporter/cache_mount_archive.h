// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "store/store.h"

/// Contents of RUN --mount=type=cache as tar archives:
///
///     kiln-cache-mounts.json     {"version": 1}, first
///     N/record.json              id and variant, which make the directory the one that steps ask
///     for N/fs/…                     its files, as tar has them: owners, modes, links, xattrs,
///     seconds
namespace kiln::exporter {

struct CacheMountTransfer {
  std::vector<std::string> done;    ///< ids
  std::vector<std::string> in_use;  ///< ids of those that a step uses: left out
};

/// Writes the directories, each while no step uses it.
Result<CacheMountTransfer> write_cache_mounts(store::Store& store,
                                              const std::vector<store::CacheMountRecord>& mounts,
                                              archive::ByteSink& sink);

/// Puts the directories of an archive in place of those that the store has under their ids. All of
/// it is unpacked, beneath the store's tmp/, before the first of them is replaced. Kind corrupt for
/// what write_cache_mounts does not write.
Result<CacheMountTransfer> read_cache_mounts(store::Store& store, archive::ByteSource& source);

/// As read_cache_mounts, of any tar archive: its entries become the content of the cache `id`, such
/// as a mount without owner and source has it.
Result<CacheMountTransfer> read_cache_mount(store::Store& store, const std::string& id,
                                            archive::ByteSource& source);

}  // namespace kiln::exporter
