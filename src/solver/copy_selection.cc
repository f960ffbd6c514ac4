// SPDX-License-Identifier: Apache-2.0
#include "solver/copy_selection.h"

#include <fmt/format.h>

#include <map>

#include "base/strings.h"
#include "dockerfile/glob.h"
#include "os/system.h"
#include "snapshot/hash_sink.h"
#include "snapshot/tree_tar.h"

namespace kiln::solver {
namespace {

/// Paths whose components match the pattern's one by one. A `*` never matches a slash, so a pattern
/// of n components matches paths of n components.
Result<void> match_components(SourceTree& tree, const os::RelPath& at,
                              const std::vector<std::string_view>& parts, std::size_t depth,
                              std::vector<os::RelPath>& out) {
  if (depth == parts.size()) {
    out.push_back(at);
    return {};
  }
  const auto directory = TRY(tree.find(at));
  if (!directory || directory->info.type != os::FileType::directory) return {};
  const dockerfile::Glob glob = TRY(dockerfile::Glob::parse(parts[depth]));
  const std::vector<std::string> names = TRY(tree.list(at));
  for (const auto& name : names) {
    if (glob.matches(name)) TRY(match_components(tree, at / name, parts, depth + 1, out));
  }
  return {};
}

Result<std::vector<os::RelPath>> resolve_pattern(SourceTree& tree, const std::string& pattern) {
  const os::RelPath whole = os::RelPath::clean(pattern);
  const std::vector<std::string_view> parts = whole.components();
  std::size_t plain = 0;
  std::string prefix;
  while (plain < parts.size() && !dockerfile::has_glob_characters(parts[plain]))
    prefix.append("/").append(parts[plain++]);
  if (plain == parts.size()) return std::vector<os::RelPath>{whole};
  const os::RelPath base = TRY(tree.resolve(prefix));
  std::vector<os::RelPath> out;
  TRY(match_components(tree, base, parts, plain, out));
  return out;
}

/// Names may hold any byte; an input is one line.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out;
}

char type_letter(os::FileType type) {
  switch (type) {
    case os::FileType::file:
      return 'f';
    case os::FileType::directory:
      return 'd';
    case os::FileType::symlink:
      return 'l';
    case os::FileType::char_device:
      return 'c';
    case os::FileType::block_device:
      return 'b';
    case os::FileType::fifo:
      return 'p';
    default:
      return '?';
  }
}

}  // namespace

Result<Selection> select_files(SourceTree& tree, const llb::CopyAction& action,
                               std::size_t& first_group) {
  const dockerfile::IgnorePatterns exclude =
      TRY(dockerfile::IgnorePatterns::create(action.exclude).context("--exclude"));
  const std::vector<os::RelPath> paths = TRY(resolve_pattern(tree, action.pattern));
  Selection selection;
  for (const auto& path : paths) {
    // Names of one file stay one file within a match, as in BuildKit; across matches they don't.
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> groups;
    const os::RelPath resolved = TRY(tree.resolve("/" + path.str()));
    const auto top = TRY(tree.find(resolved));
    if (!top) {
      Error error = not_found("\"/" + path.str() + "\": not found");
      return std::move(error).with_hint(tree.absence_hint(resolved));
    }
    Match match;
    match.name = path.name();
    std::vector<TreeEntry> entries = TRY(tree.walk(*top));
    const std::size_t prefix = resolved.str().empty() ? 0 : resolved.str().size() + 1;
    for (auto& entry : entries) {
      SelectedFile file;
      if (entry.path != resolved) file.relative = entry.path.str().substr(prefix);
      if (!exclude.empty() && !file.relative.empty() && exclude.ignores(file.relative)) continue;
      if (entry.info.type == os::FileType::file && entry.info.links > 1) {
        file.link_group =
            groups.try_emplace({entry.info.device, entry.info.inode}, first_group + groups.size())
                .first->second;
      }
      file.entry = std::move(entry);
      match.files.push_back(std::move(file));
    }
    // A name outside of the selection makes no link: what isn't copied doesn't count.
    std::map<std::size_t, std::size_t> sizes;
    for (const auto& file : match.files) {
      if (file.link_group) ++sizes[*file.link_group];
    }
    for (auto& file : match.files) {
      if (file.link_group && sizes[*file.link_group] < 2) file.link_group.reset();
    }
    first_group += groups.size();
    selection.matches.push_back(std::move(match));
  }
  return selection;
}

