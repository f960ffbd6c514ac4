// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "os/file_lock.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// The right to run the step of a key: while it is held, no other process that uses the store and
/// no other step of this one runs it. Given up when it goes, or when the process dies.
class StepLock {
 public:
  /// Waits for who has it, and says so in the step's progress; kind cancelled once the build is.
  /// Without the cache, and where steps are only looked up, there is nothing to wait for.
  static Result<StepLock> acquire(SolveContext& context, const StepInputs& inputs,
                                  const std::string& key);
  StepLock(StepLock&&) noexcept = default;
  StepLock& operator=(StepLock&&) = delete;
  ~StepLock();

  /// Whether somebody may have made the result since it was looked up.
  bool held() const { return lock_.has_value(); }
  /// Whether somebody had it.
  bool has_waited() const { return has_waited_; }

 private:
  StepLock(std::optional<os::FileLock> lock, bool has_waited)
      : lock_(std::move(lock)), has_waited_(has_waited) {}
  std::optional<os::FileLock> lock_;
  bool has_waited_;
};

}  // namespace kiln::solver
