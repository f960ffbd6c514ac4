// SPDX-License-Identifier: Apache-2.0
#include "snapshot/whiteout_names.h"

#include "snapshot/layer_form.h"

namespace kiln::snapshot {
namespace {

constexpr std::string_view kAufsPrefix = ".wh..wh.";

Error not_kept(const std::string& path) {
  return invalid_input("/" + path +
                       ": a directory whose name begins with .wh. can't be kept in a layer");
}

Result<std::string> hidden_by(const std::string& name) {
  std::string hidden = name.substr(kWhiteoutPrefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..")
    return Error(ErrorKind::corrupt, "a whiteout of nothing");
  return hidden;
}

Result<void> adopt(const os::Dir& dir, const std::string& prefix, std::vector<std::string>& found) {
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  for (const auto& entry : entries) {
    const os::FileInfo info = TRY(dir.stat(entry.name));
    const std::string path = prefix + entry.name;
    const bool marks = entry.name.starts_with(kWhiteoutPrefix);
    if (info.type == os::FileType::directory) {
      if (marks) return not_kept(path);
      const os::Dir sub = TRY(dir.open_dir(entry.name));
      TRY(adopt(sub, path + "/", found));
    } else if (marks && info.type != os::FileType::socket) {
      TRY(dir.remove_file(entry.name));
      TRY(apply_whiteout_mark(dir, entry.name).context("/" + path));
      found.push_back(path);
    }
  }
  return {};
}

/// The mark `name` in a planned directory that no longer has it.
Result<void> apply_mark(PlannedEntry& parent, const std::string& name) {
  if (name == kOpaqueName) parent.opaque = true;
  if (name.starts_with(kAufsPrefix)) return {};
  std::string hidden = TRY(hidden_by(name));
  const auto there = parent.children.find(hidden);
  if (there == parent.children.end()) {
    PlannedEntry mark;
    mark.whiteout = true;
    parent.children.emplace(std::move(hidden), std::move(mark));
  } else if (there->second.inode->type == archive::EntryType::directory) {
    there->second.opaque = true;
  }
  return {};
}

Result<void> adopt(PlannedEntry& entry, const std::string& prefix,
                   std::vector<std::string>& found) {
  std::vector<std::string> marks;
  for (auto& [name, child] : entry.children) {
    const bool directory = child.inode->type == archive::EntryType::directory;
    if (!name.starts_with(kWhiteoutPrefix)) {
      if (directory && !child.whiteout) TRY(adopt(child, prefix + name + "/", found));
    } else if (directory) {
      return not_kept(prefix + name);
    } else {
      marks.push_back(name);
    }
  }
  for (const std::string& name : marks) {
    entry.children.erase(name);
    TRY(apply_mark(entry, name).context("/" + prefix + name));
    found.push_back(prefix + name);
  }
  return {};
}

}  // namespace

Result<void> apply_whiteout_mark(const os::Dir& parent, const std::string& name) {
  if (name == kOpaqueName) return parent.set_xattr(".", kOpaqueXattr, "y");
  if (name.starts_with(kAufsPrefix)) return {};
  const std::string hidden = TRY(hidden_by(name));
  const auto there = TRY(parent.find(hidden));
  if (!there) return parent.create_whiteout(hidden);
  if (there->type == os::FileType::directory) return parent.set_xattr(hidden, kOpaqueXattr, "y");
  return {};
}

Result<std::vector<std::string>> adopt_whiteout_names(const os::Dir& root) {
  std::vector<std::string> found;
  TRY(adopt(root, "", found));
  return found;
}

Result<std::vector<std::string>> adopt_whiteout_names(PlannedEntry& root) {
  std::vector<std::string> found;
  TRY(adopt(root, "", found));
  return found;
}

}  // namespace kiln::snapshot
