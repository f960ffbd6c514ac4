// SPDX-License-Identifier: Apache-2.0
#include "cli/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace kiln::cli {
namespace {
constexpr int kWrongFlag = 125;  // docker's code for words it can't make out
}

struct FlagSet::State {
  std::string command, usage, description;
  CLI::App app;
  std::size_t least = 0;
  std::size_t most = 0;
};

FlagSet::FlagSet(std::string command, std::string usage, std::string description)
    : state_(std::make_unique<State>()) {
  state_->command = std::move(command);
  state_->usage = std::move(usage);
  state_->description = std::move(description);
  state_->app.set_help_flag("--help", "print this");
  state_->app.allow_extras();
}

FlagSet::FlagSet(FlagSet&&) noexcept = default;
FlagSet::~FlagSet() = default;

FlagSet& FlagSet::flag(const std::string& names, bool& target, const std::string& help) {
  state_->app.add_flag(names, target, help);
  return *this;
}

FlagSet& FlagSet::option(const std::string& names, std::string& target, const std::string& help) {
  // The last one counts, as in docker.
  state_->app.add_option(names, target, help)->take_last();
  return *this;
}

FlagSet& FlagSet::list(const std::string& names, std::vector<std::string>& target,
                       const std::string& help) {
  state_->app.add_option(names, target, help)->allow_extra_args(false);
  return *this;
}

FlagSet& FlagSet::arguments_end_flags() {
  state_->app.prefix_command();
  return *this;
}

FlagSet& FlagSet::arguments(std::size_t least, std::size_t most) {
  state_->least = least;
  state_->most = most;
  return *this;
}

Error FlagSet::usage_error(std::string message, int exit_code) const {
  return Error(ErrorKind::invalid_input,
               fmt::format("{}\n\nUsage:  {} {}\n\nRun '{} --help' for more information", message,
                           state_->command, state_->usage, state_->command))
      .with_exit_code(exit_code);
}

Result<void> FlagSet::check_count(std::size_t count) const {
  const std::size_t least = state_->least, most = state_->most;
  if (count >= least && count <= most) return {};
  const auto plural = [](std::size_t n) { return n == 1 ? "argument" : "arguments"; };
  std::string wanted;
  if (most == 0) {
    wanted = "accepts no arguments";
  } else if (least == most) {
    wanted = fmt::format("requires {} {}", least, plural(least));
  } else if (count < least) {
    wanted = fmt::format("requires at least {} {}", least, plural(least));
  } else {
    wanted = fmt::format("requires at most {} {}", most, plural(most));
  }
  return usage_error(fmt::format("'{}' {}", state_->command, wanted), 1);
}

Result<FlagSet::Parsed> FlagSet::parse(std::vector<std::string> words) {
  Parsed out;
  const std::size_t end_of_flags =
      static_cast<std::size_t>(std::ranges::find(words, "--") - words.begin());
  const std::size_t words_after = words.size() > end_of_flags ? words.size() - end_of_flags - 1 : 0;
  try {
    std::ranges::reverse(words);  // CLI11 takes them from the back
    state_->app.parse(words);
  } catch (const CLI::CallForHelp&) {
    out.help = true;
    return out;
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string text = e.what();
    return usage_error("flag needs an argument: " + text.substr(0, text.find(':')), kWrongFlag);
  } catch (const CLI::ParseError& e) {
    return usage_error(e.what(), kWrongFlag);
  }
  out.arguments = state_->app.remaining();
  std::erase(out.arguments, "--");
  const std::size_t before = out.arguments.size() - std::min(words_after, out.arguments.size());
  for (std::size_t i = 0; i < before; ++i) {
    const std::string& word = out.arguments[i];
    if (word.size() > 1 && word.starts_with("--"))
      return usage_error("unknown flag: " + word.substr(0, word.find('=')), kWrongFlag);
    if (word.size() > 1 && word[0] == '-')
      return usage_error(fmt::format("unknown shorthand flag: '{}' in {}", word[1], word),
                         kWrongFlag);
    // What follows the first argument is not ours.
    if (state_->app.get_prefix_command()) break;
  }
  TRY(check_count(out.arguments.size()));
  return out;
}

std::string FlagSet::help() const {
  std::string out =
      fmt::format("Usage:  {} {}\n\n{}\n", state_->command, state_->usage, state_->description);
  std::vector<std::pair<std::string, std::string>> rows;
  std::size_t width = 0;
  for (const CLI::Option* option : state_->app.get_options()) {
    std::string names;
    for (const auto& name : option->get_snames()) names += "-" + name + ", ";
    if (names.empty()) names = "    ";
    for (const auto& name : option->get_lnames()) names += "--" + name;
    if (option->get_items_expected_max() > 0)
      names += option->get_allow_extra_args() ? " string" : " list";
    width = std::max(width, names.size());
    rows.emplace_back(std::move(names), option->get_description());
  }
  std::ranges::sort(rows, {}, [](const auto& row) { return row.first.substr(4); });
  out += "\nOptions:\n";
  for (const auto& [names, text] : rows) out += fmt::format("  {:<{}}   {}\n", names, width, text);
  return out;
}

}  // namespace kiln::cli
