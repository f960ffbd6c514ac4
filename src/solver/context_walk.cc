// SPDX-License-Identifier: Apache-2.0
#include "solver/context_walk.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "os/system.h"

namespace kiln::solver {
namespace {

using Verdict = dockerfile::IgnorePatterns::Verdict;

/// Threads cost more than they save on fewer directories than this.
constexpr std::size_t kDirectoriesForThreads = 64;
constexpr unsigned kMostThreads = 8;

/// A directory, and once it was read, what is directly in it. Belongs to the thread that reads it.
struct Folder {
  os::RelPath path;
  std::optional<Verdict> verdict;  ///< of the directory itself; none without patterns
  std::vector<TreeEntry> entries;
  /// Beside each entry, in order: its content if it is a directory, and whether it is ignored
  /// itself, so that it is there only for what was taken back below it.
  struct Below {
    Folder* content = nullptr;
    bool ignored = false;
  };
  std::vector<Below> below;
};

class Walk {
 public:
  Walk(const os::Dir& root, const dockerfile::IgnorePatterns& ignore)
      : root_(&root), ignore_(&ignore) {}

  Result<std::vector<TreeEntry>> run(const os::RelPath& top) {
    std::optional<Verdict> verdict;
    os::RelPath at;
    for (const std::string_view part : top.components()) {
      at = at / part;
      verdict = ignore_->judge(at.str(), verdict ? &*verdict : nullptr);
    }
    Folder* first = add(top, std::move(verdict));
    work(kDirectoriesForThreads);
    if (!ended()) {
      const unsigned threads = std::clamp(os::processor_count(), 1u, kMostThreads);
      std::vector<std::jthread> others;
      for (unsigned i = 1; i < threads; ++i) others.emplace_back([this] { work(SIZE_MAX); });
      work(SIZE_MAX);
    }
    if (failure_) return *std::move(failure_);
    std::vector<TreeEntry> out;
    out.reserve(count_);
    collect(*first, out);
    return out;
  }

 private:
  Folder* add(os::RelPath path, std::optional<Verdict> verdict) {
    const std::lock_guard lock(mutex_);
    Folder& folder = folders_.emplace_back();
    folder.path = std::move(path);
    folder.verdict = std::move(verdict);
    pending_.push_back(&folder);
    changed_.notify_one();
    return &folder;
  }

  bool ended() {
    const std::lock_guard lock(mutex_);
    return failure_.has_value() || (pending_.empty() && busy_ == 0);
  }

  /// Reads directories until none is left, a failure, or `most` of them are done.
  void work(std::size_t most) {
    for (; most > 0; --most) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return failure_ || !pending_.empty() || busy_ == 0; });
      if (failure_ || pending_.empty()) return;
      Folder* folder = pending_.back();
      pending_.pop_back();
      ++busy_;
      lock.unlock();
      auto done = read(*folder);
      lock.lock();
      --busy_;
      count_ += folder->entries.size();
      if (!done && !failure_) failure_ = std::move(done).error();
      if (failure_ || (pending_.empty() && busy_ == 0)) changed_.notify_all();
    }
  }

  Result<void> read(Folder& folder) {
    const os::Dir::Listing listing = TRY(root_->list_beneath(folder.path));
    for (const auto& name : listing.entries) {
      os::RelPath child = folder.path / name.name;
      std::optional<Verdict> verdict;
      bool ignored = false;
      if (!ignore_->empty()) {
        verdict = ignore_->judge(child.str(), folder.verdict ? &*folder.verdict : nullptr);
        ignored = verdict->ignored;
        if (ignored && !ignore_->may_contain_exceptions(child.str())) continue;
      }
      const auto info = TRY(listing.dir.find(name.name));
      if (!info) continue;  // gone since it was listed
      if (ignored && info->type != os::FileType::directory) continue;
      TreeEntry entry{std::move(child), *info, {}};
      if (info->type == os::FileType::symlink)
        entry.link_target = TRY(listing.dir.read_link(name.name));
      Folder* content = nullptr;
      if (info->type == os::FileType::directory) content = add(entry.path, std::move(verdict));
      folder.entries.push_back(std::move(entry));
      folder.below.push_back({content, ignored});
    }
    return {};
  }

  /// Tells whether anything was in the folder.
  static bool collect(Folder& folder, std::vector<TreeEntry>& out) {
    bool any = false;
    for (std::size_t i = 0; i < folder.entries.size(); ++i) {
      const Folder::Below& below = folder.below[i];
      out.push_back(std::move(folder.entries[i]));
      const bool filled = below.content != nullptr && collect(*below.content, out);
      if (below.ignored && !filled) {
        out.pop_back();
        continue;
      }
      any = true;
    }
    return any;
  }

  const os::Dir* root_;
  const dockerfile::IgnorePatterns* ignore_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Folder> folders_;    // guarded by mutex_; folders keep their address
  std::vector<Folder*> pending_;  // guarded by mutex_
  std::size_t busy_ = 0;          // guarded by mutex_
  std::size_t count_ = 0;         // guarded by mutex_
  std::optional<Error> failure_;  // guarded by mutex_
};

}  // namespace

Result<std::vector<TreeEntry>> walk_context(const os::Dir& root,
                                            const dockerfile::IgnorePatterns& ignore,
                                            const os::RelPath& top) {
  return Walk(root, ignore).run(top);
}

}  // namespace kiln::solver
