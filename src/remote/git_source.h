// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "remote/access.h"
#include "store/remote_cache.h"

namespace kiln::remote {

enum class GitDir { drop, keep };
enum class Submodules { skip, fetch };
enum class FileTimes { checkout, commit };

struct GitCheckout {
  std::string remote;    ///< as git takes it; user and password of an http URL are not given to git
  std::string ref;       ///< empty: the remote's default branch
  std::string checksum;  ///< beginning of the commit's name, or of an annotated tag's
  std::string subdir;
  GitDir git_dir = GitDir::drop;
  Submodules submodules = Submodules::fetch;
  FileTimes times = FileTimes::checkout;
  bool fetch_by_commit = false;  ///< ask for `checksum`, a whole commit name
};

/// Resolves a ref and checks it out, fetching what is missing (one commit, without its history,
/// where the server can). The result is kept by the commit's name: for a ref that has not moved
/// nothing but the ref is asked. Files have mode 644 or 755. Secrets GIT_AUTH_HEADER and
/// GIT_AUTH_TOKEN, plain or with `.<host>` appended, are sent to http servers, as in BuildKit. Kind
/// invalid_input for what git refuses, and for refs that begin with '-'.
Result<store::KeptTree> check_out(const Access& access, const GitCheckout& checkout);

}  // namespace kiln::remote
