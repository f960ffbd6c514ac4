// SPDX-License-Identifier: Apache-2.0
#include "llb/op_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

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
    {"device", "--device"},
    {"exclude", "--exclude"},
    {"host-names", "--add-host"},
    {"keep", "the number of the base image's layers"},
    {"hostname", "BUILDKIT_SANDBOX_HOSTNAME"},
    {"inline-mount", "the heredoc script", false},
    {"max-mtime", "SOURCE_DATE_EPOCH"},
    {"mode", "the mode"},
    {"mtime", "SOURCE_DATE_EPOCH"},
    {"name", "the heredoc's name"},
    {"network", "--network"},
    {"owner", "USER"},
    {"path", "the path"},
    {"pattern", "the source"},
    {"security", "--security"},
    {"shm-size", "--shm-size"},
    {"source", "--from", false},
    {"unpack", "whether archives are unpacked"},
    {"user", "USER"},
    {"volumes", "--volume"},
    {"with-directory", "whether directories are copied themselves", false},
};

using Fields = std::vector<Field>;

bool is_list(std::string_view value) { return value.empty() || decode_list(value).has_value(); }

std::string shown(std::string_view value) {
  const auto list = value.empty() ? std::nullopt : decode_list(value);
  return list ? join(*list, " ") : std::string(value);
}

/// As --chmod has it.
std::string octal_text(std::string_view decimal) {
  const auto mode = parse_uint(decimal);
  return mode ? fmt::format("0{:o}", *mode) : std::string(decimal);
}

/// Bytes as --shm-size takes them; empty for the default.
std::string bytes_text(std::string_view bytes) {
  auto size = parse_uint(bytes);
  if (!size || *size == 0) return {};
  std::size_t unit = 0;
  constexpr std::string_view kUnits = "bkmg";
  for (; unit + 1 < kUnits.size() && *size % 1024 == 0; ++unit) *size /= 1024;
  return fmt::format("{}{}", *size, kUnits[unit]);
}

/// The value of a field for people.
std::string field_text(std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  if (name == "mode") return octal_text(value);
  if (name == "size" || name == "shm-size") return bytes_text(value);
  return shown(value);
}

/// What two commands say: of one shell's only its text.
std::pair<std::string, std::string> command_texts(std::string_view before, std::string_view after) {
  const auto a = decode_list(before).value_or(std::vector<std::string>());
  const auto b = decode_list(after).value_or(std::vector<std::string>());
  const bool one_shell = a.size() >= 3 && a.size() == b.size() &&
                         (a[a.size() - 2].starts_with('-') || a[a.size() - 2].starts_with('/')) &&
                         std::equal(a.begin(), a.end() - 1, b.begin());
  if (one_shell) return {a.back(), b.back()};
  return {join(a, " "), join(b, " ")};
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
  const auto quoted = [](const std::string& value) { return value.empty() ? "\"\"" : value; };
  const std::size_t had = out.size();
  for (const auto& [name, value] : old_ones) {
    const auto now = new_ones.find(name);
    if (now == new_ones.end()) {
      out.push_back({named(name), quoted(value), ""});
    } else if (now->second != value) {
      out.push_back({named(name), quoted(value), quoted(now->second)});
    }
  }
  for (const auto& [name, value] : new_ones) {
    if (!old_ones.contains(name)) out.push_back({named(name), "", quoted(value)});
  }
  if (out.size() == had) out.push_back({"the order of the environment", "", ""});
}

void compare_field(std::string_view name, std::string_view before, std::string_view after,
                   const std::vector<std::string>& args, std::vector<OpChange>& out) {
  if (before == after) return;
  if (name == "env") return compare_variables(before, after, args, out);
  if (name == "argv") {
    auto [was, is] = command_texts(before, after);
    out.push_back({"the command", std::move(was), std::move(is)});
    return;
  }
  const auto word = std::ranges::find(kWords, name, &Word::field);
  const std::string what(word == std::end(kWords) ? name : word->what);
  const bool shows = word == std::end(kWords) || word->shows_values;
  const bool texts = shows && (is_list(before) || !decode_fields(before));
  out.push_back(
      {what, texts ? field_text(name, before) : "", texts ? field_text(name, after) : ""});
}

std::vector<std::string_view> all_of(const Fields& fields, std::string_view name) {
  std::vector<std::string_view> out;
  for (const auto& field : fields) {
    if (field.name == name) out.push_back(field.value);
  }
  return out;
}

std::string_view value_of(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? std::string_view() : found->value;
}

/// As far as it tells one mount from another.
std::string mount_text(const Fields& mount) {
  std::string out = "type=" + std::string(value_of(mount, "type"));
  for (const std::string_view name : {"id", "source", "target", "env"}) {
    const std::string_view value = value_of(mount, name);
    if (!value.empty()) out.append(",").append(name).append("=").append(value);
  }
  return out;
}

