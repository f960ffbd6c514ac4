// SPDX-License-Identifier: Apache-2.0
#include "lint/check_options.h"

#include <fmt/format.h>

#include <optional>

#include "base/strings.h"

namespace kiln::lint {
namespace {

constexpr std::size_t kMaxParts = 3;
constexpr const char* kKnownOptions =
    "the options are skip=RULE,…, error=true and experimental=RULE,…, with ; between them";

std::set<std::string, std::less<>> names(std::string_view text) {
  std::set<std::string, std::less<>> out;
  for (const std::string_view name : split(text, ',')) out.emplace(trim(name));
  return out;
}

/// The third part keeps any further `;`, as docker has it.
std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (out.size() + 1 < kMaxParts) {
    const auto [part, rest] = split_once(text, ';');
    out.push_back(part);
    if (!rest) return out;
    text = *rest;
  }
  out.push_back(text);
  return out;
}

}  // namespace

Result<CheckOptions> parse_check_options(std::string_view text, std::string_view* failed) {
  CheckOptions out;
  text = trim(text);
  if (text.empty()) return out;
  for (const std::string_view part : parts_of(text)) {
    const auto [key_text, value_text] = split_once(part, '=');
    const std::string_view key = trim(key_text);
    if (failed != nullptr) *failed = trim(part);
    if (!value_text)
      return invalid_input(fmt::format("invalid check option \"{}\"", part))
          .with_hint(kKnownOptions);
    const std::string_view value = trim(*value_text);
    if (key == "skip") {
      if (value == "all") {
        out.skip_all = true;
      } else {
        out.skipped = names(value);
      }
    } else if (key == "experimental") {
      if (value == "all") {
        out.experimental_all = true;
      } else {
        out.experimental = names(value);
      }
    } else if (key == "error") {
      const auto error = parse_bool(value);
      if (!error)
        return invalid_input(fmt::format(
            "failed to parse check option \"{}\": \"{}\" is neither true nor false", part, value));
      out.error = *error;
    } else {
      return invalid_input(fmt::format("invalid check option \"{}\"", key))
          .with_hint(kKnownOptions);
    }
  }
  return out;
}

Result<CheckOptions> parse_check_directive(std::string_view value, std::string_view* failed) {
  return parse_check_options(split_once(trim(value), ' ').first, failed);
}

CheckOptions with_comments(const CheckOptions& options, const std::vector<std::string>& comments) {
  for (const std::string& comment : comments) {
    const auto [name, value] = split_once(comment, '=');
    if (!value || !equals_ignoring_case(trim(name), "check")) continue;
    const auto more = parse_check_directive(*value);
    if (!more) return options;
    CheckOptions out = options;
    out.skip_all |= more->skip_all;
    out.experimental_all |= more->experimental_all;
    out.skipped.insert(more->skipped.begin(), more->skipped.end());
    out.experimental.insert(more->experimental.begin(), more->experimental.end());
    return out;
  }
  return options;
}

bool is_enabled(const CheckOptions& options, Rule rule, Caller caller) {
  const RuleInfo& about = rule_info(rule);
  const bool skipped = options.skip_all || options.skipped.contains(about.name);
  const bool named = options.experimental.contains(about.name);
  switch (about.scope) {
    case Scope::everywhere:
      return !skipped;
    case Scope::experimental:
      // In a build an experimental rule is only ever asked for: skip does not hold for it.
      if (caller == Caller::build) return named || options.experimental_all;
      return !skipped;
    case Scope::advice:
      return !skipped && (named || caller == Caller::lint);
  }
  return false;
}

}  // namespace kiln::lint
