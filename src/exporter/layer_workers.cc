// SPDX-License-Identifier: Apache-2.0
#include "exporter/layer_workers.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace kiln::exporter {

Result<void> for_each_layer(
    std::size_t count, unsigned threads, std::stop_token stop,
    const std::function<Result<void>(std::size_t index, std::stop_token stop)>& work) {
  std::stop_source ours;
  const std::stop_callback pass_on(stop, [&] { ours.request_stop(); });
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> first;
  const auto run = [&] {
    while (!ours.stop_requested()) {
      const std::size_t index = next++;
      if (index >= count) return;
      auto done = work(index, ours.get_token());
      if (done.ok()) continue;
      const std::scoped_lock lock(mutex);
      if (!first) first = std::move(done).error();
      ours.request_stop();
    }
  };
  {
    std::vector<std::jthread> pool;
    const auto size = std::min<std::size_t>(std::max(threads, 1U), count);
    for (std::size_t i = 0; i < size; ++i) pool.emplace_back(run);
  }
  if (first) return *first;
  if (stop.stop_requested()) return cancelled();
  return {};
}

}  // namespace kiln::exporter
