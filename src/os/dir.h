// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/file_info.h"
#include "os/rel_path.h"

namespace kiln::os {

struct DirEntry {
  std::string name;
  FileType type;  ///< unknown where the file system doesn't say
};

using Xattrs = std::map<std::string, std::string>;

/// An open directory. Its operations take one name inside it (or "." for itself, where that makes
/// sense) and never follow a symlink at that name; nothing done through a Dir leaves it.
class Dir {
 public:
  Dir() = default;
  /// By plain path, following symlinks.
  static Result<Dir> open(const std::string& path);
  /// Wraps a descriptor of a directory. `path` is for error messages.
  Dir(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  int fd() const { return fd_.get(); }
  /// Where it was when it was opened: for messages.
  const std::string& path() const { return path_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }

  Result<Dir> open_dir(std::string_view name) const;
  Result<Fd> open_file(std::string_view name, int flags, unsigned mode = 0) const;
  Result<FileInfo> stat(std::string_view name) const;
  Result<std::optional<FileInfo>> find(std::string_view name) const;
  Result<std::optional<FileInfo>> find(const char* name) const;
  Result<std::string> read_link(std::string_view name) const;
  /// All entries but "." and "..", sorted bytewise by name.
  Result<std::vector<DirEntry>> list() const;

  /// Resolves `path` as a process chrooted here would: symlinks are followed but stay inside
  /// (openat2 with RESOLVE_IN_ROOT, so `path` is shorter than kPathLimit).
  Result<Fd> open_in_root(std::string_view path, int flags) const;
  Result<Fd> open_dir_in_root(std::string_view path) const;
  /// For reading; opening a fifo does not hang.
  Result<Fd> open_file_in_root(std::string_view path) const;
  /// What the file there holds; nullopt if there is none or it is no plain file. Kind invalid_input
  /// if it is more than `limit` bytes.
  Result<std::optional<std::string>> find_text_in_root(std::string_view path,
                                                       std::size_t limit) const;

  /// Along `path`, however long, without following any symlink.
  Result<std::optional<FileInfo>> find_beneath(const RelPath& path) const;
  Result<Dir> open_dir_beneath(const RelPath& path) const;
  /// For find() and read_link() alone, which is cheaper, and needs no permission to list it.
  Result<Dir> reach_dir_beneath(const RelPath& path) const;
  /// As open_dir_beneath(path) and list(), with fewer calls.
  struct Listing;
  Result<Listing> list_beneath(const RelPath& path) const;
  Result<Fd> open_file_beneath(const RelPath& path) const;
  /// As create_file, along `path`.
  Result<Fd> create_file_beneath(const RelPath& path, unsigned mode) const;
  /// Another name for the file at `target` beneath `other`. The caller knows that no directory on
  /// either way is a symlink. An error for paths of kPathLimit and more.
  Result<void> create_hardlink_beneath(const RelPath& path, const Dir& other,
                                       const RelPath& target) const;
  Result<bool> has_xattr_beneath(const RelPath& path, const char* key,
                                 std::string_view value) const;

  /// Of a file or (with O_NONBLOCK, so that opening it can't hang) a fifo.
  Result<Fd> open_for_reading(std::string_view name) const;
  /// A new empty file, open for writing.
  Result<Fd> create_file(std::string_view name, unsigned mode) const;

  Result<void> create_dir(std::string_view name, unsigned mode) const;
  Result<void> create_symlink(std::string_view name, const std::string& target) const;
  Result<void> create_hardlink(std::string_view name, const Dir& other,
                               std::string_view target) const;
  Result<void> create_device(std::string_view name, FileType type, unsigned mode, unsigned major,
                             unsigned minor) const;
  Result<void> create_fifo(std::string_view name, unsigned mode) const;
  Result<void> create_whiteout(std::string_view name) const;
  Result<void> set_owner(std::string_view name, std::uint32_t uid, std::uint32_t gid) const;
  /// Not for symlinks, which have no mode.
  Result<void> set_mode(std::string_view name, unsigned mode) const;
  Result<void> set_mtime(std::string_view name, std::int64_t seconds,
                         std::uint32_t nanoseconds) const;
  Result<Xattrs> xattrs(std::string_view name) const;
  Result<void> set_xattr(std::string_view name, const std::string& key,
                         std::string_view value) const;
  Result<std::optional<std::string>> find_xattr(std::string_view name,
                                                const std::string& key) const;
  Result<void> remove_xattr(std::string_view name, const std::string& key) const;
  Result<void> remove_file(std::string_view name) const;
  /// Removes whatever is at `name`, however deep; nothing there is fine. Opens what permissions
  /// hide.
  Result<void> remove_tree(std::string_view name) const;
  Result<void> rename(std::string_view name, const Dir& to, std::string_view new_name) const;

 private:
  std::string operand(std::string_view name) const;
  Fd fd_;
  std::string path_;
};

struct Dir::Listing {
  Dir dir;
  std::vector<DirEntry> entries;
};

/// Of an open file.
Result<FileInfo> file_info(const Fd& fd, std::string_view name);
Result<Xattrs> file_xattrs(const Fd& fd, std::string_view name);
Result<void> set_file_owner(const Fd& fd, std::uint32_t uid, std::uint32_t gid,
                            std::string_view name);
Result<void> set_file_mode(const Fd& fd, unsigned mode, std::string_view name);
Result<void> set_file_mtime(const Fd& fd, std::int64_t seconds, std::uint32_t nanoseconds,
                            std::string_view name);

/// Calls `data` for each stretch of `fd` that may hold other bytes than zeros, in order; what is
/// not named is a hole. Uses SEEK_DATA; a file system without it gives one stretch.
Result<void> for_each_data_range(
    const Fd& fd, std::uint64_t size, std::string_view name,
    const std::function<Result<void>(std::uint64_t offset, std::uint64_t length)>& data);

}  // namespace kiln::os
