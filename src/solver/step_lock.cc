// SPDX-License-Identifier: Apache-2.0
#include "solver/step_lock.h"

#include <chrono>
#include <thread>

namespace kiln::solver {
namespace {

// flock(2) can't be waited for together with a stop token.
constexpr auto kPause = std::chrono::milliseconds(10);

}  // namespace

Result<StepLock> StepLock::acquire(SolveContext& context, const StepInputs& inputs,
                                   const std::string& key) {
  if (inputs.cache(context) == UseCache::ignore || context.steps == Steps::look_up)
    return StepLock(std::nullopt, false);
  const std::string path = context.store.paths().step_lock(key);
  for (bool told = false;; told = true) {
    auto lock = TRY(os::FileLock::try_acquire(path, os::FileLock::Mode::exclusive));
    if (lock) return StepLock(std::move(lock), told);
    if (inputs.stop.stop_requested()) return cancelled();
    if (!told) context.report(StepNote{inputs.id, "waiting for another build that runs this step"});
    std::this_thread::sleep_for(kPause);
  }
}

StepLock::~StepLock() {
  if (lock_) lock_->remove();
}

}  // namespace kiln::solver