Result<Unread> recall_facts(SourceTree& tree, Selection& selection) {
  Unread unread;
  for (auto& match : selection.matches) {
    for (auto& file : match.files) {
      const bool has_content = file.entry.info.type == os::FileType::file;
      if (auto facts = tree.known_facts(file.entry)) {
        file.facts = *std::move(facts);
        file.facts_known = true;
        continue;
      }
      const TimePoint before = os::wall_clock();
      const os::Xattrs xattrs = TRY(tree.xattrs(file.entry));
      file.facts.xattrs = encode_xattrs(xattrs);
      if (has_content && file.entry.info.size > 0) {
        ++unread.files;
        unread.bytes += file.entry.info.size;
      } else {
        if (has_content) file.facts.content = sha256("");
        file.facts_known = true;
        tree.remember(file.entry, file.entry.info, file.facts, before);
      }
    }
  }
  return unread;
}

Result<void> read_facts(SourceTree& tree, Selection& selection) {
  std::map<std::size_t, Sha256Bytes> by_group;
  for (auto& match : selection.matches) {
    for (auto& file : match.files) {
      if (file.facts_known) continue;
      const TimePoint before = os::wall_clock();
      os::FileInfo info = file.entry.info;
      const auto linked = file.link_group ? by_group.find(*file.link_group) : by_group.end();
      if (linked != by_group.end()) {
        file.facts.content = linked->second;
      } else {
        const Located at = TRY(tree.locate(file.entry));
        const os::Fd fd = TRY(at.root->open_file_beneath(at.path));
        info = TRY(os::file_info(fd, at.path.str()));
        snapshot::HashSink hash;
        TRY(snapshot::read_file_content(fd, info, "/" + at.path.str(), hash));
        file.facts.content = hash.finish();
        if (file.link_group) by_group.emplace(*file.link_group, file.facts.content);
      }
      file.facts_known = true;
      tree.remember(file.entry, info, file.facts, before);
    }
  }
  return {};
}

void append_inputs(const Selection& selection, bool with_owner, std::vector<store::Input>& inputs) {
  std::size_t number = 0;
  for (const auto& match : selection.matches) {
    const std::string prefix = fmt::format("file:{}:{}", number++, escaped(match.name));
    for (const auto& file : match.files) {
      const os::FileInfo& info = file.entry.info;
      std::string value(1, type_letter(info.type));
      // Only a directory's content is copied, not what it is itself.
      const bool is_top_directory = file.relative.empty() && info.type == os::FileType::directory;
      if (!is_top_directory) {
        if (info.type != os::FileType::symlink) value += fmt::format(" {:o}", info.permissions);
        if (with_owner) value += fmt::format(" {}:{}", info.uid, info.gid);
        if (info.type == os::FileType::file) value += " " + to_hex(file.facts.content);
        if (info.type == os::FileType::symlink) value += " " + escaped(file.entry.link_target);
        if (info.type == os::FileType::char_device || info.type == os::FileType::block_device)
          value += fmt::format(" {}:{}", info.rdev_major, info.rdev_minor);
        if (file.link_group) value += fmt::format(" link{}", *file.link_group);
        if (!file.facts.xattrs.empty()) value += " x" + to_hex(sha256(file.facts.xattrs));
      }
      inputs.push_back({prefix + "/" + escaped(file.relative), std::move(value)});
    }
  }
}

std::string encode_xattrs(const os::Xattrs& xattrs) {
  std::string out;
  for (const auto& [name, value] : xattrs)
    out += fmt::format("{}:{}{}:{}", name.size(), name, value.size(), value);
  return out;
}

os::Xattrs decode_xattrs(const std::string& encoded) {
  os::Xattrs out;
  std::string_view rest = encoded;
  const auto take = [&]() -> std::string {
    const auto [size_text, after] = split_once(rest, ':');
    const auto size = parse_uint(size_text);
    CHECK(size && after && *size <= after->size());
    std::string text(after->substr(0, *size));
    rest = after->substr(*size);
    return text;
  };
  while (!rest.empty()) {
    std::string name = take();
    out[std::move(name)] = take();
  }
  return out;
}

}  // namespace kiln::solver
