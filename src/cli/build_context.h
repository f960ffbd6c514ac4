// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/dockerfile_input.h"
#include "frontend/remote_sources.h"
#include "remote/access.h"
#include "solver/source_tree.h"
#include "store/remote_cache.h"
#include "store/workspace.h"

namespace kiln::cli {

/// A build's files, wherever they came from, as a directory of this machine.
struct BuildContext {
  std::string path;  ///< absolute, without symlinks
  /// Of the user's own: its ignore file counts, and paths of Dockerfiles are the machine's.
  bool is_local = false;
  solver::Owners owners = solver::Owners::root;
  /// Seconds since 1970: when the server of an http URL says that it was changed; 0 for unknown.
  std::int64_t modified = 0;
  /// The Dockerfile itself, where that is what was given in place of a context.
  std::optional<std::string> dockerfile;
  /// These keep the directory.
  std::optional<store::KeptTree> kept = {};
  std::optional<store::ScratchDir> scratch = {};
};

enum class GitDir { as_the_url_says, keep };

/// `context` as on the command line: a directory, `-` for a tar or a Dockerfile on standard input,
/// a git repository, or the http(s) URL of an archive or a Dockerfile; what is what shows in the
/// content. `file` is --file. Errors in docker's words.
Result<BuildContext> open_build_context(const remote::Access& access, const std::string& context,
                                        const std::string& file, GitDir git_dir);

/// Whether a context or Dockerfile is not simply a directory and a file of this machine.
bool has_to_be_fetched(const std::string& context, const std::string& file);
/// How a context is called while it is fetched; empty for one that is not.
std::string fetching_name(const std::string& context);

/// The Dockerfile for a context that was opened. In one that is not a directory of this machine
/// `file` is a path of the context unless it is absolute, there are no ignore files, as in
/// BuildKit, and nothing leads outside of it. An http(s) URL is fetched.
Result<DockerfileInput> read_dockerfile_of(const remote::Access& access,
                                           const BuildContext& context, const std::string& file);

/// What --build-context names.
struct NamedContextFlags {
  frontend::NamedContexts contexts;
  std::map<std::string, std::string> directories;  ///< of LocalSource names
};
/// `NAME=VALUE` each; nothing is fetched.
Result<NamedContextFlags> parse_named_contexts(const std::vector<std::string>& flags);

}  // namespace kiln::cli
