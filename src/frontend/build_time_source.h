// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "dockerfile/parser.h"
#include "frontend/build_plan.h"
#include "llb/op.h"

namespace kiln::frontend {

/// What SOURCE_DATE_EPOCH says for the whole build: as a build argument, else as an ARG before the
/// first FROM has it. nullopt for nothing.
Result<std::optional<std::string>> find_source_date_epoch(const dockerfile::Dockerfile& file,
                                                          const BuildOptions& options);

/// The source whose time it is, where SOURCE_DATE_EPOCH is `name`: a named context, or a stage FROM
/// scratch that does nothing but ADD one git repository or http(s) address. nullopt for a context
/// that is an image, which has no time. Kind invalid_input for any other name or stage.
Result<std::optional<llb::Op>> find_build_time_source(const dockerfile::Dockerfile& file,
                                                      const BuildOptions& options,
                                                      const std::string& name);

}  // namespace kiln::frontend
