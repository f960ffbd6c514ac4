// SPDX-License-Identifier: Apache-2.0
#include "solver/input_diff.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/strings.h"
#include "dockerfile/glob.h"

namespace kiln::solver {
namespace {

/// What of a file's input value is what; see append_inputs.
struct FileValue {
  std::string_view type, mode, owner, content, target, xattrs, link;
};

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_pair_of_numbers(std::string_view text) {
  const auto [a, b] = split_once(text, ':');
  return b && parse_uint(a) && parse_uint(*b);
}

FileValue parse_value(std::string_view value) {
  FileValue out;
  const std::vector<std::string_view> words = split(value, ' ');
  out.type = words.front();
  constexpr std::size_t kDigits = 64;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (out.type == "l") {
      if (i == 1 && words.size() > 2 && is_pair_of_numbers(word)) {
        out.owner = word;
      } else {
        // A target may hold blanks: it is all the rest.
        out.target = value.substr(static_cast<std::size_t>(word.data() - value.data()));
        return out;
      }
    } else if (i == 1) {
      out.mode = word;
    } else if (word.size() == kDigits && is_hex(word)) {
      out.content = word;
    } else if (word.size() == kDigits + 1 && word.front() == 'x' && is_hex(word.substr(1))) {
      out.xattrs = word;
    } else if (word.starts_with("link")) {
      out.link = word;
    } else if (is_pair_of_numbers(word) && out.owner.empty()) {
      out.owner = word;
    } else {
      out.target = word;
    }
  }
  return out;
}

std::string type_name(std::string_view letter) {
  if (letter == "f") return "file";
  if (letter == "d") return "directory";
  if (letter == "l") return "symbolic link";
  if (letter == "p") return "fifo";
  return "device";
}

void compare_files(const std::string& path, std::string_view before, std::string_view after,
                   std::vector<Change>& out) {
  const FileValue a = parse_value(before), b = parse_value(after);
  const std::size_t had = out.size();
  const auto add = [&](Change::Kind kind, std::string_view old_value, std::string_view new_value) {
    out.push_back({kind, path, std::string(old_value), std::string(new_value)});
  };
  if (a.type != b.type) {
    add(Change::Kind::file_type, type_name(a.type), type_name(b.type));
    return;
  }
  if (a.content != b.content) add(Change::Kind::file_content, "", "");
  if (a.mode != b.mode) add(Change::Kind::file_mode, a.mode, b.mode);
  if (a.owner != b.owner) add(Change::Kind::file_owner, a.owner, b.owner);
  if (a.target != b.target) add(Change::Kind::link_target, a.target, b.target);
  if (a.xattrs != b.xattrs) add(Change::Kind::file_xattrs, "", "");
  // Groups are numbered through: a file before it that is new renumbers those after it.
  if (a.link.empty() != b.link.empty() || (out.size() == had && a.link != b.link))
    add(Change::Kind::hard_links, "", "");
}

/// The part of both texts, in whole lines, that is not equal at the beginning or the end.
void trim_common(std::string_view& a, std::string_view& b, std::string_view& common) {
  const std::size_t shorter = std::min(a.size(), b.size());
  auto front = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin()).first -
      a.begin());
  const std::size_t line = a.substr(0, front).rfind('\n');
  front = line == std::string_view::npos ? 0 : line + 1;
  common = a.substr(0, front);
  a.remove_prefix(front);
  b.remove_prefix(front);
  const std::size_t left = std::min(a.size(), b.size());
  auto back = static_cast<std::size_t>(
      std::mismatch(a.rbegin(), a.rbegin() + static_cast<std::ptrdiff_t>(left), b.rbegin()).first -
      a.rbegin());
  // The last `back` bytes are equal; they begin within a line.
  const std::size_t start = a.find('\n', a.size() - back);
  if (back == 0 || start == std::string_view::npos) return;
  back = a.size() - start - 1;
  a.remove_suffix(back);
  b.remove_suffix(back);
}

struct Line {
  std::string_view name, value;
  std::size_t action;
};

std::optional<std::size_t> number_after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  const auto number = parse_uint(text.substr(prefix.size()));
  if (!number) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

