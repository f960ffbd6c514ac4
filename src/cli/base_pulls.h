// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "exporter/image_pull.h"
#include "solver/base_layers.h"
#include "solver/progress.h"
#include "store/store.h"

namespace kiln::cli {

/// Base images that a build found at their registries. Each is pulled once, by the first step that
/// needs its layers or in the background before that, and is in the store under its name then.
class BasePulls final : public solver::BaseLayers {
 public:
  using Report = std::function<void(const solver::ProgressEvent& event)>;

  explicit BasePulls(store::Store& store) : store_(&store) {}
  ~BasePulls() override { stop_fetching(); }
  BasePulls(const BasePulls&) = delete;
  BasePulls& operator=(const BasePulls&) = delete;

  /// Before the build's steps run, as report_to() is. `name` as the user wrote it.
  void add(exporter::FoundImage image, std::string name);
  /// Each pull is shown as a step, the first as `first_step`.
  void report_to(Report report, solver::StepId first_step);

  bool offers(const oci::DiffId& layer) const override;
  Result<void> ensure(const std::vector<oci::DiffId>& layers, const std::stop_token& stop) override;
  void fetch_ahead(const std::vector<oci::DiffId>& layers) override;
  void stop_fetching() override;

 private:
  enum class State { waiting, running, done };
  struct Pull {
    exporter::FoundImage image;
    std::string name;
    State state = State::waiting;  ///< guarded by mutex_
    std::jthread ahead = {};       ///< guarded by mutex_
  };
  bool is_done(const Pull& pull) const;
  Result<void> bring(Pull& pull, const std::stop_token& stop);
  Result<void> fetch(Pull& pull, const std::stop_token& stop);

  store::Store* store_;
  Report report_;
  std::list<Pull> pulls_;  ///< themselves unchanged once steps run
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  solver::StepId next_step_ = 0;  ///< guarded by mutex_
  std::mutex putting_;            ///< several may be of one index
};

}  // namespace kiln::cli
