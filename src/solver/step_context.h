// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "executor/executor.h"
#include "llb/graph.h"
#include "net/http.h"
#include "oci/digest.h"
#include "solver/base_layers.h"
#include "solver/imported_layers.h"
#include "solver/progress.h"
#include "solver/run_environment.h"
#include "solver/source_tree.h"
#include "store/store.h"

namespace kiln::solver {

enum class UseCache { use, ignore };
/// Whether a step that is not in the cache runs, or is only found to be missing.
enum class Steps { run, look_up };
/// What a build is for: its result, whose layers are in the store then, or only to have run what
/// was not in the cache.
enum class Wanted { result, cache };

/// A step's result as a build had it, under one of its keys: what --cache-to may hand on.
struct UsedRecord {
  std::string key;
  std::string instruction;
  oci::DiffId layer;
  TimePoint created;
  std::int64_t milliseconds = 0;
  bool ran = false;  ///< in this build
};

/// What a cache elsewhere offers.
struct Offer {
  CacheImport* from;
  OfferedStep step;
};

/// What the whole build shares.
struct SolveContext {
  store::Store& store;
  executor::Executor& executor;
  Progress& progress;
  UseCache cache = UseCache::use;
  Steps steps = Steps::run;
  Wanted wanted = Wanted::result;
  /// Which build this is, among those of a store: its context and Dockerfile.
  std::string build_name = {};
  RunEnvironment run = {};
  /// By the name of a LocalSource; what is fetched is added. Outlives the build.
  std::map<std::string, std::unique_ptr<ContextTree>> contexts = {};
  /// For http and git sources; a build without it has none.
  net::HttpTransport* http = nullptr;
  /// Of base images that were not pulled yet; may be null.
  BaseLayers* bases = nullptr;
  ImportedLayers imported{store};
  /// By vertex, in the order of `imports`. Written before steps run.
  std::map<llb::VertexId, std::vector<Offer>> offers = {};
  /// By vertex: layers of the base images below it and below the steps that depend on it. Written
  /// before steps run, where `bases` has any.
  std::map<const llb::Vertex*, std::vector<oci::DiffId>> bases_after = {};

  /// Any thread. What was given a name stays as long as this.
  ContextTree& context_tree(const std::string& name) {
    const std::lock_guard lock(contexts_mutex);
    return *contexts.at(name);
  }
  void add_context(const std::string& name, std::unique_ptr<ContextTree> tree,
                   store::KeptTree files) {
    const std::lock_guard lock(contexts_mutex);
    contexts[name] = std::move(tree);
    kept_trees.push_back(std::move(files));
  }

  /// Keeps what was learnt of the contexts' files. Any thread.
  void save_contexts() {
    std::vector<ContextTree*> trees;
    {
      const std::lock_guard lock(contexts_mutex);
      for (const auto& [name, tree] : contexts) trees.push_back(tree.get());
    }
    // Without it the next build reads more.
    for (ContextTree* tree : trees) (void)tree->save_index().ok();
  }

  /// Keys that this build hit: their records stay when others go. Any thread.
  void note_used(const std::string& key) {
    const std::lock_guard lock(used_mutex);
    used_keys.push_back(key);
  }
  /// Results of this build's steps, for --cache-to. Any thread.
  void note_result(UsedRecord record) {
    const std::lock_guard lock(used_mutex);
    used_records.push_back(std::move(record));
  }
  /// All of `layers` are in the store then, as far as base images and caches elsewhere have them.
  /// Kind interrupted as ImportedLayers says. Any thread.
  Result<void> ensure_layers(const std::vector<oci::DiffId>& layers, const std::stop_token& stop) {
    if (bases != nullptr) TRY(bases->ensure(layers, stop));
    return imported.ensure(layers, stop);
  }
  /// Steps of this build that were not in the cache: what follows them is likely to run too. Any
  /// thread.
  void note_missed(const llb::Vertex& vertex) {
    const auto after = bases_after.find(&vertex);
    if (steps == Steps::run && after != bases_after.end()) bases->fetch_ahead(after->second);
    const std::lock_guard lock(used_mutex);
    missed.insert(&vertex);
  }
  bool has_missed(const llb::Vertex* vertex) {
    const std::lock_guard lock(used_mutex);
    return missed.contains(vertex);
  }
  /// Progress takes one event at a time. Any thread.
  void report(const ProgressEvent& event) {
    const std::lock_guard lock(progress_mutex);
    progress.report(event);
  }
  /// Files that became whiteouts (snapshot/whiteout_names.h) are told of: who made them may not
  /// have meant that.
  void report_whiteouts(StepId step, const std::vector<std::string>& paths) {
    for (const auto& path : paths)
      report(StepNote{step, "/" + path + " is a whiteout in the image, and no file"});
  }
  std::mutex contexts_mutex = {};
  std::vector<store::KeptTree> kept_trees = {};  // guarded by contexts_mutex
  std::mutex progress_mutex = {};
  std::mutex used_mutex = {};
  std::vector<std::string> used_keys = {};    // guarded by used_mutex
  std::vector<UsedRecord> used_records = {};  // guarded by used_mutex
  std::set<const llb::Vertex*> missed = {};   // guarded by used_mutex
  std::set<llb::VertexId> declined = {};      // guarded by used_mutex; see solver/offers.h
  /// Caches elsewhere, in the order in which they are asked. Last: they go before what they report
  /// to.
  std::vector<std::unique_ptr<CacheImport>> imports = {};
};

/// A finished vertex: the layers of its root file system, lowest first.
struct StepResult {
  std::vector<oci::DiffId> layers;
  TimePoint created;          ///< when its own layer was made; unset without one
  std::string local_context;  ///< of a source of files: its name in SolveContext::contexts
  /// The vertex that each layer comes from, in the order of `layers`; the solver fills it in.
  std::vector<const llb::Vertex*> makers = {};
};

/// What a step is given: its vertex and its inputs' results, in order.
struct StepInputs {
  const llb::Vertex& vertex;
  std::vector<const StepResult*> results;
  StepId id;
  std::stop_token stop;
  /// Whether its result may come from the cache.
  UseCache cache(const SolveContext& context) const {
    return vertex.ignore_cache ? UseCache::ignore : context.cache;
  }
};

}  // namespace kiln::solver
