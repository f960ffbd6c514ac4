// SPDX-License-Identifier: Apache-2.0
#include "solver/copy_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>

#include "base/strings.h"
#include "dockerfile/glob.h"
#include "dockerfile/path_filter.h"
#include "llb/encoder.h"
#include "os/parallel.h"
#include "os/system.h"
#include "snapshot/hash_sink.h"
#include "snapshot/tree_tar.h"

namespace kiln::solver {
namespace {

/// Threads cost more than they save on fewer entries.
constexpr std::size_t kEntriesForThreads = 512;

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

/// The components before the first with wildcards are a path that must be there.
Result<std::vector<os::RelPath>> resolve_pattern(SourceTree& tree, const std::string& pattern) {
  const os::RelPath whole = os::RelPath::clean(pattern);
  const std::vector<std::string_view> parts = whole.components();
  std::size_t plain = 0;
  std::string prefix;
  while (plain < parts.size() && !dockerfile::has_glob_characters(parts[plain]))
    prefix.append("/").append(parts[plain++]);
  if (plain == parts.size()) return std::vector<os::RelPath>{whole};
  const os::RelPath base = TRY(tree.resolve(prefix));
  const auto there = TRY(tree.find(base));
  if (!there) return absent(tree, os::RelPath::clean(prefix), base);
  std::vector<os::RelPath> out;
  TRY(match_components(tree, base, parts, plain, out));
  return out;
}

/// Names may hold any byte; an input is one line.
void append_escaped(std::string& out, std::string_view text) {
  if (text.find_first_of("\\\n\t") == std::string_view::npos) {
    out += text;
    return;
  }
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
    case os::FileType::socket:
      return 's';
    default:
      return '?';
  }
}

/// Of the directory `top`, what may match a pattern of --parents: everything below the pattern's
/// first components, as far as they are plain names, and the directories on the way there.
Result<std::vector<TreeEntry>> walk_below(SourceTree& tree, const TreeEntry& top,
                                          const std::string& pattern) {
  const os::RelPath whole = os::RelPath::clean(pattern);
  std::vector<TreeEntry> out = {top};
  for (const std::string_view part : whole.components()) {
    const bool is_plain = !dockerfile::has_glob_characters(part) && !part.starts_with('!') &&
                          part.find('\\') == std::string_view::npos;
    if (!is_plain) break;
    auto next = TRY(tree.find(out.back().path / part));
    if (!next) return out;
    out.push_back(*std::move(next));
    if (out.back().info.type != os::FileType::directory) return out;
  }
  const TreeEntry last = std::move(out.back());
  out.pop_back();
  Walked rest = TRY(tree.walk(last, nullptr, Recall::ignore));
  std::ranges::move(rest.entries, std::back_inserter(out));
  return out;
}

Result<dockerfile::PathFilter> filter_of(const llb::CopyAction& action) {
  auto exclude = TRY(dockerfile::IgnorePatterns::create(action.exclude).context("--exclude"));
  std::optional<dockerfile::IgnorePatterns> include;
  if (action.below && !action.below->empty())
    include = TRY(dockerfile::IgnorePatterns::create({*action.below}).context("--parents"));
  return dockerfile::PathFilter(std::move(include), std::move(exclude));
}

/// Names of one file stay one file within a match, as in BuildKit; across matches they don't. A
/// name outside of the match makes no link: what isn't copied doesn't count.
void number_link_groups(Match& match, std::size_t& first_group) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<SelectedFile*>> names;
  for (auto& file : match.files) {
    const os::FileInfo& info = file.entry.info;
    if (info.type == os::FileType::file && info.links > 1)
      names[{info.device, info.inode}].push_back(&file);
  }
  if (names.empty()) return;
  for (auto& file : match.files) {
    const auto found = names.find({file.entry.info.device, file.entry.info.inode});
    if (found == names.end() || found->second.size() < 2) continue;
    for (SelectedFile* name : found->second) name->link_group = first_group;
    ++first_group;
    names.erase(found);
  }
}

