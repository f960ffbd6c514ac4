// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "oci/image_config.h"
#include "oci/reference.h"
#include "store/store.h"

namespace kiln::exporter {

/// A history entry of a build; `layer` and when it was made, if the instruction made one.
struct BuiltStep {
  std::string created_by;
  std::optional<oci::DiffId> layer;
  TimePoint created;
};

/// The image config that a build comes to: the base image's, with the new steps' layers and
/// history. Times are those of the layers, also of cached ones, so that a build with nothing to do
/// gives the same image; with `source_date_epoch` they are that.
oci::ImageConfig finish_config(oci::ImageConfig config, const std::vector<BuiltStep>& steps,
                               std::optional<std::int64_t> source_date_epoch, TimePoint now);

}  // namespace kiln::exporter
