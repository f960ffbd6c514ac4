// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace kiln::dockerfile {
namespace {

std::string problem_with(const Flag& flag, FlagKind kind) {
  if (kind != FlagKind::boolean) {
    return flag.value ? std::string() : fmt::format("missing a value on flag: --{}", flag.name);
  }
  if (!flag.value || equals_ignoring_case(*flag.value, "true") ||
      equals_ignoring_case(*flag.value, "false")) {
    return {};
  }
  if (flag.value->empty()) return fmt::format("missing a value on flag: --{}", flag.name);
  return fmt::format("expecting boolean value for flag --{}, not: {}", flag.name, *flag.value);
}

}  // namespace

std::optional<Range> value_range(const Flag& flag) {
  const std::size_t before = flag.name.size() + 3;  // "--" and "="
  const Range& whole = flag.range;
  if (!flag.value || whole.begin.line != whole.end.line ||
      whole.end.column - whole.begin.column != before + flag.value->size())
    return std::nullopt;
  Range out = whole;
  out.begin.column += static_cast<unsigned>(before);
  return out;
}

std::optional<FlagValues> FlagValues::check(const Request& request,
                                            std::initializer_list<FlagSpec> specs) {
  const auto before = request.findings.errors.size();
  std::set<std::string_view> seen;
  for (const Flag& flag : request.statement.flags) {
    const auto* spec = std::find_if(specs.begin(), specs.end(),
                                    [&](const FlagSpec& s) { return s.name == flag.name; });
    if (spec == specs.end()) {
      std::vector<std::string> names;
      for (const FlagSpec& known : specs) names.emplace_back(known.name);
      const auto suggestion = did_you_mean(flag.name, names);
      std::string hint = names.empty()
                             ? fmt::format("{} takes no flags", request.name())
                             : fmt::format("{} knows --{}", request.name(), join(names, ", --"));
      request.fail(flag.range, fmt::format("unknown flag: --{}{}", flag.name, suggestion),
                   std::move(hint));
    } else if (!seen.insert(spec->name).second && spec->kind != FlagKind::list) {
      request.fail(flag.range, fmt::format("duplicate flag specified: --{}", flag.name));
    } else if (auto problem = problem_with(flag, spec->kind); !problem.empty()) {
      request.fail(flag.range, std::move(problem));
    }
  }
  if (request.findings.errors.size() != before) return std::nullopt;
  return FlagValues(request.statement.flags);
}

const Flag* FlagValues::find(std::string_view name) const {
  const auto found = std::find_if(flags_->begin(), flags_->end(),
                                  [&](const Flag& flag) { return flag.name == name; });
  return found == flags_->end() ? nullptr : &*found;
}

std::optional<Word> FlagValues::text(std::string_view name) const {
  const Flag* flag = find(name);
  if (flag == nullptr || !flag->value || flag->value->empty()) return std::nullopt;
  return Word{*flag->value, value_range(*flag).value_or(flag->range)};
}

std::optional<bool> FlagValues::boolean(std::string_view name) const {
  const Flag* flag = find(name);
  if (flag == nullptr) return std::nullopt;
  return !flag->value || equals_ignoring_case(*flag->value, "true");
}

std::vector<Word> FlagValues::list(std::string_view name) const {
  std::vector<Word> words;
  for (const Flag& flag : *flags_) {
    if (flag.name == name)
      words.push_back({flag.value.value_or(""), value_range(flag).value_or(flag.range)});
  }
  return words;
}

}  // namespace kiln::dockerfile
