// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dockerfile/glob_tokens.h"

namespace kiln::dockerfile {

/// A pattern as COPY's sources are: Go's filepath.Match. `*` and `?` do not match `/`, `[a-z]` and
/// `[^a-z]` do, `\` takes the next character literally, and `**` is no more than `*`.
class Glob {
 public:
  /// Fails on a malformed pattern.
  static Result<Glob> parse(std::string_view pattern);
  /// Whether the pattern matches all of `path`.
  bool matches(std::string_view path) const;

 private:
  explicit Glob(std::vector<GlobToken> tokens) : tokens_(std::move(tokens)) {}
  std::vector<GlobToken> tokens_;
};

/// For a pattern that is used once.
Result<bool> glob_match(std::string_view pattern, std::string_view path);

/// Whether a source is a pattern, and not the name of one file or directory.
bool has_glob_characters(std::string_view path);
/// As a pattern that matches `path` alone.
std::string escape_glob(std::string_view path);

}  // namespace kiln::dockerfile
