// SPDX-License-Identifier: Apache-2.0
#include "os/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <map>
#include <utility>

#include "os/dir.h"

namespace kiln::os {
namespace {

enum class Count { all, exclusive };

class Counter {
 public:
  explicit Counter(Count count) : count_(count) {}
  void add(const FileInfo& info) {
    if (info.type != FileType::directory && info.links > 1) {
      const std::uint64_t names = ++names_[{info.device, info.inode}];
      if (names != (count_ == Count::all ? 1 : info.links)) return;
    }
    total_ += info.allocated;
  }
  void add_below(const Dir& dir) {
    const auto entries = dir.list();
    if (!entries) return;
    for (const auto& entry : *entries) {
      const auto info = dir.find(entry.name);
      if (!info || !*info) continue;
      add(**info);
      if ((*info)->type != FileType::directory) continue;
      const auto sub = dir.open_dir(entry.name);
      if (sub) add_below(*sub);
    }
  }
  std::uint64_t total() const { return total_; }

 private:
  Count count_;
  /// By device and inode: how many were seen.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> names_;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<DiskSpace> disk_space(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return system_error(errno, "statvfs", path);
  return DiskSpace{static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize,
                   static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize};
}

namespace {

std::uint64_t count_usage(const std::string& path, Count count) {
  const auto slash = path.find_last_of('/');
  const auto parent = Dir::open(slash == 0 ? "/" : path.substr(0, slash));
  if (!parent) return 0;
  const std::string name = path.substr(slash + 1);
  const auto info = parent->find(name);
  if (!info || !*info) return 0;
  Counter counter(count);
  counter.add(**info);
  if ((*info)->type == FileType::directory) {
    const auto dir = parent->open_dir(name);
    if (dir) counter.add_below(*dir);
  }
  return counter.total();
}

}  // namespace

std::uint64_t disk_usage(const std::string& path) { return count_usage(path, Count::all); }

std::uint64_t exclusive_disk_usage(const std::string& path) {
  return count_usage(path, Count::exclusive);
}

}  // namespace kiln::os
