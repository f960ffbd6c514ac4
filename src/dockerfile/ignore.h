// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dockerfile/glob_tokens.h"

namespace kiln::dockerfile {

/// The patterns of a .dockerignore file, cleaned: no comments, no byte order mark, no blanks around
/// them, no `/` in front, `.` and `..` resolved. Exceptions keep their `!`.
std::vector<std::string> parse_ignore_file(std::string_view text);

/// A path with `.`, `..` and doubled slashes resolved by its text alone, as Go's filepath.Clean.
std::string clean_path(std::string_view path);

/// Compiled ignore patterns, as moby/patternmatcher understands them: anchored at the context's
/// root, `**` any directories, `*` `?` `[..]` within one, a match of a directory holds for all that
/// is in it, `!` takes back, and the last pattern that matches decides. Safe to share by threads.
class IgnorePatterns {
 public:
  /// Matches nothing.
  IgnorePatterns() = default;
  /// Fails, with kind invalid_input, on a pattern that is malformed.
  static Result<IgnorePatterns> create(const std::vector<std::string>& patterns);

  bool empty() const { return patterns_.empty(); }

  /// The verdict on one path, and what a walker hands on to the directory's entries.
  struct Verdict {
    bool ignored = false;
    std::vector<bool> matched;
  };
  /// `parent` is the verdict on the directory that `path` is in; null at the root. `path` is
  /// relative to the context, without `.`, `..` or a slash at either end.
  Verdict judge(std::string_view path, const Verdict* parent) const;
  /// The same for a lone path.
  bool ignores(std::string_view path) const;

  /// False if nothing below the ignored directory `dir` can be taken back by a `!` pattern, so that
  /// a walker may skip it.
  bool may_contain_exceptions(std::string_view dir) const;

 private:
  struct Pattern {
    enum class Shape { exact, prefix, suffix, general };
    bool exception = false;
    Shape shape = Shape::exact;
    /// What the path must be, start with or end in; of a general pattern, what it must start with.
    std::string text;
    /// What a path must end in to match a general pattern.
    std::string tail;
    std::vector<GlobToken> tokens;

    bool matches(std::string_view path) const;
    bool may_match_below(std::string_view dir) const;
  };
  static Result<Pattern> compile(std::string_view text);

  std::vector<Pattern> patterns_;
};

}  // namespace kiln::dockerfile
