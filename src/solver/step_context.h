// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "executor/executor.h"
#include "llb/graph.h"
#include "oci/digest.h"
#include "solver/progress.h"
#include "solver/source_tree.h"
#include "store/store.h"

namespace kiln::solver {

enum class UseCache { use, ignore };

/// What the whole build shares.
struct SolveContext {
  store::Store& store;
  executor::Executor& executor;
  Progress& progress;
  UseCache cache = UseCache::use;
  /// By the name of a LocalSource. Opened when first needed; outlives the build.
  std::map<std::string, std::unique_ptr<ContextTree>> contexts = {};

  /// Keys that this build hit: their records stay when others go. Any thread.
  void note_used(const std::string& key) {
    const std::lock_guard lock(used_mutex);
    used_keys.push_back(key);
  }
  /// Progress takes one event at a time. Any thread.
  void report(const ProgressEvent& event) {
    const std::lock_guard lock(progress_mutex);
    progress.report(event);
  }
  std::mutex progress_mutex = {};
  std::mutex used_mutex = {};
  std::vector<std::string> used_keys = {};  // guarded by used_mutex
};

/// A finished vertex: the layers of its root file system, lowest first.
struct StepResult {
  std::vector<oci::DiffId> layers;
  TimePoint created;          ///< when its own layer was made; unset without one
  std::string local_context;  ///< of a LocalSource: its name
};

/// What a step is given: its vertex and its inputs' results, in order.
struct StepInputs {
  const llb::Vertex& vertex;
  std::vector<const StepResult*> results;
  StepId id;
  std::stop_token stop;
};

}  // namespace kiln::solver
