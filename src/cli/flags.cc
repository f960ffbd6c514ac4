// SPDX-License-Identifier: Apache-2.0
#include "cli/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <variant>

#include "base/strings.h"

namespace kiln::cli {
namespace {

constexpr int kWrongFlag = 125;  // docker's code for words it can't make out

using Target = std::variant<bool*, std::string*, std::vector<std::string>*>;

struct Flag {
  std::string long_name;  ///< without dashes
  char short_name = 0;
  Target target;
  std::string help;
  std::string implied = "true";  ///< what it means without a value, where it can stand so
  bool may_stand_alone = false;
  std::function<Result<void>(const std::string&)> check = {};

  bool takes_value() const { return !may_stand_alone; }
  std::string shown_name() const {
    return short_name != 0 ? fmt::format("-{}, --{}", short_name, long_name) : "--" + long_name;
  }
};

}  // namespace

struct FlagSet::State {
  std::string command, usage, description;
  std::vector<Flag> flags;
  std::size_t least = 0;
  std::size_t most = 0;
  bool arguments_end_flags = false;

  Flag* find_long(std::string_view name) {
    const auto it = std::ranges::find(flags, name, &Flag::long_name);
    return it == flags.end() ? nullptr : &*it;
  }
  std::vector<std::string> long_names() const {
    std::vector<std::string> out;
    for (const Flag& flag : flags) out.push_back(flag.long_name);
    return out;
  }
  Flag* find_short(char name) {
    const auto it = std::ranges::find(flags, name, &Flag::short_name);
    return it == flags.end() ? nullptr : &*it;
  }
  void add(const std::string& names, Target target, const std::string& help) {
    Flag flag;
    for (const std::string_view name : split(names, ',')) {
      if (name.starts_with("--")) {
        flag.long_name = name.substr(2);
      } else {
        flag.short_name = name.at(1);
      }
    }
    flag.target = target;
    flag.may_stand_alone = std::holds_alternative<bool*>(target);
    flag.help = help;
    flags.push_back(std::move(flag));
  }
};

FlagSet::FlagSet(std::string command, std::string usage, std::string description)
    : state_(std::make_unique<State>()) {
  state_->command = std::move(command);
  state_->usage = std::move(usage);
  state_->description = std::move(description);
}

FlagSet::FlagSet(FlagSet&&) noexcept = default;
FlagSet::~FlagSet() = default;

FlagSet& FlagSet::flag(const std::string& names, bool& target, const std::string& help) {
  state_->add(names, &target, help);
  return *this;
}

FlagSet& FlagSet::option(const std::string& names, std::string& target, const std::string& help) {
  state_->add(names, &target, help);
  return *this;
}

FlagSet& FlagSet::optional(const std::string& names, std::string& target,
                           const std::string& implied, const std::string& help) {
  state_->add(names, &target, help);
  state_->flags.back().implied = implied;
  state_->flags.back().may_stand_alone = true;
  return *this;
}

FlagSet& FlagSet::list(const std::string& names, std::vector<std::string>& target,
                       const std::string& help) {
  state_->add(names, &target, help);
  return *this;
}

FlagSet& FlagSet::checked(std::function<Result<void>(const std::string& value)> check) {
  state_->flags.back().check = std::move(check);
  return *this;
}

FlagSet& FlagSet::arguments_end_flags() {
  state_->arguments_end_flags = true;
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

namespace {

/// Gives a flag its value; the message of what is wrong with it, or nullopt.
std::optional<std::string> assign(Flag& flag, const std::string& value) {
  if (flag.check) {
    const auto checked = flag.check(value);
    if (!checked)
      return fmt::format("invalid argument \"{}\" for \"{}\" flag: {}", value, flag.shown_name(),
                         checked.error().message());
  }
  if (auto* text = std::get_if<std::string*>(&flag.target)) {
    **text = value;  // the last one counts
  } else if (auto* list = std::get_if<std::vector<std::string>*>(&flag.target)) {
    (*list)->push_back(value);
  } else {
    const auto parsed = parse_bool(value);
    if (!parsed) {
      return fmt::format(
          "invalid argument \"{}\" for \"{}\" flag: strconv.ParseBool: parsing \"{}\": invalid "
          "syntax",
          value, flag.shown_name(), value);
    }
    *std::get<bool*>(flag.target) = *parsed;
  }
  return std::nullopt;
}

}  // namespace

Result<FlagSet::Parsed> FlagSet::parse(std::vector<std::string> words) {
  Parsed out;
  std::size_t at = 0;
  const auto set = [&](Flag& flag, const std::string& value) -> Result<void> {
    const auto wrong = assign(flag, value);
    if (wrong) return usage_error(*wrong, kWrongFlag);
    return {};
  };
  const auto take_long = [&](std::string_view word) -> Result<void> {
    const auto [name, value] = split_once(word.substr(2), '=');
    if (name.empty() || name.starts_with('-'))
      return usage_error("bad flag syntax: " + std::string(word), kWrongFlag);
    Flag* flag = state_->find_long(name);
    if (flag == nullptr) {
      if (name == "help") {
        out.help = true;
        return {};
      }
      Error error = usage_error("unknown flag: --" + std::string(name), kWrongFlag);
      const auto near = nearest_word(name, state_->long_names());
      return near ? std::move(error).with_hint("did you mean --" + *near + "?") : error;
    }
    if (value) return set(*flag, std::string(*value));
    if (!flag->takes_value()) return set(*flag, flag->implied);
    if (at == words.size())
      return usage_error("flag needs an argument: --" + std::string(name), kWrongFlag);
    return set(*flag, words[at++]);
  };
  const auto take_short = [&](const std::string& word) -> Result<void> {
    for (std::size_t i = 1; i < word.size(); ++i) {
      Flag* flag = state_->find_short(word[i]);
      if (flag == nullptr && word == "-h") {
        out.help = true;
        return {};
      }
      if (flag == nullptr)
        return usage_error(
            fmt::format("unknown shorthand flag: '{}' in -{}", word[i], word.substr(i)),
            kWrongFlag);
      const std::string rest = word.substr(i + 1);
      if (rest.starts_with('=')) return set(*flag, rest.substr(1));
      if (!flag->takes_value()) {
        TRY(set(*flag, flag->implied));
        continue;
      }
      if (!rest.empty()) return set(*flag, rest);
      if (at == words.size())
        return usage_error(
            fmt::format("flag needs an argument: '{}' in -{}", word[i], word.substr(i)),
            kWrongFlag);
      return set(*flag, words[at++]);
    }
    return {};
  };
  while (at < words.size()) {
    const std::string word = words[at++];
    const bool is_flag = word.size() > 1 && word[0] == '-';
    if (!is_flag) out.arguments.push_back(word);
    if (word == "--" || (!is_flag && state_->arguments_end_flags)) {
      out.arguments.insert(out.arguments.end(), words.begin() + static_cast<std::ptrdiff_t>(at),
                           words.end());
      break;
    }
    if (!is_flag) continue;
    TRY(word.starts_with("--") ? take_long(word) : take_short(word));
    if (out.help) return out;
  }
  TRY(check_count(out.arguments.size()));
  return out;
}

std::string FlagSet::help() const {
  std::string out =
      fmt::format("Usage:  {} {}\n\n{}\n", state_->command, state_->usage, state_->description);
  std::vector<std::pair<std::string, std::string>> rows;
  std::size_t width = 0;
  for (const Flag& flag : state_->flags) {
    std::string names = flag.short_name != 0 ? fmt::format("-{}, ", flag.short_name) : "    ";
    names += "--" + flag.long_name;
    if (std::holds_alternative<std::string*>(flag.target)) names += " string";
    if (flag.may_stand_alone && !std::holds_alternative<bool*>(flag.target))
      names += fmt::format("[=\"{}\"]", flag.implied);
    if (std::holds_alternative<std::vector<std::string>*>(flag.target)) names += " list";
    width = std::max(width, names.size());
    rows.emplace_back(std::move(names), flag.help);
  }
  std::ranges::sort(rows, {}, [](const auto& row) { return row.first.substr(4); });
  out += "\nOptions:\n";
  for (const auto& [names, text] : rows) out += fmt::format("  {:<{}}   {}\n", names, width, text);
  return out;
}

}  // namespace kiln::cli
