// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::dockerfile {

/// A git repository as a build context or a source of ADD, in BuildKit's syntax:
/// `https://HOST/REPO.git`, `ssh://…`, `git://…`, `USER@HOST:REPO`, with `#REF:SUBDIR` or
/// `?ref=… tag= branch= subdir= checksum=|commit= keep-git-dir= submodules= mtime=
/// fetch-by-commit=`.
struct GitUrl {
  std::string remote;    ///< for git, without fragment and query
  std::string ref;       ///< branch, tag or commit; empty is the remote's default branch
  std::string checksum;  ///< hexadecimal beginning of the commit's name
  std::string subdir;
  /// `github.com/OWNER/REPO`, which might be a path: only a context may be given so.
  bool like_a_path = false;
  bool unencrypted = false;  ///< http or git
  bool is_file = false;      ///< file://, which BuildKit does not have
  std::optional<bool> keep_git_dir;
  std::optional<bool> submodules;
  bool commit_mtime = false;     ///< mtime=commit: files get the commit's time
  bool fetch_by_commit = false;  ///< the commit that `checksum` names is asked for, not the ref
};

enum class FileUrls { no, yes };

/// nullopt if it is no git address; kind invalid_input, in BuildKit's words, for one whose query is
/// wrong. file:// addresses are read if `files` says so: the command line's user may give one, a
/// Dockerfile may not.
Result<std::optional<GitUrl>> parse_git_url(std::string_view text, FileUrls files);

}  // namespace kiln::dockerfile