/// What, besides the files themselves, a match's inputs come from.
Sha256Bytes match_id(const llb::CopyAction& action, const TreeEntry& top, bool with_owner) {
  llb::Encoder out;
  // A new meaning of what append_value() gives gets a new version.
  out.field("version", std::int64_t{1});
  out.field("top", top.path.str()).field("owner", with_owner ? "1" : "0");
  for (const auto& pattern : action.exclude) out.field("exclude", pattern);
  return sha256(out.text());
}

Result<Match> select_below(SourceTree& tree, const llb::CopyAction& action,
                           const dockerfile::PathFilter& filter, const TreeEntry& top,
                           bool with_owner, Recall recall) {
  Match match;
  std::vector<TreeEntry> entries;
  if (action.below) {
    entries = TRY(walk_below(tree, top, *action.below));
  } else {
    match.id = match_id(action, top, with_owner);
    Walked walked = TRY(tree.walk(top, &match.id, recall));
    entries = std::move(walked.entries);
    match.recalled = walked.digest;
    match.listing = std::move(walked.listing);
  }
  const std::size_t prefix = top.path.is_root() ? 0 : top.path.str().size() + 1;
  match.files.reserve(entries.size());
  // Directories that aren't chosen, as long as it isn't known whether something in them is.
  std::vector<SelectedFile> on_the_way;
  for (auto& entry : entries) {
    SelectedFile file;
    if (entry.path != top.path) file.relative = entry.path.str().substr(prefix);
    file.entry = std::move(entry);
    if (!on_the_way.empty())
      std::erase_if(on_the_way, [&](const SelectedFile& directory) {
        return !file.relative.starts_with(directory.relative + "/");
      });
    const bool chosen = file.relative.empty() || filter.chooses(file.relative);
    if (chosen) {
      std::ranges::move(on_the_way, std::back_inserter(match.files));
      on_the_way.clear();
      match.files.push_back(std::move(file));
    } else if (file.entry.info.type == os::FileType::directory) {
      file.on_the_way = true;
      on_the_way.push_back(std::move(file));
    }
  }
  return match;
}

/// The one path that a source names, if it has no wildcards.
std::optional<os::RelPath> plain_path(const llb::CopyAction& action) {
  const std::string below = action.below.value_or("");
  if (dockerfile::has_glob_characters(action.pattern) || dockerfile::has_glob_characters(below))
    return std::nullopt;
  return os::RelPath::clean(action.pattern + "/" + below);
}

}  // namespace

Result<Selection> select_files(SourceTree& tree, const llb::CopyAction& action,
                               std::size_t& first_group, Recall recall) {
  const dockerfile::PathFilter filter = TRY(filter_of(action));
  const std::optional<os::RelPath> plain = plain_path(action);
  const std::vector<os::RelPath> paths = TRY(resolve_pattern(tree, action.pattern));
  Selection selection;
  selection.with_owner = tree.keeps_owner() && action.chown.empty();
  for (const auto& path : paths) {
    const os::RelPath resolved = TRY(tree.resolve("/" + path.str()));
    const auto top = TRY(tree.find(resolved));
    if (!top) return absent(tree, plain.value_or(path), resolved);
    const bool is_directory = top->info.type == os::FileType::directory;
    if (action.below && plain && !plain->is_root()) {
      const os::RelPath named = os::RelPath::clean(resolved.str() + "/" + *action.below);
      const auto there = TRY(tree.find(named));
      if (!there || !is_directory) return absent(tree, *plain, named);
    }
    if (action.below && !is_directory) continue;
    Match match = TRY(select_below(tree, action, filter, *top, selection.with_owner, recall));
    match.name = path.name();
    number_link_groups(match, first_group);
    selection.matches.push_back(std::move(match));
  }
  return selection;
}

