// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/compression.h"
#include "base/result.h"
#include "cache/buildkit_export.h"
#include "cache/importer.h"
#include "cache/storage.h"
#include "cli/registry_session.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "registry/registry.h"
#include "solver/solver.h"

namespace kiln::cli {

/// One --cache-to or --cache-from.
struct CacheSpec {
  enum class Type { local, registry, inline_image };
  Type type = Type::registry;
  std::string path;                         ///< of a local one
  std::optional<oci::Reference> reference;  ///< of a registry's
  bool all_steps = false;                   ///< mode=max
  archive::Compression compression = archive::Compression::zstd;
  std::optional<int> level;
  bool force_compression = false;
  bool buildkit_form = false;
  /// A cache that can't be written is a warning, as long as nobody says ignore-error=false.
  bool fails_build = false;
};

/// As docker writes them: `type=local,dest=DIR,mode=max`, or a reference alone. Kind invalid_input,
/// unsupported for the types of others.
Result<CacheSpec> parse_cache_to(const std::string& text);
Result<CacheSpec> parse_cache_from(const std::string& text);

/// The caches elsewhere that a build reads and writes. Must outlive what it is attached to.
class CacheSession {
 public:
  static Result<CacheSession> open(const std::vector<std::string>& from,
                                   const std::vector<std::string>& to);

  /// Who registries are asked as, and how.
  void ask_with(RegistryFlags flags) { flags_ = std::move(flags); }

  /// Before the build, which reads them from now on. A cache that can't be had is a warning.
  /// `platforms` are those that are built for; none: this machine's.
  Result<void> attach(solver::SolveContext& context, const llb::Graph& graph,
                      const std::vector<llb::VertexId>& targets,
                      const std::vector<oci::Platform>& platforms);
  using Results = std::map<llb::VertexId, solver::StepResult>;
  /// For ImageConfig::inline_cache; empty unless --cache-to type=inline asks for it.
  Result<std::string> inline_cache(solver::SolveContext& context, const Results& results,
                                   const std::vector<oci::DiffId>& layers) const;
  /// After a build that succeeded, with these results; `layers` are the targets'.
  Result<void> write(solver::SolveContext& context, const llb::Graph& graph,
                     const std::vector<llb::VertexId>& targets, const Results& results,
                     const std::vector<oci::DiffId>& layers, const std::stop_token& stop);

 private:
  CacheSession(std::vector<CacheSpec> from, std::vector<CacheSpec> to)
      : from_(std::move(from)), to_(std::move(to)) {}
  Result<registry::Registries*> registries();
  Result<std::unique_ptr<cache::Storage>> open_storage(store::Store& store, const CacheSpec& spec,
                                                       bool for_writing);
  Result<std::string> write_one(solver::SolveContext& context, const CacheSpec& spec,
                                const std::string& build_tag, const Results& results,
                                const std::vector<oci::DiffId>& layers,
                                const std::stop_token& stop);

  std::vector<CacheSpec> from_, to_;
  RegistryFlags flags_;
  std::optional<cache::BuildkitExport> buildkit_;  ///< if there is one of its form to write
  std::unique_ptr<registry::Registries> registries_;
};

}  // namespace kiln::cli
