// SPDX-License-Identifier: Apache-2.0
#include "llb/op_diff.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "llb/decoder.h"

namespace kiln::llb {
namespace {

struct Word {
  std::string_view field;
  std::string_view what;
  bool shows_values = true;
};

/// The encoder's names in the user's words; a field that is not here is called by its own name.
constexpr Word kWords[] = {
    {"action", "the kind of action"},
    {"all-mtimes", "--timestamp", false},
    {"architecture", "the architecture"},
    {"below", "--parents"},
    {"chmod", "--chmod"},
    {"chown", "--chown"},
    {"content", "the heredoc's text", false},
    {"cwd", "WORKDIR"},
    {"destination", "the destination"},
    {"exclude", "--exclude"},
    {"keep", "the number of the base image's layers"},
    {"hostname", "BUILDKIT_SANDBOX_HOSTNAME"},
    {"inline-mount", "the heredoc script", false},
    {"max-mtime", "SOURCE_DATE_EPOCH"},
    {"mode", "the mode"},
    {"mtime", "SOURCE_DATE_EPOCH"},
    {"name", "the heredoc's name"},
    {"mount", "--mount", false},
    {"network", "--network"},
    {"op", "the kind of step"},
    {"owner", "USER"},
    {"path", "the path"},
    {"pattern", "the source"},
    {"security", "--security"},
    {"unpack", "whether archives are unpacked"},
    {"user", "USER"},
};

using Fields = std::vector<Field>;

bool is_list(std::string_view value) { return value.empty() || decode_list(value).has_value(); }

std::string shown(std::string_view value) {
  const auto list = value.empty() ? std::nullopt : decode_list(value);
  return list ? join(*list, " ") : std::string(value);
}

std::map<std::string, std::string> variables(std::string_view encoded) {
  std::map<std::string, std::string> out;
  for (const auto& pair : decode_list(encoded).value_or(std::vector<std::string>())) {
    const auto [name, value] = split_once(pair, '=');
    out[std::string(name)] = value.value_or("");
  }
  return out;
}

void compare_variables(std::string_view before, std::string_view after,
                       const std::vector<std::string>& args, std::vector<OpChange>& out) {
  const auto old_ones = variables(before), new_ones = variables(after);
  const auto named = [&](const std::string& name) {
    return (std::ranges::find(args, name) != args.end() ? "ARG " : "ENV ") + name;
  };
  const std::size_t had = out.size();
  for (const auto& [name, value] : old_ones) {
    const auto now = new_ones.find(name);
    if (now == new_ones.end()) {
      out.push_back({named(name), value, ""});
    } else if (now->second != value) {
      out.push_back({named(name), value, now->second});
    }
  }
  for (const auto& [name, value] : new_ones) {
    if (!old_ones.contains(name)) out.push_back({named(name), "", value});
  }
  if (out.size() == had) out.push_back({"the order of the environment", "", ""});
}

void compare_field(std::string_view name, std::string_view before, std::string_view after,
                   const std::vector<std::string>& args, std::vector<OpChange>& out) {
  if (before == after) return;
  if (name == "env") return compare_variables(before, after, args, out);
  if (name == "argv") {
    out.push_back({"the command", "", ""});
    return;
  }
  const auto word = std::ranges::find(kWords, name, &Word::field);
  const std::string what(word == std::end(kWords) ? name : word->what);
  const bool shows = word != std::end(kWords) ? word->shows_values : false;
  const bool texts = shows && (is_list(before) || !decode_fields(before));
  out.push_back({what, texts ? shown(before) : "", texts ? shown(after) : ""});
}

std::vector<std::string_view> all_of(const Fields& fields, std::string_view name) {
  std::vector<std::string_view> out;
  for (const auto& field : fields) {
    if (field.name == name) out.push_back(field.value);
  }
  return out;
}

void compare(const Fields& before, const Fields& after, const std::vector<std::string>& args,
             std::vector<OpChange>& out);

/// The actions of a COPY, one by one: a source that is new or gone is said once.
void compare_actions(const Fields& before, const Fields& after,
                     const std::vector<std::string>& args, std::vector<OpChange>& out) {
  const auto old_ones = all_of(before, "do"), new_ones = all_of(after, "do");
  if (old_ones.size() != new_ones.size()) {
    out.push_back({"the number of sources", std::to_string(old_ones.size()),
                   std::to_string(new_ones.size())});
    return;
  }
  for (std::size_t i = 0; i < old_ones.size(); ++i) {
    const auto a = decode_fields(old_ones[i]), b = decode_fields(new_ones[i]);
    if (a && b) compare(*a, *b, args, out);
  }
}

void compare(const Fields& before, const Fields& after, const std::vector<std::string>& args,
             std::vector<OpChange>& out) {
  std::vector<std::string_view> names;
  for (const auto* fields : {&before, &after}) {
    for (const auto& field : *fields) {
      if (std::ranges::find(names, field.name) == names.end()) names.push_back(field.name);
    }
  }
  for (const auto name : names) {
    if (name == "do") {
      compare_actions(before, after, args, out);
      continue;
    }
    const auto old_ones = all_of(before, name), new_ones = all_of(after, name);
    for (std::size_t i = 0; i < std::max(old_ones.size(), new_ones.size()); ++i)
      compare_field(name, i < old_ones.size() ? old_ones[i] : "",
                    i < new_ones.size() ? new_ones[i] : "", args, out);
  }
}

}  // namespace

std::vector<OpChange> op_changes(std::string_view before, std::string_view after,
                                 const std::vector<std::string>& args) {
  std::vector<OpChange> out;
  if (before == after) return out;
  const auto a = decode_fields(before), b = decode_fields(after);
  if (a && b) compare(*a, *b, args, out);
  // What all sources of a COPY share (--chown, the destination) is one change.
  std::vector<OpChange> once;
  for (auto& change : out) {
    if (std::ranges::find(once, change) == once.end()) once.push_back(std::move(change));
  }
  if (once.empty()) once.push_back({"the instruction", "", ""});
  return once;
}

}  // namespace kiln::llb
