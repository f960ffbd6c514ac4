// SPDX-License-Identifier: Apache-2.0
#include "store/workspace.h"

#include "base/paths.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::store {
namespace {

/// Removes the folders of processes that are gone.
void sweep(const StorePaths& paths) {
  auto temporary = os::Dir::open(paths.temporary());
  if (!temporary) return;
  const auto entries = temporary->list();
  if (!entries) return;
  for (const auto& entry : *entries) {
    if (entry.type != os::FileType::directory) {
      // A lock file whose folder is gone, of a process that died in between.
      if (entry.name.ends_with(".lock") &&
          !os::path_exists(paths.temporary() + "/" + entry.name.substr(0, entry.name.size() - 5))) {
        auto lock = os::FileLock::try_acquire(paths.temporary() + "/" + entry.name,
                                              os::FileLock::Mode::exclusive);
        if (lock && *lock) (*lock)->remove();
      }
      continue;
    }
    const std::string lock_path = paths.temporary() + "/" + entry.name + ".lock";
    auto lock = os::FileLock::try_acquire(lock_path, os::FileLock::Mode::exclusive);
    if (!lock || !*lock) continue;
    if (temporary->remove_tree(entry.name)) (*lock)->remove();
  }
}

Result<void> remove_directory(const std::string& path) {
  const os::Dir parent = TRY(os::Dir::open(path.substr(0, path.find_last_of('/'))));
  return parent.remove_tree(base_name(path));
}

}  // namespace

ScratchDir::~ScratchDir() {
  if (!path_.empty()) (void)remove_directory(path_).ok();
}

Result<Workspace> Workspace::create(const StorePaths& paths) {
  sweep(paths);
  const std::string path = paths.temporary() + "/" + os::random_id();
  auto lock = TRY(os::FileLock::acquire(path + ".lock", os::FileLock::Mode::exclusive));
  TRY(os::ensure_directory(path, 0700));
  return Workspace(path, std::move(lock));
}

Workspace::Workspace(Workspace&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      lock_(std::exchange(other.lock_, std::nullopt)),
      counter_(other.counter_.load()) {}

Workspace::~Workspace() {
  if (!path_.empty() && remove_directory(path_)) lock_->remove();
}

std::string Workspace::new_path() { return path_ + "/" + std::to_string(counter_++); }

Result<void> Workspace::remove(const std::string& path) {
  const std::string trash = new_path();
  TRY(os::rename_file(path, trash));
  return remove_directory(trash);
}

Result<ScratchDir> Workspace::create_scratch() {
  if (path_.empty()) return Error(ErrorKind::permission, "the store can't be written to");
  const std::string path = new_path();
  TRY(os::ensure_directory(path, 0700));
  os::Dir dir = TRY(os::Dir::open(path));
  return ScratchDir(path, std::move(dir));
}

}  // namespace kiln::store
