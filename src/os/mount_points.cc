// SPDX-License-Identifier: Apache-2.0
#include "os/mount_points.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace kiln::os {
namespace {

constexpr int kMostSymlinks = 40;

/// The components of `path`, last first, without empty ones and ".".
std::vector<std::string> reversed_components(std::string_view path) {
  std::vector<std::string> components;
  for (const std::string_view part : split(path, '/'))
    if (!part.empty() && part != ".") components.emplace_back(part);
  return {components.rbegin(), components.rend()};
}

TimePoint modified(const FileInfo& info) { return {info.mtime, info.mtime_nanoseconds}; }

Result<Dir> duplicate(const Dir& dir) {
  Fd fd(::fcntl(dir.fd(), F_DUPFD_CLOEXEC, 3));
  if (!fd) return system_error(errno, "duplicate a file descriptor");
  return Dir(std::move(fd), dir.path());
}

}  // namespace

Result<void> MountPoints::ensure(const Dir& root, std::string_view target, Kind kind, Keep keep) {
  std::vector<std::string> left = reversed_components(target);
  std::vector<Dir> folders;  // from the root to where we are
  Dir own_root = TRY(duplicate(root));
  folders.push_back(std::move(own_root));
  int symlinks = 0;
  while (!left.empty()) {
    const std::string name = std::move(left.back());
    left.pop_back();
    if (name == "..") {
      if (folders.size() > 1) folders.pop_back();
      continue;
    }
    const Dir& here = folders.back();
    auto found = TRY(here.find(name));
    if (found && found->type == FileType::symlink) {
      if (++symlinks > kMostSymlinks)
        return invalid_input("mount point " + std::string(target) + ": too many symlinks");
      const std::string link = TRY(here.read_link(name));
      for (std::string& component : reversed_components(link)) left.push_back(std::move(component));
      if (link.starts_with('/')) folders.erase(folders.begin() + 1, folders.end());
      continue;
    }
    const Kind wanted = left.empty() ? kind : Kind::directory;
    if (!found) {
      Dir parent = TRY(duplicate(here));
      TRY(make(std::move(parent), name, wanted, keep));
    }
    const bool is_folder = found ? found->type == FileType::directory : wanted == Kind::directory;
    if (is_folder != (wanted == Kind::directory)) {
      return invalid_input("mount point " + std::string(target) + ": " + name +
                           (is_folder ? " is a folder" : " is not a folder"));
    }
    if (!left.empty()) {
      Dir next = TRY(here.open_dir(name));
      folders.push_back(std::move(next));
    }
  }
  return {};
}

Result<void> MountPoints::make(Dir parent, const std::string& name, Kind kind, Keep keep) {
  const FileInfo before = TRY(parent.stat("."));
  if (kind == Kind::directory) {
    TRY(parent.create_dir(name, 0755));
    TRY(parent.set_mode(name, 0755));  // whatever the umask
  } else {
    const Fd file = TRY(parent.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0644));
  }
  if (keep == Keep::yes) return {};
  const FileInfo made = TRY(parent.stat(name));
  const FileInfo after = TRY(parent.stat("."));
  made_.push_back({.parent = std::move(parent),
                   .name = name,
                   .kind = kind,
                   .inode = made.inode,
                   .modified_before = modified(before),
                   .modified_after = modified(after)});
  return {};
}

Result<void> MountPoints::remove() {
  while (!made_.empty()) {
    const Made made = std::move(made_.back());
    made_.pop_back();
    const auto now = TRY(made.parent.find(made.name));
    if (!now || now->inode != made.inode) continue;
    const FileInfo parent = TRY(made.parent.stat("."));
    const bool folder = made.kind == Kind::directory;
    if (folder != (now->type == FileType::directory) || (!folder && now->size != 0)) continue;
    if (::unlinkat(made.parent.fd(), made.name.c_str(), folder ? AT_REMOVEDIR : 0) != 0) {
      if (errno == ENOTEMPTY || errno == EEXIST) continue;
      return system_error(errno, "remove mount point", made.parent.path() + "/" + made.name);
    }
    // A folder that was changed since then by somebody else keeps the time of that.
    const bool ours = modified(parent) == made.modified_after;
    const TimePoint time = ours ? made.modified_before : modified(parent);
    TRY(made.parent.set_mtime(".", time.seconds, time.nanoseconds));
  }
  return {};
}

}  // namespace kiln::os
