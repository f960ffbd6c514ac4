// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "dockerfile/parser.h"
#include "frontend/remote_sources.h"
#include "llb/graph.h"
#include "oci/image_config.h"
#include "oci/platform.h"

namespace kiln::frontend {

struct BaseImage {
  oci::ImageConfig config;
};

/// Where base images come from: the store, later a registry too.
class BaseImages {
 public:
  virtual ~BaseImages() = default;
  /// By name, ID or digest; kind not_found if it isn't there.
  virtual Result<BaseImage> resolve(const std::string& reference,
                                    const oci::Platform& platform) = 0;
};

/// The devices of the machine that builds.
class Devices {
 public:
  virtual ~Devices() = default;
  /// The full names of what `RUN --device` asks for, as far as the user allows it. None for what
  /// isn't there, which is of kind not_found if it is `required`; kind permission for what isn't
  /// allowed.
  virtual Result<std::vector<std::string>> find(const std::string& name, bool required) = 0;
};

/// What the command line says about RUN.
struct RunOptions {
  std::set<std::string> entitlements;  ///< `network.host`, `security.insecure`
  std::uint64_t shm_size = 0;          ///< bytes; 0: the default
  std::vector<llb::Ulimit> ulimits;
  std::vector<std::string> host_names;  ///< of --add-host
  std::vector<std::string> volumes;     ///< `HOST:CONTAINER[:OPTIONS]`
  Devices* devices = nullptr;           ///< borrowed; without it there are none
};

/// Which layers of the result become one.
enum class Squash { none, new_layers, all };

struct BuildOptions {
  std::string target;  ///< stage name; empty is the last one
  std::map<std::string, std::string> build_args;
  std::map<std::string, std::string> labels;
  std::vector<std::string> ignore;  ///< the context's ignore patterns
  NamedContexts contexts;           ///< of --build-context: they come before stages and images
  llb::NetworkMode network = llb::NetworkMode::host;
  bool host_network_named = false;  ///< `host`, and not only by default
  RunOptions run;
  /// Names of stages whose steps run again whatever is in the cache.
  std::vector<std::string> no_cache_stages;
  /// Set in the config as if by ENV at the beginning of every stage.
  std::vector<std::string> env;
  /// Taken out of the result's config.
  std::vector<std::string> unset_env;
  /// In place of the image that the first FROM names; empty: none.
  std::string first_base = {};
  /// Whether the labels of base images are kept, and which of them are not.
  bool inherit_labels = true;
  std::vector<std::string> unset_labels = {};
  oci::Platform platform;  ///< of this machine
  /// What the result is for; without it, this machine.
  std::optional<oci::Platform> target_platform = {};
  /// It is one of several in one build: progress names the platform of every step.
  bool names_platforms = false;

  const oci::Platform& wanted_platform() const {
    return target_platform ? *target_platform : platform;
  }
  std::optional<std::int64_t> source_date_epoch;
  /// Every file of the new layers has that mtime, and not only none a later one.
  bool all_mtimes = false;
  Squash squash = Squash::none;
};

/// An entry of the image's history; `layer` is the vertex that made its layer, nullopt for none.
struct HistoryStep {
  std::string created_by;
  std::optional<llb::VertexId> layer;
};

/// What a Dockerfile comes to: a graph, and the image that its result is.
struct BuildPlan {
  llb::Graph graph;
  llb::VertexId result = 0;
  /// As the base image has it, with all of the Dockerfile's settings but without its new layers and
  /// history, which `history` lists.
  oci::ImageConfig config;
  std::vector<HistoryStep> history;
  std::vector<std::string> warnings;
};

/// Lowers the wanted stage, and the stages that it needs, to a graph; others are not looked at.
/// Errors are of kind invalid_input or not_found and quote the Dockerfile. `graph` is that of plans
/// for other platforms, which is added to: what does not depend on the platform is there once.
Result<BuildPlan> plan_build(const dockerfile::Dockerfile& file, const BuildOptions& options,
                             BaseImages& images, llb::Graph graph = {});

}  // namespace kiln::frontend
