// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/user_namespace.h"
#include "store/store.h"

namespace kiln::cli {

/// What a command needs of the store: `read` looks at names and configs, also on a disk that is
/// full or read-only; `index` writes them too; `layers` has to do with files, for which an ordinary
/// user becomes root of a user namespace first; `removal` deletes them, on a full disk too.
enum class Access { read, index, layers, removal };

/// One invocation of the program: the options before the command, and what they lead to.
struct Session {
  std::string root;     ///< --root; empty: the default place
  std::string command;  ///< as typed, for messages: `kiln image ls`

  /// Call at most once, before any thread is started.
  Result<store::Store> open_store(Access access) const;
};

/// A command: its words without its name. What it returns is the exit code.
using CommandFunction = Result<int> (*)(const Session& session, std::vector<std::string> words);

/// Where the store is: $KILN_ROOT, /var/lib/kiln for root, $XDG_DATA_HOME/kiln for others.
Result<std::string> default_store_root();

/// Writes to standard output, all of it.
Result<void> print(std::string_view text);
/// Lines on standard error, in which escape_controls() leaves nothing that a terminal obeys.
void print_error(std::string_view text);

}  // namespace kiln::cli
