// SPDX-License-Identifier: Apache-2.0
#include "registry/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "registry/response_error.h"

namespace kiln::registry {

namespace {

constexpr std::uint64_t kWorthwhileProgress = std::uint64_t{64} << 10;

}  // namespace

Result<void> sleep_until_stopped(std::chrono::milliseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) return cancelled();
  return {};
}

Result<void> Retry::after(const Error& error) {
  if (!is_temporary(error)) return Error(error);
  // Where nobody listens, patience helps least.
  if (error.kind() == ErrorKind::unreachable) policy_.attempts = std::min(policy_.attempts, 3U);
  return pause(error, std::nullopt);
}

Result<void> Retry::after(const net::HttpResponse& response, const Error& error) {
  if (!is_temporary(response.status)) return Error(error);
  const auto wanted = retry_after(response);
  if (wanted && *wanted > policy_.longest_wait) {
    return Error(error.kind(), fmt::format("{}; the server wants us to wait {} s", error.message(),
                                           wanted->count()));
  }
  if (!wanted) return pause(error, std::nullopt);
  return pause(error, std::chrono::milliseconds(*wanted));
}

bool Retry::note_progress(std::uint64_t bytes) {
  progress_ += bytes;
  if (progress_ < kWorthwhileProgress) return false;
  progress_ = 0;
  failures_ = 0;
  return true;
}

Result<void> Retry::pause(const Error& error, std::optional<std::chrono::milliseconds> wanted) {
  ++failures_;
  if (failures_ >= policy_.attempts) {
    if (failures_ == 1) return Error(error);
    return Error(error.kind(), fmt::format("{} (tried {} times)", error.message(), failures_));
  }
  const auto grown = policy_.first_pause * (1U << std::min(failures_ - 1, 10U));
  return sleep_(wanted.value_or(std::min(grown, policy_.longest_pause)), stop_);
}

}  // namespace kiln::registry
