// SPDX-License-Identifier: Apache-2.0
#include "solver/context_walk.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <forward_list>
#include <mutex>
#include <thread>

#include "os/file_system.h"
#include "os/parallel.h"

namespace kiln::solver {
namespace {

using Verdict = dockerfile::IgnorePatterns::Verdict;

/// Threads cost more than they save on fewer directories than this.
constexpr std::size_t kDirectoriesForThreads = 64;
/// So many directories a thread takes at once.
constexpr std::size_t kBatch = 16;

struct Folder;

/// What was found in a directory under a name.
struct Found {
  os::FileInfo info;
  const char* name = nullptr;
  const char* link_target = "";
  Folder* content = nullptr;  ///< of a directory
  bool ignored = false;       ///< itself: there only for what was taken back below it
};

/// A directory, and once it was looked through, what is directly in it. Belongs to the thread that
/// does so.
struct Folder {
  os::RelPath path;
  std::uint32_t known = TreeListing::kNone;  ///< its folder in the known listing
  bool has_known_names = false;
  std::optional<Verdict> verdict;  ///< of the directory itself, if it is known
  std::vector<os::DirEntry> names;
  std::forward_list<std::string> link_targets;
  std::vector<Found> found;
};

/// The entries of a known folder, asked for in their order.
class KnownEntries {
 public:
  KnownEntries(const TreeListing* listing, std::uint32_t folder) : listing_(listing) {
    if (folder == TreeListing::kNone) return;
    const TreeListing::Folder known = listing->folder(folder);
    at_ = known.first;
    end_ = known.first + known.count;
  }
  std::optional<TreeListing::Entry> find(std::string_view name) {
    for (; at_ < end_; ++at_, complete_ = false) {
      const TreeListing::Entry entry = listing_->entry(at_);
      const int order = name.compare(listing_->name(entry));
      if (order < 0) break;
      if (order > 0) continue;
      ++at_;
      return entry;
    }
    return std::nullopt;
  }
  /// Whether each was found.
  bool all_found() const { return complete_ && at_ == end_; }

 private:
  const TreeListing* listing_;
  std::uint32_t at_ = 0, end_ = 0;
  bool complete_ = true;
};

class Walk {
 public:
  explicit Walk(const ContextWalk& walk)
      : root_(&walk.root),
        ignore_(&walk.ignore),
        known_(walk.known),
        now_(walk.now),
        recall_(walk.recall) {}

  Result<WalkedContext> run(const TreeEntry& top) {
    top_ = top.info;
    const bool same_top = known_ != nullptr && known_->top() == store::stat_facts(top.info);
    Worker own;
    own.note(top.info, now_, same_top);
    if (top.info.type == os::FileType::directory) TRY(look_through(top.path, same_top, own));
    WalkedContext out;
    out.entries.push_back(top);
    const bool same = known_ != nullptr && !own.changed;
    out.unchanged = same && recall_ == Recall::use;
    if (out.unchanged) return out;
    out.entries.reserve(own.count);
    if (own.settled && !same) out.listing = listing();
    if (first_ != nullptr) collect(*first_, out.entries);
    return out;
  }

 private:
  /// What one thread sees.
  struct Worker {
    std::deque<Folder> folders;  ///< keep their address
    std::size_t count = 0;
    bool changed = false;
    bool settled = true;
    void note(const os::FileInfo& info, const TimePoint& now, bool same) {
      ++count;
      changed = changed || !same;
      settled = settled && (same || store::is_settled(info, now));
    }
  };

  Result<void> look_through(const os::RelPath& top, bool same_top, Worker& own) {
    first_ = &own.folders.emplace_back();
    first_->path = top;
    dates_directories_ = known_ != nullptr && os::dates_directories(*root_);
    if (known_ != nullptr && known_->folder_count() > 0) {
      first_->known = 0;
      first_->has_known_names = same_top && dates_directories_;
    }
    pending_.push_back(first_);
    work(own, kDirectoriesForThreads);
    std::deque<Worker> others;
    if (!ended()) {
      std::vector<std::jthread> threads;
      for (unsigned i = 1; i < os::worker_count(); ++i)
        threads.emplace_back([this, &other = others.emplace_back()] { work(other, SIZE_MAX); });
      work(own, SIZE_MAX);
    }
    for (Worker& other : others) {
      own.count += other.count;
      own.changed = own.changed || other.changed;
      own.settled = own.settled && other.settled;
    }
    others_ = std::move(others);
    return failure_ ? Result<void>(*std::move(failure_)) : Result<void>();
  }

  bool ended() {
    const std::lock_guard lock(mutex_);
    return failure_.has_value() || (pending_.empty() && busy_ == 0);
  }

