// SPDX-License-Identifier: Apache-2.0
#include "os/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace kiln::os {
namespace {

FileType type_of_mode(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::file;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFCHR:
      return FileType::char_device;
    case S_IFBLK:
      return FileType::block_device;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    default:
      return FileType::unknown;
  }
}

FileType type_of_dirent(unsigned char type) {
  return type == DT_UNKNOWN ? FileType::unknown : type_of_mode(static_cast<mode_t>(DTTOIF(type)));
}

/// From the directory's beginning: nobody has read from this descriptor yet. getdents64 itself,
/// because fdopendir and closedir make four more calls.
Result<std::vector<DirEntry>> read_entries(const Fd& fd, const std::string& path) {
  constexpr std::size_t kBufferSize = std::size_t{32} << 10;
  alignas(dirent64) char buffer[kBufferSize];
  std::vector<DirEntry> out;
  for (;;) {
    const ssize_t size = ::getdents64(fd.get(), buffer, sizeof buffer);
    if (size < 0) return system_error(errno, "list", path);
    if (size == 0) break;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..")
        out.push_back({std::string(name), type_of_dirent(entry->d_type)});
      at += entry->d_reclen;
    }
  }
  std::ranges::sort(out, {}, &DirEntry::name);
  return out;
}

FileInfo from_statx(const struct statx& s) {
  FileInfo out;
  out.type = type_of_mode(s.stx_mode);
  out.permissions = s.stx_mode & 07777u;
  out.uid = s.stx_uid;
  out.gid = s.stx_gid;
  out.size = s.stx_size;
  out.mtime = s.stx_mtime.tv_sec;
  out.mtime_nanoseconds = s.stx_mtime.tv_nsec;
  out.ctime = s.stx_ctime.tv_sec;
  out.ctime_nanoseconds = s.stx_ctime.tv_nsec;
  out.device = makedev(s.stx_dev_major, s.stx_dev_minor);
  out.inode = s.stx_ino;
  out.links = s.stx_nlink;
  out.allocated = s.stx_blocks * 512;
  out.rdev_major = s.stx_rdev_major;
  out.rdev_minor = s.stx_rdev_minor;
  return out;
}

int statx_at(int dir, const char* name, struct statx& out) {
  return ::statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT,
                 STATX_BASIC_STATS, &out);
}

/// Names reach the kernel as C strings; a string_view of a larger text must be copied.
struct CName {
  explicit CName(std::string_view name) : text(name) {}
  operator const char*() const { return text.c_str(); }  // NOLINT: a C string is what it is
  std::string text;
};

/// Directories that their own mode hides are opened up: an image may hold mode 000 ones.
Result<void> remove_tree_at(int dir, const std::string& name, const std::string& where) {
  if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM && errno != EBUSY)
    return system_error(errno, "remove", where);
  if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0) return {};
  if (errno != ENOTEMPTY && errno != EEXIST) return system_error(errno, "remove", where);
  Fd fd(::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == EACCES && ::fchmodat(dir, name.c_str(), 0700, 0) == 0)
    fd = Fd(::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_error(errno, "open", where);
  const Dir sub(std::move(fd), where);
  const std::vector<DirEntry> entries = TRY(sub.list());
  for (const DirEntry& entry : entries) {
    auto removed = remove_tree_at(sub.fd(), entry.name, where + "/" + entry.name);
    if (!removed && removed.error().kind() == ErrorKind::permission &&
        ::fchmod(sub.fd(), 0700) == 0)
      removed = remove_tree_at(sub.fd(), entry.name, where + "/" + entry.name);
    TRY(std::move(removed));
  }
  if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return system_error(errno, "remove", where);
  return {};
}

}  // namespace

Result<Dir> Dir::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_error(errno, "open", path);
  return Dir(std::move(fd), path);
}

std::string Dir::operand(std::string_view name) const {
  return name == "." ? path_ : path_ + "/" + std::string(name);
}

