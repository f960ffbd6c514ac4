// SPDX-License-Identifier: Apache-2.0
#include "cli/time_text.h"

#include <algorithm>
#include <chrono>

#include "base/strings.h"
#include "format/units.h"
#include "os/system.h"

namespace kiln::cli {

std::string ago_text(std::int64_t seconds) {
  if (seconds <= 0) return {};
  const std::int64_t age = std::max<std::int64_t>(0, os::wall_clock().seconds - seconds);
  return format::human_duration(std::chrono::seconds(age)) + " ago";
}

std::string go_time_text(std::int64_t seconds) {
  const std::string text = format_rfc3339(seconds);
  return text.substr(0, 10) + " " + text.substr(11, 8) + " +0000 UTC";
}

}  // namespace kiln::cli
