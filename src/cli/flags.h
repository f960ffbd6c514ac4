// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace kiln::cli {

/// A command's words on the command line, read as docker reads them: `--flag value`,
/// `--flag=value`,
/// `-f value`, flags anywhere before `--`, `--flag=false`. Errors are of kind invalid_input in
/// docker's words.
class FlagSet {
 public:
  /// `command` as typed, `kiln image ls`; `usage` what follows it, `[OPTIONS] PATH`.
  FlagSet(std::string command, std::string usage, std::string description);
  FlagSet(FlagSet&&) noexcept;
  FlagSet& operator=(FlagSet&&) = delete;
  ~FlagSet();

  /// `names` such as "--no-cache" or "-t,--tag". The target must outlive parse().
  FlagSet& flag(const std::string& names, bool& target, const std::string& help);
  FlagSet& option(const std::string& names, std::string& target, const std::string& help);
  /// A flag that may stand alone, which means `implied`, or be given a word: `--flag=word`.
  FlagSet& optional(const std::string& names, std::string& target, const std::string& implied,
                    const std::string& help);
  FlagSet& list(const std::string& names, std::vector<std::string>& target,
                const std::string& help);
  /// Of the flag named last: what is wrong with a value of it, in docker's words.
  FlagSet& checked(std::function<Result<void>(const std::string& value)> check);
  /// Everything from the first argument on is an argument: `run IMAGE COMMAND -flags-of-it`.
  FlagSet& arguments_end_flags();
  /// How many arguments there may be.
  static constexpr std::size_t kAnyNumber = SIZE_MAX;
  FlagSet& arguments(std::size_t least, std::size_t most);

  struct Parsed {
    std::vector<std::string> arguments;
    bool help = false;  ///< --help was asked for: print help() and do nothing
  };
  Result<Parsed> parse(std::vector<std::string> words);
  std::string help() const;

 private:
  struct State;
  Error usage_error(std::string message, int exit_code) const;
  Result<void> check_count(std::size_t count) const;
  std::unique_ptr<State> state_;
};

}  // namespace kiln::cli