Result<Dir> Dir::open_dir(std::string_view name) const {
  Fd opened(::openat(fd_.get(), CName(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return system_error(errno, "open", operand(name));
  return Dir(std::move(opened), operand(name));
}

Result<Fd> Dir::open_file(std::string_view name, int flags, unsigned mode) const {
  Fd opened(::openat(fd_.get(), CName(name), flags | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!opened)
    return system_error(errno, (flags & O_CREAT) != 0 ? "create" : "open", operand(name));
  return opened;
}

Result<FileInfo> Dir::stat(std::string_view name) const {
  struct statx s{};
  if (statx_at(fd_.get(), name == "." ? "" : CName(name), s) != 0)
    return system_error(errno, "stat", operand(name));
  return from_statx(s);
}

Result<std::optional<FileInfo>> Dir::find(std::string_view name) const {
  return find(static_cast<const char*>(CName(name)));
}

Result<std::optional<FileInfo>> Dir::find(const char* name) const {
  struct statx s{};
  if (statx_at(fd_.get(), name == std::string_view(".") ? "" : name, s) == 0)
    return std::optional<FileInfo>(from_statx(s));
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileInfo>();
  return system_error(errno, "stat", operand(name));
}

Result<std::string> Dir::read_link(std::string_view name) const {
  char buffer[4096];
  const ssize_t n = ::readlinkat(fd_.get(), CName(name), buffer, sizeof buffer);
  if (n < 0) return system_error(errno, "read link", operand(name));
  return std::string(buffer, static_cast<std::size_t>(n));
}

Result<std::vector<DirEntry>> Dir::list() const {
  // A descriptor of its own: the position in a directory is shared by all users of one.
  const Fd own(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) return system_error(errno, "open", path_);
  return read_entries(own, path_);
}

Result<Fd> Dir::open_in_root(std::string_view path, int flags) const {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const std::string text = path.empty() ? "." : std::string(path);
  for (int attempt = 0;; ++attempt) {
    Fd opened(static_cast<int>(::syscall(SYS_openat2, fd_.get(), text.c_str(), &how, sizeof how)));
    if (opened) return opened;
    // EAGAIN: a rename elsewhere raced with the resolution.
    if (errno != EAGAIN || attempt == 100) return system_error(errno, "open", operand(text));
  }
}

namespace {

/// ENOENT and what stands for it where a component of a path is no directory or is a symlink.
bool is_absence(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP;
}

Fd open_at_once(int dir, const char* path, int flags, unsigned mode = 0) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0;; ++attempt) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how)));
    if (fd || errno != EAGAIN || attempt == 100) return fd;
  }
}

/// A path of any length, in pieces that the kernel takes.
Fd open_beneath(int dir, const RelPath& path, int flags, unsigned mode = 0) {
  if (path.is_root()) return open_at_once(dir, ".", flags);
  Fd at;
  std::string_view rest = path.str();
  while (rest.size() >= kPathLimit) {
    const std::size_t cut = rest.rfind('/', kPathLimit - 1);
    if (cut == std::string_view::npos) break;
    Fd next = open_at_once(at ? at.get() : dir, std::string(rest.substr(0, cut)).c_str(),
                           O_PATH | O_DIRECTORY);
    if (!next) return next;
    at = std::move(next);
    rest.remove_prefix(cut + 1);
  }
  // A tail of a string ends where the string does.
  return open_at_once(at ? at.get() : dir, rest.data(), flags, mode);
}

}  // namespace

Result<std::optional<FileInfo>> Dir::find_beneath(const RelPath& path) const {
  if (path.is_root()) return find(".");
  if (path.str().find('/') == std::string::npos) return find(path.str());
  // Opening the parent, not the entry itself: a symlink as the last component is a fine answer.
  const RelPath parent = path.parent();
  const Fd fd = open_beneath(fd_.get(), parent, O_PATH | O_DIRECTORY);
  if (!fd) {
    if (is_absence(errno)) return std::optional<FileInfo>();
    return system_error(errno, "open", operand(parent.str()));
  }
  struct statx s{};
  if (statx_at(fd.get(), CName(path.name()), s) == 0) return std::optional(from_statx(s));
  if (is_absence(errno)) return std::optional<FileInfo>();
  return system_error(errno, "stat", operand(path.str()));
}

Result<Dir> Dir::open_dir_beneath(const RelPath& path) const {
  Fd fd = open_beneath(fd_.get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) return system_error(errno, "open", operand(path.str()));
  return Dir(std::move(fd), path.is_root() ? path_ : operand(path.str()));
}

Result<Dir> Dir::reach_dir_beneath(const RelPath& path) const {
  Fd fd = open_beneath(fd_.get(), path, O_PATH | O_DIRECTORY);
  if (!fd) return system_error(errno, "open", operand(path.str()));
  return Dir(std::move(fd), path.is_root() ? path_ : operand(path.str()));
}

