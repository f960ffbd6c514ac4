// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/result.h"
#include "dockerfile/git_url.h"
#include "dockerfile/instructions.h"
#include "llb/op.h"

namespace kiln::frontend {

/// An image in place of a stage or image: `docker-image://NAME`, or `oci-layout://…` whole.
struct ImageContext {
  std::string reference;
};

/// A git repository, or an http(s) address: an archive whose content it is, or a file that is
/// called `context`. What it is, and whether its query is right, is looked at when it is used.
struct AddressContext {
  std::string url;
};

/// What `--build-context NAME=…` gives a name to.
using NamedContext = std::variant<ImageContext, llb::LocalSource, AddressContext>;

/// By name, as context_name() has it.
using NamedContexts = std::map<std::string, NamedContext>;

/// The key of a named context: an image's familiar name without `:latest`. Kind invalid_input for
/// what is no name.
Result<std::string> context_name(const std::string& text);
/// The context that stands for what FROM or --from calls `name`.
const NamedContext* find_context(const NamedContexts& contexts, const std::string& name);
/// The source that gives a context's files; an image's is not one of these.
Result<llb::Op> context_op(const NamedContext& context);
/// How the history calls files that an image begins with: as BuildKit does, without credentials.
std::string describe(const llb::Op& source, const std::string& name);

llb::GitSource git_source(const dockerfile::GitUrl& url);

/// The values of an ADD or COPY that decide about remote sources.
struct RemoteFlags {
  bool is_add = false;
  std::string checksum;  ///< as in --checksum
  std::optional<bool> keep_git_dir;
  std::optional<bool> unpack;
  std::size_t sources = 1;  ///< how many the instruction has
};

/// What an ADD fetches, and what of it is copied.
struct RemoteSource {
  llb::Op op;
  std::string pattern;
  bool unpack = false;
};

/// nullopt for a source that is a path. Errors in BuildKit's words.
Result<std::optional<RemoteSource>> remote_source(const std::string& source,
                                                  const RemoteFlags& flags);

}  // namespace kiln::frontend
