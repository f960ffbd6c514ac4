// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/output_flag.h"
#include "cli/registry_session.h"
#include "oci/image_config.h"
#include "solver/progress.h"
#include "store/store.h"

namespace kiln::cli {

/// What a build made for a platform.
struct PlatformResult {
  oci::Platform platform;
  oci::ImageConfig config;
};

/// What became of a build's outputs. Of several platforms the index stands for the image.
struct BuildExports {
  std::optional<oci::Digest> config;        ///< of the image, if any output is one
  std::optional<oci::Digest> index;         ///< of several platforms
  std::optional<oci::Descriptor> manifest;  ///< of the last image that was written
  std::vector<std::string> names;           ///< canonical
  std::optional<store::Image> stored;

  /// What stands for the result.
  const std::optional<oci::Digest>& id() const { return index ? index : config; }
};

/// Where mode=delete may delete.
enum class Deleting { below_here, anywhere };
/// Says what is wrong with destinations before anything is built: a directory in place of a file,
/// a terminal, a directory that mode=delete may not empty.
Result<void> check_destinations(const std::vector<BuildOutput>& outputs, Deleting deleting);

struct OutputContext {
  store::Store* store;
  solver::Progress* progress;
  std::vector<solver::StepId> inputs;  ///< the steps that the outputs are of
  solver::StepId first_step;           ///< each output is shown as a step
  std::stop_token stop;
  RegistryFlags registry = {};
};

/// Writes the results of a build: its images, of which all layers are in the store, or their files.
Result<BuildExports> write_outputs(const OutputContext& context,
                                   const std::vector<BuildOutput>& outputs,
                                   const std::vector<PlatformResult>& results);

/// What `--metadata-file` gets, with docker's keys; `ref` names the build.
nlohmann::ordered_json build_metadata(const BuildExports& exports, const oci::Platform& platform,
                                      const std::string& ref);

}  // namespace kiln::cli