/// Two mounts of one type.
void compare_mount(const Fields& before, const Fields& after, std::vector<OpChange>& out) {
  std::vector<std::string_view> names;
  for (const auto* fields : {&before, &after}) {
    for (const auto& field : *fields) {
      if (std::ranges::find(names, field.name) == names.end()) names.push_back(field.name);
    }
  }
  const std::string prefix = "--mount=type=" + std::string(value_of(before, "type")) + ": ";
  for (const auto name : names) {
    const std::string_view was = value_of(before, name), is = value_of(after, name);
    if (was == is) continue;
    // Which of the step's inputs it is says nothing to people.
    if (name == "input") {
      out.push_back({prefix + "from", "", ""});
    } else if (name == "read-only" || name == "required") {
      const auto yes_or_no = [](std::string_view value) { return value == "1" ? "yes" : "no"; };
      out.push_back(
          {prefix + (name == "required" ? "required" : "readonly"), yes_or_no(was), yes_or_no(is)});
    } else {
      out.push_back({prefix + std::string(name), field_text(name, was), field_text(name, is)});
    }
  }
}

/// Mounts that both have are left aside; of the others those of one type are compared in order.
void compare_mounts(const std::vector<std::string_view>& before,
                    std::vector<std::string_view> after, std::vector<OpChange>& out) {
  const std::size_t had = out.size();
  std::vector<Fields> gone, added;
  for (const auto mount : before) {
    const auto same = std::ranges::find(after, mount);
    if (same != after.end()) {
      after.erase(same);
    } else if (auto fields = decode_fields(mount)) {
      gone.push_back(*std::move(fields));
    }
  }
  for (const auto mount : after) {
    if (auto fields = decode_fields(mount)) added.push_back(*std::move(fields));
  }
  for (const auto& mount : gone) {
    const auto like = std::ranges::find_if(added, [&](const Fields& other) {
      return value_of(other, "type") == value_of(mount, "type");
    });
    if (like == added.end()) {
      out.push_back({"--mount", mount_text(mount), ""});
    } else {
      compare_mount(mount, *like, out);
      added.erase(like);
    }
  }
  for (const auto& mount : added) out.push_back({"--mount", "", mount_text(mount)});
  if (out.size() == had) out.push_back({"the order of the mounts", "", ""});
}

/// Limits by their names: `nofile=1024:2048`, -1 for none.
void compare_limits(const std::vector<std::string_view>& before,
                    const std::vector<std::string_view>& after, std::vector<OpChange>& out) {
  std::map<std::string, std::pair<std::string, std::string>> limits;
  const auto collect = [&](const std::vector<std::string_view>& encoded, auto side) {
    for (const auto item : encoded) {
      const auto fields = decode_fields(item);
      if (!fields) continue;
      const auto number = [&](std::string_view name) {
        const auto value = parse_uint(value_of(*fields, name));
        return !value || *value == UINT64_MAX ? std::string("-1") : std::to_string(*value);
      };
      const std::string name(value_of(*fields, "name"));
      limits[name].*side = name + "=" + number("soft") + ":" + number("hard");
    }
  };
  using Sides = std::pair<std::string, std::string>;
  collect(before, &Sides::first);
  collect(after, &Sides::second);
  const std::size_t had = out.size();
  for (const auto& [name, sides] : limits) {
    if (sides.first != sides.second) out.push_back({"--ulimit", sides.first, sides.second});
  }
  if (out.size() == had) out.push_back({"the order of --ulimit", "", ""});
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
    if (name == "mount" && old_ones != new_ones) {
      compare_mounts(old_ones, new_ones, out);
      continue;
    }
    if (name == "ulimit" && old_ones != new_ones) {
      compare_limits(old_ones, new_ones, out);
      continue;
    }
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

std::vector<MountPlace> mount_places(std::string_view encoded) {
  std::vector<MountPlace> out;
  const auto fields = decode_fields(encoded);
  if (!fields) return out;
  for (const auto mount : all_of(*fields, "mount")) {
    const Fields parts = decode_fields(mount).value_or(Fields());
    out.push_back({std::string(value_of(parts, "target")), std::string(value_of(parts, "source"))});
  }
  return out;
}

bool are_of_one_kind(std::string_view a, std::string_view b) {
  const auto kind = [](std::string_view encoded) -> std::string {
    const auto fields = decode_fields(encoded);
    return fields && !fields->empty() ? std::string(fields->front().value) : std::string();
  };
  return kind(a) == kind(b);
}

}  // namespace kiln::llb
