// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/build_history.h"
#include "store/store.h"

namespace kiln::cli {

/// How much the store may grow before a build cleans up behind itself.
struct StoragePolicy {
  bool enabled = true;
  std::uint64_t keep_storage = 0;  ///< bytes of cache
  /// Bytes of cache that stay however full the file system is; at most keep_storage.
  std::uint64_t reserved = 0;
  std::uint64_t min_free = 0;  ///< bytes that stay free on the file system
  std::int64_t max_age = 0;    ///< seconds since it was last used
  store::HistoryLimits history;
  std::vector<std::string> unknown;  ///< keys of settings.json that say nothing: `gc.keepstorage`
};

/// From settings.json of the store and KILN_GC…, KILN_HISTORY… of the environment, which count
/// more. Kind invalid_input names the setting.
Result<StoragePolicy> read_storage_policy(const store::StorePaths& paths);

/// Whether it is time to apply the policy: from recorded totals alone, in microseconds.
bool collection_is_due(store::Store& store, const StoragePolicy& policy);
/// Applies it, to the history too. Returns how many bytes of the cache that freed.
Result<std::uint64_t> collect(store::Store& store, const StoragePolicy& policy);
/// After a build has answered: starts a process of its own that applies the policy, if it is time.
void collect_in_background(store::Store& store);

/// Tells the user of keys that are unknown.
void warn_of_unknown_settings(const StoragePolicy& policy);

/// `20GB`, `10%` of `whole`, a number of bytes.
Result<std::uint64_t> parse_space(const std::string& text, std::uint64_t whole);
/// Deletes the layers that nothing refers to, waiting a little for other processes to end. False
/// if they had to stay because another process uses the store.
Result<bool> delete_layers(store::Store& store);

}  // namespace kiln::cli
