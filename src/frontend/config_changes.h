// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/image_config.h"

namespace kiln::frontend {

/// Applies instructions that change an image's config, and nothing else, as `import --change` takes
/// them: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME,
/// WORKDIR. Kind invalid_input for any other, or a malformed one.
Result<oci::RunConfig> apply_changes(const oci::ImageConfig& config,
                                     const std::vector<std::string>& changes);

}  // namespace kiln::frontend
