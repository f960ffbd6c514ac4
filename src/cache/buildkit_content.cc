// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_content.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/byte_stream.h"
#include "dockerfile/glob.h"
#include "dockerfile/path_filter.h"
#include "os/file_io.h"
#include "os/parallel.h"
#include "os/system.h"
#include "snapshot/tree_tar.h"

namespace kiln::cache {
namespace {

using solver::TreeEntry;

constexpr std::size_t kFilesForThreads = 16;

std::string text_of(const Sha256Bytes& bytes) { return "sha256:" + to_hex(bytes); }
std::string checksum_of(std::string_view text) { return text_of(sha256(text)); }

bool is_directory(const TreeEntry& entry) { return entry.info.type == os::FileType::directory; }

/// A file's header comes first in its digest.
class HashAfter final : public ByteSink {
 public:
  explicit HashAfter(std::string_view header) { hash_.update(header); }
  Result<void> write(Bytes data) override {
    hash_.update(data);
    return {};
  }
  std::string finish() { return text_of(hash_.finish()); }

 private:
  Sha256 hash_;
};

/// Docker's tarsum, version 1, which BuildKit goes on using: fields of a tar header without the
/// name, of the owner root that a context's files have.
Result<std::string> header_of(const solver::SourceTree& tree, const TreeEntry& entry,
                              solver::LastDirectory& last) {
  char type = '0';
  std::uint64_t size = 0;
  std::uint32_t mode = entry.info.permissions;
  if (is_directory(entry)) {
    type = '5';
  } else if (entry.info.type == os::FileType::symlink) {
    type = '2';
    mode |= 0777;
  } else {
    size = entry.info.size;
  }
  std::string out =
      fmt::format("namemode{}uid0gid0size{}typeflag{}linkname{}unamegnamedevmajor0devminor0", mode,
                  size, type, type == '2' ? entry.link_target : std::string());
  const os::Xattrs xattrs = TRY(tree.xattrs(entry, last));  // sorted
  for (const auto& [name, value] : xattrs) {
    const bool counts = name == "security.capability" ||
                        (!name.starts_with("security.") && !name.starts_with("system."));
    if (counts) out.append(name).append(value);
  }
  return out;
}

class Checksums {
 public:
  Checksums(solver::SourceTree& tree, const std::stop_token& stop) : tree_(&tree), stop_(&stop) {}

  /// nullopt: see buildkit_checksum().
  Result<std::optional<std::string>> of(const BuildkitFiles& files) {
    if (files.wildcard || !files.include.empty() || !files.exclude.empty()) return of_chosen(files);
    os::RelPath path = os::RelPath::clean(files.path);
    if (files.follow_links) {
      path = TRY(tree_->resolve("/" + path.str()));
    } else if (!path.is_root()) {
      const os::RelPath parent = TRY(tree_->resolve("/" + path.parent().str()));
      path = parent / path.name();
    }
    return of_path(path);
  }

 private:
  struct Hashed {
    TreeEntry entry;
    std::string digest;  ///< of a directory: its own, without what is in it
  };

  Result<std::optional<std::string>> of_path(const os::RelPath& path) {
    const auto top = TRY(tree_->find(path));
    if (!top) return std::optional<std::string>();
    const auto files = TRY(walk(*top));
    if (!files) return std::optional<std::string>();
    std::size_t at = 0;
    return std::optional(whole(*files, at));
  }

  /// `top` and all below it; nullopt if there is something that can't be told.
  Result<std::optional<std::vector<Hashed>>> walk(const TreeEntry& top) {
    solver::Walked walked = TRY(tree_->walk(top, nullptr, solver::Recall::ignore));
    std::vector<Hashed> out;
    for (auto& entry : walked.entries) {
      const os::FileType type = entry.info.type;
      if (type != os::FileType::file && type != os::FileType::directory &&
          type != os::FileType::symlink)
        return std::optional<std::vector<Hashed>>();
      out.push_back({std::move(entry), {}});
    }
    const auto hash_part = [&](std::size_t begin, std::size_t end) -> Result<void> {
      solver::LastDirectory last;
      for (; begin < end; ++begin) TRY(hash(out[begin], last));
      return {};
    };
    TRY(os::for_each_part(out.size(), kFilesForThreads, hash_part));
    return std::optional(std::move(out));
  }

  Result<void> hash(Hashed& file, solver::LastDirectory& last) const {
    if (stop_->stop_requested()) return cancelled();
    // The root of a context is sent without a header.
    std::string header;
    if (!file.entry.path.is_root()) header = TRY(header_of(*tree_, file.entry, last));
    HashAfter out(header);
    if (file.entry.info.type == os::FileType::file && file.entry.info.size > 0) {
      const solver::Located at = TRY(tree_->locate(file.entry));
      const os::Fd fd = TRY(at.root->open_file_beneath(at.path));
      TRY(snapshot::read_file_content(fd, file.entry.info, "/" + at.path.str(), out));
    }
    file.digest = out.finish();
    return {};
  }

  /// Of the file at `at`, or of a directory with all that is in it; `at` is behind that then.
  static std::string whole(const std::vector<Hashed>& files, std::size_t& at) {
    const Hashed& top = files[at++];
    if (!is_directory(top.entry)) return top.digest;
    std::string text(1, '\0');
    text += top.digest;
    const std::string below = top.entry.path.is_root() ? "" : top.entry.path.str() + "/";
    while (at < files.size() && files[at].entry.path.str().starts_with(below)) {
      text += '\0';
      text += files[at].entry.path.name();
      text += whole(files, at);
    }
    return checksum_of(text);
  }

