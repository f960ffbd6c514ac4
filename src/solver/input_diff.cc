// SPDX-License-Identifier: Apache-2.0
#include "solver/input_diff.h"

#include <algorithm>
#include <array>
#include <map>
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

std::optional<std::size_t> number_after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  const auto number = parse_uint(text.substr(prefix.size()));
  if (!number) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

/// The source that the lines after this one are about: `action:1`, `bind:1`.
std::optional<std::size_t> source_number(std::string_view name) {
  const auto action = number_after(name, "action:");
  return action ? action : number_after(name, "bind:");
}

/// `file:0:NAME/RELATIVE` of a source with this pattern, as a path of the source.
std::string path_of(std::string_view name, std::string_view pattern) {
  name.remove_prefix(5);
  name = split_once(name, ':').second.value_or(name);
  std::string path(name);
  const auto slash = pattern.rfind('/');
  const std::string_view directory =
      slash == std::string_view::npos ? "" : pattern.substr(0, slash);
  if (!dockerfile::has_glob_characters(directory)) path = std::string(directory) + "/" + path;
  return path;
}

/// Without slashes at its ends.
std::string clean(std::string path) {
  const auto first = path.find_first_not_of('/');
  path.erase(0, first == std::string::npos ? path.size() : first);
  while (path.ends_with('/')) path.pop_back();
  return path.empty() ? "." : path;
}

/// One of the two lists, but for what is equal at both ends.
struct InputLines {
  struct Line {
    std::string_view value;
    std::string path;
  };
  std::vector<std::string> order;  ///< the keys of `files`
  std::unordered_map<std::string, Line> files, tops;
  /// By what names a stack in both lists: its name here and its layers.
  std::map<std::string, std::pair<std::string, std::map<std::size_t, std::string_view>>> stacks;
};

class LineReader {
 public:
  /// `source` is the one that the first lines are about, `others` are those of the other list.
  LineReader(std::size_t source, const std::vector<InputSource>& sources,
             const std::vector<InputSource>& others)
      : source_(source), sources_(&sources), others_(&others) {}

  InputLines read(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto [name, value] = split_once(text.substr(0, end), '\t');
      add(name, value.value_or(""));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return std::move(out_);
  }

 private:
  void add(std::string_view name, std::string_view value) {
    if (name.starts_with("file:")) {
      if (!is_compared(source_)) return;
      std::string key = key_of(source_) + "\n" + std::string(name);
      out_.order.push_back(key);
      out_.files.emplace(std::move(key),
                         InputLines::Line{value, clean(path_of(name, pattern_of(source_)))});
    } else if (const auto number = source_number(name)) {
      source_ = *number;
      if (is_compared(source_) && !value.empty())
        out_.tops.emplace(key_of(source_),
                          InputLines::Line{value, clean(std::string(pattern_of(source_)))});
    } else {
      add_layer(name, value);
    }
  }
  void add_layer(std::string_view name, std::string_view value) {
    const auto [stack, number_text] = split_once(name, ':');
    const auto number = number_text ? parse_uint(*number_text) : std::nullopt;
    if (!number) return;
    std::string key(stack);
    if (const auto mount = number_after(stack, "cache")) {
      if (!is_compared(*mount)) return;
      key = "cache\n" + key_of(*mount);
    }
    auto& [shown, layers] = out_.stacks[key];
    shown = stack;
    layers[static_cast<std::size_t>(*number)] = value;
  }

  std::string key_of(std::size_t source) const {
    return source < sources_->size() ? (*sources_)[source].key : std::to_string(source);
  }
  std::string_view pattern_of(std::size_t source) const {
    return source < sources_->size() ? std::string_view((*sources_)[source].pattern) : "";
  }
  bool is_compared(std::size_t source) const {
    return source >= sources_->size() || std::ranges::find(*others_, (*sources_)[source].key,
                                                           &InputSource::key) != others_->end();
  }

  std::size_t source_;
  const std::vector<InputSource>* sources_;
  const std::vector<InputSource>* others_;
  InputLines out_;
};

std::size_t last_source(std::string_view text) {
  for (std::size_t end = text.size(); end > 0;) {
    const auto newline = text.rfind('\n', end - 1);
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    // Most lines are files; the few others stand before them.
    const std::string_view line = text.substr(start, end - start);
    if (!line.starts_with("file:")) {
      if (const auto number = source_number(line.substr(0, line.find('\t')))) return *number;
    }
    end = newline == std::string_view::npos ? 0 : newline;
  }
  return 0;
}

