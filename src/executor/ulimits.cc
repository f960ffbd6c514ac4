// SPDX-License-Identifier: Apache-2.0
#include "executor/ulimits.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/kernel.h"

namespace kiln::executor {

std::vector<std::string> fit_ulimits(std::vector<Ulimit>& limits) {
  std::vector<std::string> out;
  if (limits.empty() || os::may_raise_limits()) return out;
  for (Ulimit& limit : limits) {
    const auto ours = os::resource_limit(limit.name);
    if (!ours || limit.hard <= ours->hard) continue;
    limit.hard = ours->hard;
    limit.soft = std::min(limit.soft, limit.hard);
    out.push_back(fmt::format(
        "warning: ulimit {}: no more than {} can be had without CAP_SYS_RESOURCE; that is used",
        limit.name, limit.hard));
  }
  return out;
}

}  // namespace kiln::executor