  // --- patterns

  struct Chosen {
    os::RelPath path;  ///< as the pattern has it, before links are followed
    std::string digest;
  };

  static Result<dockerfile::PathFilter> filter_of(const BuildkitFiles& files) {
    auto exclude = TRY(dockerfile::IgnorePatterns::create(files.exclude));
    std::optional<dockerfile::IgnorePatterns> include;
    if (!files.include.empty()) include = TRY(dockerfile::IgnorePatterns::create(files.include));
    return dockerfile::PathFilter(std::move(include), std::move(exclude));
  }

  Result<std::optional<std::string>> of_chosen(const BuildkitFiles& files) {
    std::optional<std::string> none;
    const dockerfile::PathFilter filter = TRY(filter_of(files));
    const os::RelPath pattern = os::RelPath::clean(files.path);
    const auto tops = TRY(matches(files, pattern));
    if (!tops) return none;
    std::vector<Chosen> chosen;
    for (const auto& top : *tops) {
      const bool is_known = TRY(choose(files, top, filter, chosen));
      if (!is_known) return none;
    }
    if (chosen.empty()) return std::optional(checksum_of(""));
    if (chosen.size() == 1 && chosen.front().path.name() == pattern.name())
      return std::optional(chosen.front().digest);
    std::string text;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      if (i > 0) text += '\0';
      text += chosen[i].path.is_root() ? "." : std::string(chosen[i].path.name());
      text += chosen[i].digest;
    }
    return std::optional(checksum_of(text));
  }

  /// The paths that the pattern matches, in order; nullopt where links are on the way to them:
  /// BuildKit names what is behind one otherwise.
  Result<std::optional<std::vector<os::RelPath>>> matches(const BuildkitFiles& files,
                                                          const os::RelPath& pattern) {
    std::optional<std::vector<os::RelPath>> none;
    std::vector<os::RelPath> at = {os::RelPath()};
    if (!files.wildcard) {
      const os::RelPath resolved = TRY(tree_->resolve("/" + pattern.str()));
      if (resolved != pattern) return none;
      const auto top = TRY(tree_->find(pattern));
      if (!top) return none;
      return std::optional(std::vector{pattern});
    }
    for (const std::string_view part : pattern.components()) {
      const dockerfile::Glob glob = TRY(dockerfile::Glob::parse(part));
      std::vector<os::RelPath> next;
      for (const auto& path : at) {
        const auto directory = TRY(tree_->find(path));
        if (directory && directory->info.type == os::FileType::symlink) return none;
        if (!directory || !is_directory(*directory)) continue;
        const std::vector<std::string> names = TRY(tree_->list(path));
        for (const auto& name : names)
          if (glob.matches(name)) next.push_back(path / name);
      }
      at = std::move(next);
    }
    return std::optional(std::move(at));
  }

  /// Adds what counts of a match; whether it could be told.
  Result<bool> choose(const BuildkitFiles& files, const os::RelPath& path,
                      const dockerfile::PathFilter& filter, std::vector<Chosen>& out) {
    const auto top = TRY(tree_->find(path));
    if (!top) return false;
    if (top->info.type == os::FileType::symlink && files.follow_links) {
      if (!filter.chooses("")) return true;
      const os::RelPath target = TRY(tree_->resolve("/" + path.str()));
      auto digest = TRY(of_path(target));
      if (!digest) return false;
      out.push_back({path, *std::move(digest)});
      return true;
    }
    const auto below = TRY(walk(*top));
    if (!below) return false;
    std::vector<Chosen> waiting;  // directories, as long as nothing in them counts
    for (const auto& file : *below) {
      const os::RelPath& at = file.entry.path;
      const bool is_top = at == path;
      if (is_top && path.is_root()) continue;
      const std::size_t prefix = path.is_root() ? 0 : path.str().size() + 1;
      const std::string relative = is_top ? std::string() : at.str().substr(prefix);
      std::erase_if(waiting, [&](const Chosen& directory) {
        return !at.str().starts_with(directory.path.str() + "/");
      });
      if (!filter.chooses(relative)) {
        if (is_directory(file.entry)) waiting.push_back({at, file.digest});
        continue;
      }
      std::ranges::move(waiting, std::back_inserter(out));
      waiting.clear();
      out.push_back({at, file.digest});
    }
    return true;
  }

  solver::SourceTree* tree_;
  const std::stop_token* stop_;
};

}  // namespace

Result<std::optional<std::string>> buildkit_checksum(solver::SourceTree& tree,
                                                     const std::vector<BuildkitFiles>& files,
                                                     const std::stop_token& stop) {
  // Fetched trees keep owners: no context of BuildKit's does.
  std::optional<std::string> none;
  if (tree.keeps_owner()) return none;
  Checksums checksums(tree, stop);
  std::string text;
  for (const auto& each : files) {
    const auto checksum = TRY(checksums.of(each));
    if (!checksum) return none;
    if (!text.empty()) text += '\0';
    text += *checksum;
  }
  return std::optional(checksum_of(text));
}

}  // namespace kiln::cache