void compare_sources(const InputLines& before, const InputLines& after, std::vector<Change>& out) {
  for (const auto& [key, line] : after.tops) {
    const auto old = before.tops.find(key);
    if (old == before.tops.end()) continue;
    const auto [old_mode, old_owner] = split_once(old->second.value, ' ');
    const auto [new_mode, new_owner] = split_once(line.value, ' ');
    if (old_mode != new_mode)
      out.push_back(
          {Change::Kind::file_mode, line.path, std::string(old_mode), std::string(new_mode)});
    if (old_owner != new_owner)
      out.push_back({Change::Kind::file_owner, line.path, std::string(old_owner.value_or("")),
                     std::string(new_owner.value_or(""))});
  }
}

/// What the whole list has under this name; the lists' ends that are equal are in it.
std::string layer_of(std::string_view list, std::string_view stack, std::size_t number) {
  const std::string start = std::string(stack) + ":" + std::to_string(number) + "\t";
  std::size_t at = 0;
  if (!list.starts_with(start)) {
    at = list.find("\n" + start);
    if (at == std::string_view::npos) return {};
    ++at;
  }
  at += start.size();
  return std::string(list.substr(at, list.find('\n', at) - at));
}

/// The lists are whole.
std::vector<StackDiff> compare_stacks(const InputLines& a, const InputLines& b,
                                      std::string_view before, std::string_view after) {
  using Layers = std::map<std::size_t, std::string_view>;
  std::map<std::string, std::array<std::pair<std::string, Layers>, 2>> stacks;
  for (const auto& [key, stack] : a.stacks) stacks[key][0] = stack;
  for (const auto& [key, stack] : b.stacks) stacks[key][1] = stack;
  std::vector<StackDiff> out;
  for (const auto& [key, sides] : stacks) {
    const auto& [old_name, old_layers] = sides[0];
    const auto& [new_name, new_layers] = sides[1];
    std::optional<std::size_t> first;
    for (const auto* layers : {&old_layers, &new_layers}) {
      for (const auto& [number, id] : *layers) {
        const auto x = old_layers.find(number), y = new_layers.find(number);
        if (x != old_layers.end() && y != new_layers.end() && x->second == y->second) continue;
        first = std::min(first.value_or(number), number);
      }
    }
    if (!first) continue;
    const auto side = [&](std::string_view list, const std::string& name) {
      std::string layer = layer_of(list, name, *first);
      if (layer.empty() && *first > 0) layer = layer_of(list, name, *first - 1);
      return layer;
    };
    // A stack of which one side has nothing that differs goes by the other's name.
    const std::string& shown = new_name.empty() ? old_name : new_name;
    StackDiff diff{shown, *first, side(before, old_name.empty() ? shown : old_name),
                   side(after, shown)};
    out.insert(shown == "layer" ? out.begin() : out.end(), std::move(diff));
  }
  return out;
}

}  // namespace

InputDiff diff_inputs(std::string_view before, std::string_view after,
                      const std::vector<InputSource>& before_sources,
                      const std::vector<InputSource>& after_sources) {
  InputDiff out;
  if (before == after) return out;
  std::string_view old_rest = before, new_rest = after, common;
  trim_common(old_rest, new_rest, common);
  const std::size_t source = last_source(common);
  InputLines old_lines = LineReader(source, before_sources, after_sources).read(old_rest);
  const InputLines new_lines = LineReader(source, after_sources, before_sources).read(new_rest);
  // A mount's source that is a file says its mode twice.
  std::vector<Change> tops;
  compare_sources(old_lines, new_lines, tops);
  for (const auto& key : new_lines.order) {
    const InputLines::Line& line = new_lines.files.at(key);
    const auto old_file = old_lines.files.find(key);
    if (old_file == old_lines.files.end()) {
      out.files.push_back({Change::Kind::file_added, line.path, "", ""});
      continue;
    }
    if (old_file->second.value != line.value)
      compare_files(line.path, old_file->second.value, line.value, out.files);
    old_lines.files.erase(old_file);
  }
  for (const auto& key : old_lines.order) {
    if (const auto gone = old_lines.files.find(key); gone != old_lines.files.end())
      out.files.push_back({Change::Kind::file_removed, gone->second.path, "", ""});
  }
  const auto said = std::ranges::remove_if(tops, [&](const Change& change) {
    return std::ranges::find(out.files, change) != out.files.end();
  });
  out.files.insert(out.files.begin(), tops.begin(), said.begin());
  out.stacks = compare_stacks(old_lines, new_lines, before, after);
  return out;
}

}  // namespace kiln::solver