Result<Dir::Listing> Dir::list_beneath(const RelPath& path) const {
  Dir dir = TRY(open_dir_beneath(path));
  std::vector<DirEntry> entries = TRY(read_entries(dir.fd_, dir.path_));
  return Listing{std::move(dir), std::move(entries)};
}

Result<Fd> Dir::open_file_beneath(const RelPath& path) const {
  Fd fd = open_beneath(fd_.get(), path, O_RDONLY | O_NONBLOCK);
  if (!fd) return system_error(errno, "open", operand(path.str()));
  return fd;
}

Result<Fd> Dir::create_file_beneath(const RelPath& path, unsigned mode) const {
  Fd fd = open_beneath(fd_.get(), path, O_RDWR | O_CREAT | O_EXCL, mode);
  if (!fd) return system_error(errno, "create", operand(path.str()));
  return fd;
}

Result<void> Dir::create_hardlink_beneath(const RelPath& path, const Dir& other,
                                          const RelPath& target) const {
  if (::linkat(other.fd(), target.c_str(), fd_.get(), path.c_str(), 0) != 0)
    return system_error(errno, "create hard link", operand(path.str()));
  return {};
}

Result<bool> Dir::has_xattr_beneath(const RelPath& path, const char* key,
                                    std::string_view value) const {
  const Fd fd = open_beneath(fd_.get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) return system_error(errno, "open", operand(path.str()));
  char buffer[64];
  const ssize_t n = ::fgetxattr(fd.get(), key, buffer, sizeof buffer);
  return n >= 0 && std::string_view(buffer, static_cast<std::size_t>(n)) == value;
}

Result<Fd> Dir::open_for_reading(std::string_view name) const {
  return open_file(name, O_RDONLY | O_NONBLOCK);
}

Result<Fd> Dir::create_file(std::string_view name, unsigned mode) const {
  return open_file(name, O_RDWR | O_CREAT | O_EXCL, mode);
}

Result<Fd> Dir::open_dir_in_root(std::string_view path) const {
  return open_in_root(path, O_RDONLY | O_DIRECTORY);
}

Result<Fd> Dir::open_file_in_root(std::string_view path) const {
  return open_in_root(path, O_RDONLY | O_NONBLOCK);
}

Result<std::optional<std::string>> Dir::find_text_in_root(std::string_view path,
                                                          std::size_t limit) const {
  auto fd = open_file_in_root(path);
  if (!fd) {
    if (fd.error().kind() == ErrorKind::not_found) return std::optional<std::string>();
    return std::move(fd).error();
  }
  const FileInfo info = TRY(file_info(*fd, path));
  if (info.type != FileType::file) return std::optional<std::string>();
  std::string text = TRY(read_all(*fd, path, limit));
  return std::optional(std::move(text));
}

Result<void> Dir::create_dir(std::string_view name, unsigned mode) const {
  if (::mkdirat(fd_.get(), CName(name), mode) != 0)
    return system_error(errno, "create folder", operand(name));
  return {};
}

Result<void> Dir::create_symlink(std::string_view name, const std::string& target) const {
  if (::symlinkat(target.c_str(), fd_.get(), CName(name)) != 0)
    return system_error(errno, "create symlink", operand(name));
  return {};
}

Result<void> Dir::create_hardlink(std::string_view name, const Dir& other,
                                  std::string_view target) const {
  if (::linkat(other.fd(), CName(target), fd_.get(), CName(name), 0) != 0)
    return system_error(errno, "create hard link", operand(name));
  return {};
}

Result<void> Dir::create_device(std::string_view name, FileType type, unsigned mode, unsigned major,
                                unsigned minor) const {
  const unsigned kind = type == FileType::block_device ? S_IFBLK : S_IFCHR;
  if (::mknodat(fd_.get(), CName(name), kind | mode, makedev(major, minor)) != 0)
    return system_error(errno, "create device", operand(name));
  return {};
}

Result<void> Dir::create_fifo(std::string_view name, unsigned mode) const {
  if (::mkfifoat(fd_.get(), CName(name), mode) != 0)
    return system_error(errno, "create fifo", operand(name));
  return {};
}

Result<void> Dir::create_whiteout(std::string_view name) const {
  // 0/0 is the one device that an unprivileged process may make.
  if (::mknodat(fd_.get(), CName(name), S_IFCHR, makedev(0, 0)) != 0)
    return system_error(errno, "create whiteout", operand(name));
  return {};
}

