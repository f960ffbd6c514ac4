// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/buildkit_op.h"

namespace kiln::cache {

/// What a RUN mounts, its root file system included, as its digest has it.
struct BuildkitMounts {
  std::string json;        ///< a list; empty where BuildKit leaves it out
  std::string secret_env;  ///< a list; empty without any
  std::vector<BuildkitInput> inputs;
};

/// nullopt for mounts that can't be told: caches that begin with files, or that belong to somebody.
std::optional<BuildkitMounts> buildkit_mounts(const llb::Graph& graph, const llb::Vertex& vertex,
                                              const llb::ExecOp& op);

/// The record of a file system with nothing but this file.
std::string buildkit_inline_file(const std::string& path, std::uint32_t mode,
                                 const std::string& content);

/// Of several paths those that are below no other one, sorted.
std::vector<std::string> distinct_paths(std::vector<std::string> paths);

}  // namespace kiln::cache
