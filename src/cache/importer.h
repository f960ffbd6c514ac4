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

#include "cache/buildkit_format.h"
#include "cache/buildkit_match.h"
#include "cache/step_manifest.h"
#include "cache/storage.h"
#include "oci/platform.h"
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
  using ReadAhead = std::function<Result<BuildkitContents>(Storage&, std::stop_token)>;

  /// `host` is what builds, as BuildKit's digests have it.
  Importer(store::Store& store, std::unique_ptr<Storage> storage, Warn warn,
           oci::Platform host = {})
      : store_(&store),
        storage_(std::move(storage)),
        warn_(std::move(warn)),
        host_(std::move(host)) {}
  ~Importer() override;

  /// Begins to read what stands under the tag of the build, and `more`. At most once.
  void read_ahead(const std::string& build_tag, ReadAhead more = {});

  const std::string& place() const override { return storage_->name(); }
  std::optional<solver::ImportedStep> find(const std::string& key,
                                           const std::stop_token& stop) override;
  std::map<llb::VertexId, solver::OfferedStep> offers(solver::SolveContext& context,
                                                      const llb::Graph& graph,
                                                      const std::vector<llb::VertexId>& targets,
                                                      const std::stop_token& stop) override;
  bool take_offer(solver::SolveContext& context, llb::VertexId vertex, const std::string& key,
                  const std::stop_token& stop) override;
  bool has_layer(const std::string& key) override;
  Result<void> fetch_layer(const std::string& key, const std::stop_token& stop) override;

 private:
  void learn(std::vector<CachedStep> steps);
  void fail(const Error& error);
  /// Whether there is something to be asked: waits for what is read ahead.
  bool is_ready(const std::stop_token& stop);
  Result<std::optional<CachedStep>> look_up(const std::string& key, const std::stop_token& stop);

  store::Store* store_;
  std::unique_ptr<Storage> storage_;
  Warn warn_;
  oci::Platform host_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool reading_ahead_ = false;                              // guarded by mutex_
  bool off_ = false;                                        // guarded by mutex_
  std::map<std::string, std::optional<CachedStep>> known_;  // guarded by mutex_
  BuildkitRecords records_;                                 // guarded by mutex_ while it is read
  std::map<llb::VertexId, BuildkitMatch> matches_;          // written by offers() alone
  std::jthread ahead_;
};

}  // namespace kiln::cache
