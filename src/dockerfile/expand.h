// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::dockerfile {

/// The value of a variable; nullopt if it is not set.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// The variables that an expansion asked for.
struct UsedNames {
  std::set<std::string, std::less<>> defined;
  std::set<std::string, std::less<>> undefined;
};

/// What becomes of a piece of syntax in the result.
enum class Quotes {
  remove,   ///< they group, and are gone
  keep,     ///< they group, and stay
  literal,  ///< they are characters like any other
};
enum class Escapes { remove, keep };
enum class UnsetVariables { empty, keep };

struct ExpandOptions {
  char escape = '\\';
  Quotes quotes = Quotes::remove;
  Escapes escapes = Escapes::remove;
  /// `keep` leaves `$name` of an unset variable as it is written.
  UnsetVariables unset = UnsetVariables::empty;
};

/// Words are expanded as BuildKit does it: '..' is literal, ".." expands, the escape character
/// takes the next one as it is, and of variables there is
///   $x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?m} ${x?m}    w, m are words themselves
///   ${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/r} ${x//p/r}        p is a ShellPattern
/// Positional and special parameters ($1, $@, $$ …) are asked for like names, so they are normally
/// unset. Errors are of kind invalid_input. `used` may be null.

/// One word, quotes removed.
Result<std::string> expand_word(std::string_view word, const Lookup& lookup, char escape,
                                UsedNames* used = nullptr);
/// Split at unquoted blanks, those that come out of a variable included.
Result<std::vector<std::string>> expand_words(std::string_view text, const Lookup& lookup,
                                              char escape, UsedNames* used = nullptr);
/// The content of a heredoc: quotes are literal and the escape character is always `\`.
Result<std::string> expand_heredoc(std::string_view content, const Lookup& lookup,
                                   UsedNames* used = nullptr);

struct Expansion {
  std::string text;
  std::vector<std::string> words;
};
Result<Expansion> expand(std::string_view text, const Lookup& lookup, const ExpandOptions& options,
                         UsedNames* used = nullptr);

}  // namespace kiln::dockerfile
