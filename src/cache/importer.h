// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cache/step_manifest.h"
#include "cache/storage.h"
#include "solver/cache_import.h"
#include "store/store.h"

namespace kiln::cache {

/// Reads a cache for one build. All that is asked for is the manifest of a key, and that only where
/// the one of the whole build, which is asked for ahead, does not say it; a layer's bytes come when
/// they are needed. The first failure ends the reading: a cache that can't be had holds up no
/// build. `store` must outlive it.
class Importer final : public solver::CacheImport {
 public:
  using Warn = std::function<void(const std::string& text)>;
  /// What else is to be read ahead: results that do not stand under their keys.
  using ReadAhead = std::function<Result<std::vector<CachedStep>>(Storage&, std::stop_token)>;

  Importer(store::Store& store, std::unique_ptr<Storage> storage, Warn warn)
      : store_(&store), storage_(std::move(storage)), warn_(std::move(warn)) {}
  ~Importer() override;

  /// Begins to read what stands under the tag of the build, and `more`. At most once.
  void read_ahead(const std::string& build_tag, ReadAhead more = {});

  const std::string& place() const override { return storage_->name(); }
  std::optional<solver::ImportedStep> find(const std::string& key,
                                           const std::stop_token& stop) override;
  Result<void> fetch_layer(const std::string& key, const std::stop_token& stop) override;

 private:
  void learn(std::vector<CachedStep> steps);
  void fail(const Error& error);
  Result<std::optional<CachedStep>> look_up(const std::string& key, const std::stop_token& stop);

  store::Store* store_;
  std::unique_ptr<Storage> storage_;
  Warn warn_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool reading_ahead_ = false;                              // guarded by mutex_
  bool off_ = false;                                        // guarded by mutex_
  std::map<std::string, std::optional<CachedStep>> known_;  // guarded by mutex_
  std::jthread ahead_;
};

}  // namespace kiln::cache
