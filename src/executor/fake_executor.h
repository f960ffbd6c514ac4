// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "executor/executor.h"

namespace kiln::executor {

/// Stands in for a real executor in tests: keeps the specs that it was asked for, and does what
/// `behave` does (write to io.output, change files beneath spec.rootfs); without one, every process
/// succeeds at once.
class FakeExecutor final : public Executor {
 public:
  using Behaviour =
      std::function<Result<os::ExitStatus>(const ExecSpec&, ExecIo&, std::stop_token)>;

  explicit FakeExecutor(Behaviour behave = nullptr) : behave_(std::move(behave)) {}

  Result<os::ExitStatus> run(const ExecSpec& spec, ExecIo& io, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      specs_.push_back(spec);
    }
    if (!behave_) return os::ExitStatus{};
    return behave_(spec, io, std::move(stop));
  }

  /// In the order of the calls.
  std::vector<ExecSpec> specs() const {
    const std::lock_guard lock(mutex_);
    return specs_;
  }

 private:
  Behaviour behave_;
  mutable std::mutex mutex_;
  std::vector<ExecSpec> specs_;
};

}  // namespace kiln::executor