Result<Unread> recall_facts(SourceTree& tree, Selection& selection) {
  std::vector<SelectedFile*> unknown;
  for (auto& match : selection.matches) {
    if (match.recalled) continue;
    for (auto& file : match.files) {
      auto facts = tree.known_facts(file.entry);
      if (!facts) {
        unknown.push_back(&file);
        continue;
      }
      file.facts = *std::move(facts);
      file.facts_known = true;
    }
  }
  const auto read = [&](std::size_t begin, std::size_t end) -> Result<void> {
    LastDirectory last;
    for (; begin < end; ++begin) {
      SelectedFile& file = *unknown[begin];
      const TimePoint before = os::wall_clock();
      const os::Xattrs xattrs = TRY(tree.xattrs(file.entry, last));
      file.facts.xattrs = encode_xattrs(xattrs);
      const bool has_content = file.entry.info.type == os::FileType::file;
      if (has_content && file.entry.info.size > 0) continue;
      if (has_content) file.facts.content = sha256("");
      file.facts_known = true;
      tree.remember(file.entry, file.entry.info, file.facts, before);
    }
    return {};
  };
  TRY(os::for_each_part(unknown.size(), kEntriesForThreads, read));
  Unread unread;
  for (const SelectedFile* file : unknown) {
    if (file->facts_known) continue;
    ++unread.files;
    unread.bytes += file->entry.info.size;
  }
  return unread;
}

Result<void> read_facts(SourceTree& tree, Selection& selection) {
  std::map<std::size_t, Sha256Bytes> by_group;
  for (auto& match : selection.matches) {
    if (match.recalled) continue;
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

namespace {

void append_octal(std::string& out, std::uint32_t number) {
  char digits[16];
  const auto end = std::to_chars(digits, std::end(digits), number, 8).ptr;
  out.append(digits, end);
}

/// What counts of a file, but its path. Groups of links are numbered from the match's first on.
void append_value(std::string& out, const SelectedFile& file, bool with_owner,
                  std::size_t first_group) {
  const os::FileInfo& info = file.entry.info;
  out += type_letter(info.type);
  // Only a directory's content is copied, not what it is itself.
  if (file.relative.empty() && info.type == os::FileType::directory) return;
  if (info.type != os::FileType::symlink) append_octal(out += ' ', info.permissions);
  if (with_owner) out += fmt::format(" {}:{}", info.uid, info.gid);
  if (info.type == os::FileType::file) out.append(" ").append(to_hex(file.facts.content));
  if (info.type == os::FileType::symlink) append_escaped(out += ' ', file.entry.link_target);
  if (info.type == os::FileType::char_device || info.type == os::FileType::block_device)
    out += fmt::format(" {}:{}", info.rdev_major, info.rdev_minor);
  if (file.on_the_way) out += " way";
  if (file.link_group) out += fmt::format(" link{}", *file.link_group - first_group);
  if (!file.facts.xattrs.empty()) out += " x" + to_hex(sha256(file.facts.xattrs));
}

std::size_t first_group(const Match& match) {
  std::size_t first = SIZE_MAX;
  for (const auto& file : match.files) first = std::min(first, file.link_group.value_or(SIZE_MAX));
  return first;
}

const Sha256Bytes& match_digest(Match& match, bool with_owner) {
  if (match.recalled) return *match.recalled;
  if (match.digest) return *match.digest;
  const std::size_t group = first_group(match);
  std::string list;
  for (const auto& file : match.files) {
    append_escaped(list, file.relative);
    append_value(list += '\t', file, with_owner, group);
    list += '\n';
  }
  return match.digest.emplace(sha256(list));
}

std::string match_input_name(std::size_t number, const Match& match) {
  std::string out = fmt::format("file:{}:", number);
  append_escaped(out, match.name);
  return out;
}

}  // namespace

void append_inputs(const Selection& selection, store::InputList& inputs) {
  std::size_t number = 0;
  for (const auto& match : selection.matches) {
    const std::string prefix = match_input_name(number++, match) + "/";
    const std::size_t group = first_group(match);
    for (const auto& file : match.files) {
      append_escaped(inputs.text += prefix, file.relative);
      append_value(inputs.text += '\t', file, selection.with_owner, group);
      inputs.text += '\n';
    }
  }
}

void append_digests(Selection& selection, store::InputList& inputs) {
  std::size_t number = 0;
  for (auto& match : selection.matches) {
    const std::string name = match_input_name(number++, match);
    inputs.add(name, to_hex(match_digest(match, selection.with_owner)));
  }
}

void note_selection(SourceTree& tree, Selection& selection) {
  for (auto& match : selection.matches) {
    if (match.listing.empty()) continue;
    tree.note(match.id, match_digest(match, selection.with_owner),
              std::exchange(match.listing, {}));
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
