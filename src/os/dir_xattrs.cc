// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "os/dir.h"

namespace kiln::os {
namespace {

/// The xattr calls take no directory descriptor (before Linux 6.13), but /proc names it.
std::string proc_path(int dir, std::string_view name) {
  std::string out = "/proc/self/fd/" + std::to_string(dir);
  return name == "." ? out + "/." : out.append("/").append(name);
}

template <typename List, typename Get>
Result<Xattrs> collect_xattrs(List list, Get get, std::string_view name) {
  Xattrs out;
  char names[4096];
  std::string large;
  ssize_t n = list(names, sizeof names);
  const char* begin = names;
  if (n < 0 && errno == ERANGE) {
    large.resize(65536);  // XATTR_LIST_MAX
    n = list(large.data(), large.size());
    begin = large.data();
  }
  if (n < 0) {
    if (errno == EOPNOTSUPP) return out;
    return system_error(errno, "list xattrs of", name);
  }
  std::string value;
  for (const char* key = begin; key < begin + n; key += std::char_traits<char>::length(key) + 1) {
    value.resize(256);
    ssize_t size = get(key, value.data(), value.size());
    if (size < 0 && errno == ERANGE) {
      value.resize(65536);  // XATTR_SIZE_MAX
      size = get(key, value.data(), value.size());
    }
    if (size < 0) {
      if (errno == ENODATA || errno == EPERM || errno == EACCES) continue;
      return system_error(errno, "read xattr " + std::string(key) + " of", name);
    }
    out.emplace(key, value.substr(0, static_cast<std::size_t>(size)));
  }
  return out;
}

/// Whether it certainly has no xattrs: said by listxattrat (Linux 6.13), which spares the way
/// through /proc.
bool has_no_xattrs(int dir, const char* name) {
  constexpr long kListxattrat = 465;
  static std::atomic<bool> is_there{true};
  if (!is_there.load(std::memory_order_relaxed)) return false;
  const long size = ::syscall(kListxattrat, dir, name, AT_SYMLINK_NOFOLLOW, nullptr, 0);
  if (size < 0 && errno == ENOSYS) is_there.store(false, std::memory_order_relaxed);
  return size == 0;
}

}  // namespace

Result<Xattrs> Dir::xattrs(std::string_view name) const {
  if (has_no_xattrs(fd_.get(), std::string(name).c_str())) return Xattrs();
  const std::string path = proc_path(fd_.get(), name);
  return collect_xattrs(
      [&](char* out, std::size_t size) { return ::llistxattr(path.c_str(), out, size); },
      [&](const char* key, char* out, std::size_t size) {
        return ::lgetxattr(path.c_str(), key, out, size);
      },
      operand(name));
}

Result<void> Dir::set_xattr(std::string_view name, const std::string& key,
                            std::string_view value) const {
  if (::lsetxattr(proc_path(fd_.get(), name).c_str(), key.c_str(), value.data(), value.size(), 0) !=
      0)
    return system_error(errno, "set xattr " + key + " of", operand(name));
  return {};
}

Result<std::optional<std::string>> Dir::find_xattr(std::string_view name,
                                                   const std::string& key) const {
  char value[65536];
  const ssize_t n =
      ::lgetxattr(proc_path(fd_.get(), name).c_str(), key.c_str(), value, sizeof value);
  if (n >= 0) return std::optional<std::string>(std::string(value, static_cast<std::size_t>(n)));
  if (errno == ENODATA || errno == EOPNOTSUPP) return std::optional<std::string>();
  return system_error(errno, "read xattr " + key + " of", operand(name));
}

Result<void> Dir::remove_xattr(std::string_view name, const std::string& key) const {
  if (::lremovexattr(proc_path(fd_.get(), name).c_str(), key.c_str()) != 0 && errno != ENODATA)
    return system_error(errno, "remove xattr " + key + " of", operand(name));
  return {};
}

Result<Xattrs> file_xattrs(const Fd& fd, std::string_view name) {
  return collect_xattrs(
      [&](char* out, std::size_t size) { return ::flistxattr(fd.get(), out, size); },
      [&](const char* key, char* out, std::size_t size) {
        return ::fgetxattr(fd.get(), key, out, size);
      },
      name);
}

}  // namespace kiln::os
