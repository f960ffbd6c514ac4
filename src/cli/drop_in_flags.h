// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/flags.h"
#include "cli/output_flag.h"
#include "cli/platform_flag.h"
#include "cli/run_step_flags.h"
#include "frontend/build_plan.h"

namespace kiln::cli {

/// Flags of docker's and buildah's `build` that scripts give: what each asks for is so in any case,
/// or is another way to say what another flag says, or can't be had, and is answered so.
struct DropInFlags {
  std::vector<std::string> attest, resources, security, unset_labels, unset_annotations;
  std::string provenance, sbom, builder, isolation, layers, format, from, ignore_file, log_file;
  std::string epoch;
  PlatformParts platform;
  bool debug = false, identity_label = true, inherit_labels = true, inherit_annotations = true,
       skip_unused_stages = true, distrust = true, omit_history = false, rewrite_timestamp = false,
       http_proxy = false;
};

/// `flags` must outlive the set.
void add_drop_in_flags(FlagSet& set, DropInFlags& flags);

/// Fails for what can't be had.
Result<void> apply_drop_in_flags(const DropInFlags& flags, frontend::BuildOptions& options);
/// --resource, as if by docker's older flags.
Result<void> apply_resources(const DropInFlags& flags, RunStepFlags& run);
/// --format: of images in the store and at registries.
Result<void> apply_format(const DropInFlags& flags, std::vector<BuildOutput>& outputs);
/// The seccomp profile of --security-opt; empty for the usual one.
Result<std::string> seccomp_profile(const DropInFlags& flags);

}  // namespace kiln::cli
