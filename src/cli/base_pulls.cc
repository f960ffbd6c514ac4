// SPDX-License-Identifier: Apache-2.0
#include "cli/base_pulls.h"

#include <algorithm>
#include <utility>

namespace kiln::cli {
namespace {

bool has_layer(const std::vector<oci::DiffId>& layers, const oci::DiffId& layer) {
  return std::ranges::find(layers, layer) != layers.end();
}

bool is_part(const exporter::FoundImage& image, const std::vector<oci::DiffId>& layers) {
  return std::ranges::all_of(image.config().diff_ids,
                             [&](const oci::DiffId& layer) { return has_layer(layers, layer); });
}

}  // namespace

void BasePulls::add(exporter::FoundImage image, std::string name) {
  pulls_.push_back({std::move(image), std::move(name)});
}

void BasePulls::report_to(Report report, solver::StepId first_step) {
  report_ = std::move(report);
  next_step_ = first_step;
}

bool BasePulls::offers(const oci::DiffId& layer) const {
  return std::ranges::any_of(
      pulls_, [&](const Pull& pull) { return has_layer(pull.image.config().diff_ids, layer); });
}

bool BasePulls::is_done(const Pull& pull) const {
  const std::lock_guard lock(mutex_);
  return pull.state == State::done;
}

Result<void> BasePulls::ensure(const std::vector<oci::DiffId>& layers,
                               const std::stop_token& stop) {
  for (auto& pull : pulls_) {
    if (is_part(pull.image, layers)) TRY(bring(pull, stop));
  }
  // Of an image that is no part as a whole, such as one layer that a cache shall get.
  for (auto& pull : pulls_) {
    if (is_done(pull)) continue;
    for (const auto& layer : pull.image.config().diff_ids) {
      if (!has_layer(layers, layer)) continue;
      const auto there = TRY(store_->layers().find(layer));
      if (!there) TRY(bring(pull, stop));
    }
  }
  return {};
}

void BasePulls::fetch_ahead(const std::vector<oci::DiffId>& layers) {
  for (auto& pull : pulls_) {
    if (!is_part(pull.image, layers)) continue;
    const std::lock_guard lock(mutex_);
    if (pull.state != State::waiting || pull.ahead.joinable()) continue;
    // What fails here is tried again by the step that needs it, which then says so.
    pull.ahead =
        std::jthread([this, &pull](const std::stop_token& stop) { (void)bring(pull, stop).ok(); });
  }
}

void BasePulls::stop_fetching() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (auto& pull : pulls_) {
      if (pull.ahead.joinable()) threads.push_back(std::move(pull.ahead));
    }
  }
  for (auto& thread : threads) thread.request_stop();
}

/// One caller does it, the others wait for that one.
Result<void> BasePulls::bring(Pull& pull, const std::stop_token& stop) {
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return pull.state != State::running; }))
      return cancelled();
    if (pull.state == State::done) return {};
    pull.state = State::running;
  }
  auto done = fetch(pull, stop);
  {
    const std::lock_guard lock(mutex_);
    pull.state = done.ok() ? State::done : State::waiting;
  }
  changed_.notify_all();
  return done;
}

Result<void> BasePulls::fetch(Pull& pull, const std::stop_token& stop) {
  solver::StepId step = 0;
  {
    const std::lock_guard lock(mutex_);
    step = next_step_++;
  }
  if (report_) report_(solver::StepStarted{step, "[internal] pull " + pull.name});
  const auto work = [&]() -> Result<void> {
    TRY(pull.image.fetch(stop));
    const std::lock_guard lock(putting_);
    TRY(pull.image.put());
    return {};
  };
  auto done = work().context("pull " + pull.name);
  auto outcome = solver::StepOutcome::done;
  if (!done.ok())
    outcome = done.error().kind() == ErrorKind::cancelled ? solver::StepOutcome::cancelled
                                                          : solver::StepOutcome::failed;
  if (report_)
    report_(solver::StepEnded{step, outcome, done.ok() ? std::string() : done.error().message()});
  return done;
}

}  // namespace kiln::cli
