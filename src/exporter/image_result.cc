// SPDX-License-Identifier: Apache-2.0
#include "exporter/image_result.h"

#include <algorithm>

namespace kiln::exporter {

oci::ImageConfig finish_config(oci::ImageConfig config, const std::vector<BuiltStep>& steps,
                               std::optional<std::int64_t> source_date_epoch, TimePoint now) {
  // An entry without a layer is as old as the layer before it.
  std::optional<TimePoint> last;
  for (const auto& step : steps) {
    if (step.layer) last = std::max(last.value_or(step.created), step.created);
  }
  if (!last && !config.history.empty()) last = parse_rfc3339(config.history.back().created);
  if (!last) last = parse_rfc3339(config.created);
  if (source_date_epoch) last = TimePoint{*source_date_epoch, 0};
  const TimePoint created = last.value_or(now);
  TimePoint at = created;
  for (const auto& step : steps) {
    if (step.layer) {
      at = step.created;
      break;
    }
  }
  for (const auto& step : steps) {
    oci::History entry;
    entry.created_by = step.created_by;
    entry.comment = "kiln.dockerfile.v0";
    entry.empty_layer = !step.layer.has_value();
    if (step.layer) {
      config.diff_ids.push_back(*step.layer);
      at = step.created;
    }
    if (source_date_epoch) at = created;
    entry.created = format_rfc3339(at.seconds, at.nanoseconds);
    config.history.push_back(std::move(entry));
  }
  config.created = format_rfc3339(created.seconds, created.nanoseconds);
  return config;
}

}  // namespace kiln::exporter