  /// Looks through directories until none is left, a failure, or `most` of them are done.
  void work(Worker& own, std::size_t most) {
    std::vector<Folder*> batch, below;
    while (most > 0) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return failure_ || !pending_.empty() || busy_ == 0; });
      if (failure_ || pending_.empty()) return;
      // Others shall find some too.
      const std::size_t share = (pending_.size() + 1) / 2;
      const std::size_t size = std::min({share, kBatch, most});
      batch.assign(pending_.end() - static_cast<std::ptrdiff_t>(size), pending_.end());
      pending_.resize(pending_.size() - size);
      ++busy_;
      lock.unlock();
      Result<void> done;
      for (Folder* folder : batch) {
        done = look_into(*folder, own, below);
        if (!done) break;
      }
      lock.lock();
      --busy_;
      pending_.insert(pending_.end(), below.begin(), below.end());
      if (!done && !failure_) failure_ = std::move(done).error();
      if (failure_ || !below.empty() || busy_ == 0) changed_.notify_all();
      below.clear();
      most -= size;
    }
  }

  Result<void> look_into(Folder& folder, Worker& own, std::vector<Folder*>& below) {
    return folder.has_known_names ? look_again(folder, own, below) : list(folder, own, below);
  }

  /// Into a directory that has the names that are known.
  Result<void> look_again(Folder& folder, Worker& own, std::vector<Folder*>& below) {
    const os::Dir dir = TRY(root_->reach_dir_beneath(folder.path));
    const TreeListing::Folder known = known_->folder(folder.known);
    folder.found.reserve(known.count);
    for (std::uint32_t i = 0; i < known.count; ++i) {
      const TreeListing::Entry entry = known_->entry(known.first + i);
      const char* name = known_->name(entry);
      const auto info = TRY(dir.find(name));
      if (!info || (entry.ignored && info->type != os::FileType::directory)) {
        own.changed = true;
        continue;
      }
      TRY(add(folder, dir, {*info, name, "", nullptr, entry.ignored}, entry, own, below));
    }
    return {};
  }

  Result<void> list(Folder& folder, Worker& own, std::vector<Folder*>& below) {
    os::Dir::Listing listing = TRY(root_->list_beneath(folder.path));
    folder.names = std::move(listing.entries);
    folder.found.reserve(folder.names.size());
    if (!folder.verdict) folder.verdict = verdict_on(folder.path);
    const Verdict* above = folder.verdict ? &*folder.verdict : nullptr;
    KnownEntries known(known_, folder.known);
    for (const auto& name : folder.names) {
      std::optional<Verdict> verdict;
      bool ignored = false;
      if (!ignore_->empty()) {
        const os::RelPath path = folder.path / name.name;
        verdict = ignore_->judge(path.str(), above);
        ignored = verdict->ignored;
        if (ignored && !ignore_->may_contain_exceptions(path.str())) continue;
      }
      const auto info = TRY(listing.dir.find(name.name.c_str()));
      if (!info) continue;  // gone since it was listed
      if (ignored && info->type != os::FileType::directory) continue;
      TRY(add(folder, listing.dir, {*info, name.name.c_str(), "", nullptr, ignored},
              known.find(name.name), own, below));
      if (Folder* content = folder.found.back().content) content->verdict = std::move(verdict);
    }
    own.changed = own.changed || !known.all_found();
    return {};
  }

  /// The verdict on a directory, for those on its content.
  std::optional<Verdict> verdict_on(const os::RelPath& path) const {
    std::optional<Verdict> verdict;
    if (ignore_->empty()) return verdict;
    os::RelPath at;
    for (const std::string_view part : path.components()) {
      at = at / part;
      verdict = ignore_->judge(at.str(), verdict ? &*verdict : nullptr);
    }
    return verdict;
  }

  Result<void> add(Folder& folder, const os::Dir& dir, Found found,
                   const std::optional<TreeListing::Entry>& known, Worker& own,
                   std::vector<Folder*>& below) {
    const bool same =
        known && known->stat == store::stat_facts(found.info) && known->ignored == found.ignored;
    own.note(found.info, now_, same);
    if (found.info.type == os::FileType::symlink) {
      if (same && known->is_symlink) {
        found.link_target = known_->link_target(*known);
      } else {
        std::string target = TRY(dir.read_link(found.name));
        folder.link_targets.push_front(std::move(target));
        found.link_target = folder.link_targets.front().c_str();
      }
    }
    if (found.info.type == os::FileType::directory) {
      Folder& content = own.folders.emplace_back();
      content.path = folder.path / found.name;
      if (known) content.known = known->folder;
      // Another file system may be mounted there.
      content.has_known_names = same && content.known != TreeListing::kNone && dates_directories_ &&
                                found.info.device == top_.device;
      found.content = &content;
      below.push_back(&content);
    }
    folder.found.push_back(found);
    return {};
  }

  /// Tells whether anything was in the folder.
  static bool collect(const Folder& folder, std::vector<TreeEntry>& out) {
    bool any = false;
    for (const Found& found : folder.found) {
      out.push_back({folder.path / found.name, found.info, found.link_target});
      const bool filled = found.content != nullptr && collect(*found.content, out);
      if (found.ignored && !filled) {
        out.pop_back();
        continue;
      }
      any = true;
    }
    return any;
  }

  std::string listing() const {
    TreeListing::Builder builder(store::stat_facts(top_));
    if (first_ != nullptr) add_to(builder, *first_);
    return builder.bytes();
  }
  static std::uint32_t add_to(TreeListing::Builder& builder, const Folder& folder) {
    const std::uint32_t number = builder.add_folder(folder.found.size());
    std::vector<std::uint32_t> entries;
    for (const Found& found : folder.found) {
      TreeListing::Entry entry{.stat = store::stat_facts(found.info)};
      entry.is_symlink = found.info.type == os::FileType::symlink;
      entry.ignored = found.ignored;
      entries.push_back(builder.add_entry(entry, found.name, found.link_target));
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (const Folder* content = folder.found[i].content)
        builder.set_folder(entries[i], add_to(builder, *content));
    }
    return number;
  }

  const os::Dir* root_;
  const dockerfile::IgnorePatterns* ignore_;
  const TreeListing* known_;
  TimePoint now_;
  Recall recall_;
  os::FileInfo top_;
  bool dates_directories_ = false;
  Folder* first_ = nullptr;
  std::deque<Worker> others_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Folder*> pending_;  // guarded by mutex_
  std::size_t busy_ = 0;          // guarded by mutex_
  std::optional<Error> failure_;  // guarded by mutex_
};

}  // namespace

Result<WalkedContext> walk_context(const ContextWalk& walk, const TreeEntry& top) {
  return Walk(walk).run(top);
}

}  // namespace kiln::solver
