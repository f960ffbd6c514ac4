// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/build_context.h"
#include "dockerfile/parser.h"
#include "frontend/build_plan.h"
#include "remote/access.h"

namespace kiln::cli {

/// A context that was fetched, and by which words.
struct FetchedContext {
  const remote::Access* access;
  const std::string* name;  ///< as on the command line
  const BuildContext* context;
};

/// What fetching needs, made when something has to be fetched.
using AccessGiver = std::function<Result<const remote::Access*>()>;

/// Settles the time of a build for which SOURCE_DATE_EPOCH says one, in a build argument or in the
/// Dockerfile: a number of seconds, `context`, or the name of a named context or of a stage that
/// adds one remote source. That is a git repository's commit, what the server of an http one says
/// (else the newest file of an archive, that on standard input too), and no time for a directory of
/// this machine, without `fetched`, and an image. A time that options has already stays.
Result<void> settle_build_time(const dockerfile::Dockerfile& file,
                               const std::optional<FetchedContext>& fetched,
                               const AccessGiver& give_access, frontend::BuildOptions& options);

}  // namespace kiln::cli
