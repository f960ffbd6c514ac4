// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "base/result.h"
#include "net/http.h"

namespace kiln::registry {

/// Waits; kind cancelled if it is stopped meanwhile.
using Sleep = std::function<Result<void>(std::chrono::milliseconds time, std::stop_token stop)>;
Result<void> sleep_until_stopped(std::chrono::milliseconds time, std::stop_token stop);

/// How often something that failed is tried again, with growing pauses in between.
class Retry {
 public:
  struct Policy {
    unsigned attempts = 6;
    std::chrono::milliseconds first_pause = std::chrono::milliseconds(300);
    std::chrono::milliseconds longest_pause = std::chrono::seconds(10);
    /// A server that wants us to wait longer than this is not waited for.
    std::chrono::seconds longest_wait = std::chrono::seconds(120);
  };

  Retry(const Policy& policy, const Sleep& sleep, std::stop_token stop)
      : policy_(policy), sleep_(sleep), stop_(std::move(stop)) {}

  /// Pauses before the next attempt; `error` comes back if it was the last one, or if it is of a
  /// kind that a further attempt does not help.
  Result<void> after(const Error& error);
  /// As after(), for a temporary answer: the pause is what its Retry-After says, if it does.
  Result<void> after(const net::HttpResponse& response, const Error& error);
  /// So many bytes arrived meanwhile. Counting begins again when they are worth it: a server that
  /// gives one at a time is not asked for as long as it likes. Whether it does.
  bool note_progress(std::uint64_t bytes);

 private:
  Result<void> pause(const Error& error, std::optional<std::chrono::milliseconds> wanted);

  Policy policy_;
  const Sleep& sleep_;
  std::stop_token stop_;
  unsigned failures_ = 0;
  std::uint64_t progress_ = 0;  ///< since counting began
};

}  // namespace kiln::registry
