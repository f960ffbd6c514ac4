// SPDX-License-Identifier: Apache-2.0
#include "os/parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "os/system.h"

namespace kiln::os {

unsigned worker_count() {
  constexpr unsigned kMost = 8;
  return std::clamp(processor_count(), 1u, kMost);
}

Result<void> for_each_part(std::size_t count, std::size_t least,
                           const std::function<Result<void>(std::size_t, std::size_t)>& work) {
  const std::size_t parts =
      std::clamp<std::size_t>(count / std::max<std::size_t>(least, 1), 1, worker_count());
  if (parts == 1) return work(0, count);
  std::vector<Result<void>> done(parts);
  const auto run = [&](std::size_t part) {
    done[part] = work(count * part / parts, count * (part + 1) / parts);
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t part = 1; part < parts; ++part) threads.emplace_back(run, part);
    run(0);
  }
  for (auto& result : done) TRY(std::move(result));
  return {};
}

}  // namespace kiln::os