std::vector<Line> lines_of(std::string_view text, std::size_t action) {
  std::vector<Line> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto [name, value] = split_once(text.substr(0, end), '\t');
    if (const auto number = number_after(name, "action:")) {
      action = *number;
    } else {
      out.push_back({name, value.value_or(""), action});
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::size_t last_action(std::string_view text) {
  const auto at = text.rfind("action:");
  if (at == std::string_view::npos) return 0;
  const auto end = text.find('\t', at);
  return number_after(text.substr(at, end - at), "action:").value_or(0);
}

/// `file:0:NAME/RELATIVE` of the action with this pattern, as a path of the source.
std::string path_of(std::string_view name, std::size_t action,
                    const std::vector<std::string>& patterns) {
  name.remove_prefix(5);
  name = split_once(name, ':').second.value_or(name);
  std::string path(name);
  if (action < patterns.size()) {
    const std::string_view pattern = patterns[action];
    const auto slash = pattern.rfind('/');
    const std::string_view directory =
        slash == std::string_view::npos ? "" : pattern.substr(0, slash);
    if (!dockerfile::has_glob_characters(directory)) path = std::string(directory) + "/" + path;
  }
  const auto first = path.find_first_not_of('/');
  path.erase(0, first == std::string::npos ? path.size() : first);
  while (path.ends_with('/')) path.pop_back();
  return path.empty() ? "." : path;
}

std::string key_of(const Line& line) {
  return std::to_string(line.action).append(" ").append(line.name);
}

}  // namespace

InputDiff diff_inputs(std::string_view before, std::string_view after,
                      const std::vector<std::string>& patterns) {
  InputDiff out;
  if (before == after) return out;
  std::string_view common;
  trim_common(before, after, common);
  const std::size_t action = last_action(common);
  const std::vector<Line> old_lines = lines_of(before, action), new_lines = lines_of(after, action);
  std::unordered_map<std::string, std::string_view> old_files;
  std::unordered_map<std::size_t, std::string_view> old_layers, new_layers;
  std::vector<Line> old_others, new_others;
  for (const auto& line : old_lines) {
    if (line.name.starts_with("file:")) {
      old_files.emplace(key_of(line), line.value);
    } else if (const auto layer = number_after(line.name, "layer:")) {
      old_layers.emplace(*layer, line.value);
    } else {
      old_others.push_back(line);
    }
  }
  for (const auto& line : new_lines) {
    if (const auto layer = number_after(line.name, "layer:")) {
      new_layers.emplace(*layer, line.value);
      continue;
    }
    if (!line.name.starts_with("file:")) {
      new_others.push_back(line);
      continue;
    }
    const std::string path = path_of(line.name, line.action, patterns);
    const auto old_file = old_files.find(key_of(line));
    if (old_file == old_files.end()) {
      out.files.push_back({Change::Kind::file_added, path, "", ""});
      continue;
    }
    if (old_file->second != line.value)
      compare_files(path, old_file->second, line.value, out.files);
    old_files.erase(old_file);
  }
  for (const auto& line : old_lines) {
    if (line.name.starts_with("file:") && old_files.contains(key_of(line)))
      out.files.push_back(
          {Change::Kind::file_removed, path_of(line.name, line.action, patterns), "", ""});
  }
  // Of what is mounted besides its files: the directory itself, or what a cache begins with.
  const auto same = [](const Line& a, const Line& b) {
    return a.name == b.name && a.value == b.value;
  };
  if (!std::ranges::equal(old_others, new_others, same))
    out.files.push_back({Change::Kind::option, "what is mounted", "", ""});
  for (const auto* layers : {&old_layers, &new_layers}) {
    for (const auto& [number, id] : *layers) {
      const auto a = old_layers.find(number), b = new_layers.find(number);
      if (a != old_layers.end() && b != new_layers.end() && a->second == b->second) continue;
      out.first_layer = std::min(out.first_layer, number);
    }
  }
  if (out.first_layer != InputDiff::npos) {
    if (const auto a = old_layers.find(out.first_layer); a != old_layers.end())
      out.layer_before = a->second;
    if (const auto b = new_layers.find(out.first_layer); b != new_layers.end())
      out.layer_after = b->second;
  }
  return out;
}

}  // namespace kiln::solver
