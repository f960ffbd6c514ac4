// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "solver/cache_import.h"
#include "store/store.h"

namespace kiln::solver {

/// Layers of steps that were found in a cache elsewhere: fetched when a step, or the result, needs
/// them, and never if none does. May be used by several threads.
class ImportedLayers {
 public:
  explicit ImportedLayers(store::Store& store) : store_(&store) {}

  /// `key_there` is the one that the step was found by; `record` is the step's, by that key or by
  /// another of its keys. It is kept in the store, under a key of the cache's own, as soon as its
  /// layer is there.
  Result<void> expect(CacheImport& from, const std::string& key_there,
                      const store::CacheRecord& record);
  /// All of `layers` are in the store then, as far as a cache promised them. Kind interrupted if
  /// one of them can't be had: the steps that a cache named it for are not taken from there again,
  /// and took_back() says so.
  Result<void> ensure(const std::vector<oci::DiffId>& layers, const std::stop_token& stop);
  bool is_distrusted(const CacheImport& from, const std::string& key) const;
  /// Whether a promise was broken since the last call: what was built on it is to be done again.
  bool took_back();
  bool has_taken_back() const;
  /// What became of broken promises, to be told.
  std::vector<std::string> take_remarks();

  /// The key under which the store keeps what the cache at `place` says of `key`. A build that does
  /// not name this cache never looks there.
  static std::string local_key(const std::string& place, const std::string& key);

 private:
  struct Promise {
    CacheImport* from;
    std::string key_there;
    store::CacheRecord record;
  };
  struct Layer {
    std::mutex fetching;
    std::vector<Promise> promises;  // guarded by mutex_
  };
  Result<void> ensure_one(const oci::DiffId& layer, const std::stop_token& stop);
  std::shared_ptr<Layer> find(const oci::DiffId& layer) const;
  Result<bool> is_there(const oci::DiffId& layer) const;
  void take_back(const Promise& promise, const std::string& why = {});
  Result<void> keep(const std::vector<Promise>& promises);

  store::Store* store_;
  mutable std::mutex mutex_;
  std::map<oci::DiffId, std::shared_ptr<Layer>> layers_;      // guarded by mutex_
  std::set<std::pair<std::string, std::string>> distrusted_;  // place and key; guarded by mutex_
  std::set<std::string> remarked_;                            // places; guarded by mutex_
  std::vector<std::string> remarks_;                          // guarded by mutex_
  bool took_back_ = false;                                    // guarded by mutex_
};

}  // namespace kiln::solver