Result<void> Dir::set_owner(std::string_view name, std::uint32_t uid, std::uint32_t gid) const {
  if (::fchownat(fd_.get(), CName(name), uid, gid, AT_SYMLINK_NOFOLLOW) == 0) return {};
  const int error = errno;
  Error out = system_error(error, "change owner of", operand(name));
  // So says the kernel of ids that the user namespace has none for.
  if (error != EINVAL) return out;
  return std::move(out).with_hint(
      fmt::format("{}:{} is not among the ids that this user may give to files; larger ranges in "
                  "/etc/subuid and /etc/subgid make room for it",
                  uid, gid));
}

Result<void> Dir::set_mode(std::string_view name, unsigned mode) const {
  // fchmodat2 (Linux 6.6): fchmodat itself can't be told not to follow a symlink.
  constexpr long kFchmodat2 = 452;
  if (::syscall(kFchmodat2, fd_.get(), static_cast<const char*>(CName(name)), mode,
                AT_SYMLINK_NOFOLLOW) == 0)
    return {};
  if (errno == ENOSYS) {
    const FileInfo info = TRY(stat(name));
    if (info.type == FileType::symlink) {
      errno = EOPNOTSUPP;
    } else if (::fchmodat(fd_.get(), CName(name), mode, 0) == 0) {
      return {};
    }
  }
  return system_error(errno, "change mode of", operand(name));
}

Result<void> Dir::set_mtime(std::string_view name, std::int64_t seconds,
                            std::uint32_t nanoseconds) const {
  timespec times[2] = {{0, UTIME_OMIT}, {seconds, static_cast<long>(nanoseconds)}};
  if (::utimensat(fd_.get(), CName(name), times, AT_SYMLINK_NOFOLLOW) != 0)
    return system_error(errno, "set time of", operand(name));
  return {};
}

Result<void> Dir::remove_file(std::string_view name) const {
  if (::unlinkat(fd_.get(), CName(name), 0) != 0)
    return system_error(errno, "remove", operand(name));
  return {};
}

Result<void> Dir::remove_tree(std::string_view name) const {
  return remove_tree_at(fd_.get(), std::string(name), operand(name));
}

Result<void> Dir::rename(std::string_view name, const Dir& to, std::string_view new_name) const {
  if (::renameat(fd_.get(), CName(name), to.fd(), CName(new_name)) != 0)
    return system_error(errno, "rename " + operand(name) + " to", to.operand(new_name));
  return {};
}

Result<FileInfo> file_info(const Fd& fd, std::string_view name) {
  struct statx s{};
  if (statx_at(fd.get(), "", s) != 0) return system_error(errno, "stat", name);
  return from_statx(s);
}

Result<void> set_file_owner(const Fd& fd, std::uint32_t uid, std::uint32_t gid,
                            std::string_view name) {
  if (::fchown(fd.get(), uid, gid) != 0) return system_error(errno, "change the owner of", name);
  return {};
}

Result<void> set_file_mode(const Fd& fd, unsigned mode, std::string_view name) {
  if (::fchmod(fd.get(), mode) != 0) return system_error(errno, "change the mode of", name);
  return {};
}

Result<void> set_file_mtime(const Fd& fd, std::int64_t seconds, std::uint32_t nanoseconds,
                            std::string_view name) {
  const timespec times[2] = {{0, UTIME_OMIT}, {seconds, static_cast<long>(nanoseconds)}};
  if (::futimens(fd.get(), times) != 0) return system_error(errno, "set time of", name);
  return {};
}

Result<void> for_each_data_range(
    const Fd& fd, std::uint64_t size, std::string_view name,
    const std::function<Result<void>(std::uint64_t offset, std::uint64_t length)>& data) {
  std::uint64_t at = 0;
  while (at < size) {
    const off_t begin = ::lseek(fd.get(), static_cast<off_t>(at), SEEK_DATA);
    if (begin < 0) {
      if (errno == ENXIO) return {};
      if (errno == EINVAL) return data(at, size - at);
      return system_error(errno, "seek in", name);
    }
    off_t end = ::lseek(fd.get(), begin, SEEK_HOLE);
    if (end < 0) return system_error(errno, "seek in", name);
    const auto from = static_cast<std::uint64_t>(begin);
    const std::uint64_t to = std::min(static_cast<std::uint64_t>(end), size);
    if (from >= size) return {};
    TRY(data(from, to - from));
    at = to;
  }
  return {};
}

}  // namespace kiln::os
