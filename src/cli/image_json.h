// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "store/store.h"

namespace kiln::cli {

/// An image as `inspect` shows it: docker's member names, in docker's order.
Result<nlohmann::ordered_json> describe_image(store::Store& store, const store::Image& image);

}  // namespace kiln::cli
