// SPDX-License-Identifier: Apache-2.0
#include "store/workspace.h"

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

}  // namespace

ScratchDir::~ScratchDir() {
  if (path_.empty()) return;
  const auto slash = path_.find_last_of('/');
  auto parent = os::Dir::open(path_.substr(0, slash));
  if (parent) (void)parent->remove_tree(path_.substr(slash + 1)).ok();
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
  if (path_.empty()) return;
  const auto slash = path_.find_last_of('/');
  auto parent = os::Dir::open(path_.substr(0, slash));
  if (parent && parent->remove_tree(path_.substr(slash + 1))) lock_->remove();
}

std::string Workspace::new_path() { return path_ + "/" + std::to_string(counter_++); }

Result<ScratchDir> Workspace::create_scratch() {
  if (path_.empty()) return Error(ErrorKind::permission, "the store can't be written to");
  const std::string path = new_path();
  TRY(os::ensure_directory(path, 0700));
  os::Dir dir = TRY(os::Dir::open(path));
  return ScratchDir(path, std::move(dir));
}

}  // namespace kiln::store
