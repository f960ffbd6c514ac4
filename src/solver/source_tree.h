// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dockerfile/ignore.h"
#include "os/dir.h"
#include "os/system.h"
#include "snapshot/layer_view.h"
#include "store/stat_index.h"
#include "store/tree_records.h"

namespace kiln::solver {

/// One file of a tree that COPY and ADD read from.
struct TreeEntry {
  os::RelPath path;  ///< in the tree
  os::FileInfo info;
  std::string link_target;  ///< of a symlink
};

/// The directory that was looked into last: who goes through a tree in order keeps one, so that it
/// is opened once for all that is in it.
struct LastDirectory {
  os::RelPath path;
  os::Dir dir;
};

/// Whether a whole selection may be recognised instead of listed.
enum class Recall { use, ignore };

/// What is in a tree from some file or directory on.
struct Walked {
  std::vector<TreeEntry> entries;
  /// The digest that was noted for it, if nothing has changed since: then only the top is listed.
  std::optional<Sha256Bytes> digest = {};
  std::string listing = {};  ///< to be noted, if not empty
};

/// Where a file's bytes can be opened: no symlink is on the way.
struct Located {
  const os::Dir* root;
  os::RelPath path;
};

/// The files that COPY and ADD choose from: a build context, or the root file system of a stage or
/// image. Thread-safe.
class SourceTree {
 public:
  virtual ~SourceTree() = default;
  /// As in a chroot, whether or not it is there.
  virtual Result<os::RelPath> resolve(std::string_view path) const = 0;
  /// nullopt if it isn't there or is left out by ignore rules.
  virtual Result<std::optional<TreeEntry>> find(const os::RelPath& path) const = 0;
  /// The names in a directory, sorted; ignored ones are left out.
  virtual Result<std::vector<std::string>> list(const os::RelPath& path) const = 0;
  /// `top` and all below it, a directory before its content, names sorted; ignored ones left out.
  /// `selection` says what it is walked for, if a digest of that can be noted.
  virtual Result<Walked> walk(const TreeEntry& top, const Sha256Bytes* selection,
                              Recall recall) = 0;
  /// Notes what `listing`, of a walk for `selection`, came to.
  virtual void note(const Sha256Bytes& selection, const Sha256Bytes& digest,
                    std::string listing) = 0;
  virtual Result<Located> locate(const TreeEntry& entry) const = 0;
  virtual Result<os::Xattrs> xattrs(const TreeEntry& entry, LastDirectory& last) const = 0;
  /// Whose files they are, when --chown says nothing: a context's are root's.
  virtual bool keeps_owner() const = 0;
  /// Facts from an earlier reading of the same file, if they still hold.
  virtual std::optional<store::FileFacts> known_facts(const TreeEntry& entry) = 0;
  virtual void remember(const TreeEntry& entry, const os::FileInfo& as_read,
                        const store::FileFacts& facts, const TimePoint& before) = 0;
  /// Why a path that the user named is not there, if that is known.
  virtual std::string absence_hint(const os::RelPath& path) const = 0;
};

/// Whose a directory's files are: root's, or whoever's they are on disk, as in an archive.
enum class Owners { root, as_on_disk };

/// A directory of this machine, with what is remembered of its files, at the path `index`.
class ContextTree final : public SourceTree {
 public:
  static Result<std::unique_ptr<ContextTree>> open(const std::string& path,
                                                   const std::vector<std::string>& ignore,
                                                   const std::string& index,
                                                   Owners owners = Owners::root);
  Result<os::RelPath> resolve(std::string_view path) const override;
  Result<std::optional<TreeEntry>> find(const os::RelPath& path) const override;
  Result<std::vector<std::string>> list(const os::RelPath& path) const override;
  Result<Walked> walk(const TreeEntry& top, const Sha256Bytes* selection, Recall recall) override;
  void note(const Sha256Bytes& selection, const Sha256Bytes& digest, std::string listing) override;
  Result<Located> locate(const TreeEntry& entry) const override;
  Result<os::Xattrs> xattrs(const TreeEntry& entry, LastDirectory& last) const override;
  bool keeps_owner() const override { return owners_ == Owners::as_on_disk; }
  std::optional<store::FileFacts> known_facts(const TreeEntry& entry) override;
  void remember(const TreeEntry& entry, const os::FileInfo& as_read, const store::FileFacts& facts,
                const TimePoint& before) override;
  std::string absence_hint(const os::RelPath& path) const override;
  Result<void> save_index();

 private:
  ContextTree(os::Dir root, dockerfile::IgnorePatterns ignore, const Sha256Bytes& ignore_digest,
              const std::string& index, Owners owners)
      : root_(std::move(root)),
        ignore_(std::move(ignore)),
        ignore_digest_(ignore_digest),
        owners_(owners),
        index_(index),
        trees_(index + ".trees"),
        opened_(os::wall_clock()) {}
  Result<std::optional<TreeEntry>> find_unfiltered(const os::RelPath& path) const;
  bool is_left_out(const TreeEntry& entry) const;
  Sha256Bytes record_key(const Sha256Bytes& selection) const;

  os::Dir root_;
  dockerfile::IgnorePatterns ignore_;
  Sha256Bytes ignore_digest_;
  Owners owners_;
  std::mutex mutex_;
  store::StatIndex index_;    // guarded by mutex_
  store::TreeRecords trees_;  // guarded by mutex_
  TimePoint opened_;
};

/// The merged file system of a stack of layers.
class LayerTree final : public SourceTree {
 public:
  explicit LayerTree(snapshot::LayerView view) : view_(std::move(view)) {}
  Result<os::RelPath> resolve(std::string_view path) const override;
  Result<std::optional<TreeEntry>> find(const os::RelPath& path) const override;
  Result<std::vector<std::string>> list(const os::RelPath& path) const override;
  Result<Walked> walk(const TreeEntry& top, const Sha256Bytes* selection, Recall recall) override;
  void note(const Sha256Bytes&, const Sha256Bytes&, std::string) override {}
  Result<Located> locate(const TreeEntry& entry) const override;
  Result<os::Xattrs> xattrs(const TreeEntry& entry, LastDirectory& last) const override;
  bool keeps_owner() const override { return true; }
  std::optional<store::FileFacts> known_facts(const TreeEntry&) override { return std::nullopt; }
  void remember(const TreeEntry&, const os::FileInfo&, const store::FileFacts&,
                const TimePoint&) override {}
  std::string absence_hint(const os::RelPath&) const override { return {}; }

 private:
  Result<void> walk_into(const TreeEntry& entry, std::vector<TreeEntry>& out) const;
  snapshot::LayerView view_;
};

/// That `named` isn't there, which `resolved` is behind links; the hint says why, or what is there
/// under a name that is much like it.
Error absent(const SourceTree& tree, const os::RelPath& named, const os::RelPath& resolved);

}  // namespace kiln::solver
