// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "dockerfile/statement_parser.h"

namespace kiln::dockerfile {

enum class FlagKind {
  boolean,  ///< --name, --name=true, --name=false
  text,     ///< --name=value
  list,     ///< --name=value, any number of times
};

struct FlagSpec {
  std::string_view name;
  FlagKind kind;
};

/// A statement's flags, checked against what its instruction knows.
class FlagValues {
 public:
  /// nullopt after an error.
  static std::optional<FlagValues> check(const Request& request,
                                         std::initializer_list<FlagSpec> specs);

  /// Absent too if it was given without a value, `--name=`. Its range is the value's, if there is
  /// one.
  std::optional<Word> text(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::vector<Word> list(std::string_view name) const;
  const std::vector<Flag>& all() const { return *flags_; }

 private:
  explicit FlagValues(const std::vector<Flag>& flags) : flags_(&flags) {}
  const Flag* find(std::string_view name) const;

  const std::vector<Flag>* flags_;
};

}  // namespace kiln::dockerfile
