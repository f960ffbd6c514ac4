// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/tar_reader.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "os/system.h"
#include "os/test_temp_dir.h"
#include "snapshot/layer_form.h"
#include "snapshot/tar_unpack.h"
#include "snapshot/tree_tar.h"

/// For tests only: trees of every kind of file, and what they are.
namespace kiln::snapshot::test {

using os::test::must;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  /// 0 to `bound` - 1
  unsigned below(unsigned bound) {
    return std::uniform_int_distribution<unsigned>(0, bound - 1)(engine_);
  }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <typename T>
  const T& of(const std::vector<T>& from) {
    return from[below(static_cast<unsigned>(from.size()))];
  }
  std::string bytes(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(below(256));
    return out;
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    std::ranges::shuffle(items, engine_);
  }

 private:
  std::mt19937 engine_;
};

inline void ignore_content(std::size_t, const os::FileInfo&, const Sha256Bytes&) {}

inline bool is_root() { return os::effective_uid() == 0; }

/// cap_net_raw+ep, as the kernel keeps it.
inline std::string capability() {
  return std::string("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
}

inline const std::vector<std::string>& odd_names() {
  static const std::vector<std::string> names = {"a",
                                                 "b",
                                                 "c",
                                                 "a-b",
                                                 "a.b",
                                                 "dir one",
                                                 "new\nline",
                                                 "tab\t",
                                                 "\xff\xfe\x80",
                                                 "\xc3\xbc",
                                                 ".hidden",
                                                 "...",
                                                 "..x",
                                                 "-rf",
                                                 "per%cent=",
                                                 ".wh",
                                                 "wh.a",
                                                 "\"q\\",
                                                 std::string(255, 'n'),
                                                 std::string(101, 'm'),
                                                 std::string(99, 'k')};
  return names;
}

struct Marks {
  bool overlay = false;  ///< whiteouts and opaque directories too
};

/// Fills an empty directory with a small random tree.
class TreeMaker {
 public:
  TreeMaker(Random& random, Marks marks) : random_(&random), marks_(marks) {}

  void fill(const os::Dir& root, unsigned entries, const std::vector<std::string>& names) {
    fill(root, entries, names, 0);
    finish(root, ".", false, true);
  }

 private:
  void fill(const os::Dir& dir, unsigned entries, const std::vector<std::string>& names,
            unsigned depth) {
    for (unsigned i = 0; i < entries; ++i) {
      const std::string& name = random_->of(names);
      if (must(dir.find(name))) continue;
      make(dir, name, names, depth);
    }
  }

  void make(const os::Dir& dir, const std::string& name, const std::vector<std::string>& names,
            unsigned depth) {
    switch (random_->below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        must(dir.create_dir(name, 0700));
        const os::Dir sub = must(dir.open_dir(name));
        if (depth < 4) fill(sub, random_->below(5), names, depth + 1);
        if (marks_.overlay && random_->one_in(4)) must(sub.set_xattr(".", kOpaqueXattr, "y"));
        return finish(dir, name, false, true);
      }
      case 4:
        must(dir.create_symlink(
            name, random_->of(std::vector<std::string>{"x", "/etc/passwd", "a/b", "\xff\xfe",
                                                       std::string(300, 't')})));
        return finish(dir, name, true, false);
      case 5:
        if (links_.empty()) return;
        {
          const auto& [from, target] = links_[random_->below(static_cast<unsigned>(links_.size()))];
          must(dir.create_hardlink(name, from, target));
        }
        return;
      case 6:
        must(dir.create_fifo(name, 0600));
        finish(dir, name, false, false);
        return remember(dir, name);
      case 7:
        if (marks_.overlay && random_->one_in(2)) return must(dir.create_whiteout(name));
        if (!is_root()) return;
        must(dir.create_device(
            name, random_->one_in(2) ? os::FileType::char_device : os::FileType::block_device, 0600,
            random_->below(300) + 1, random_->below(70000)));
        finish(dir, name, false, false);
        return remember(dir, name);
      default:
        make_file(dir, name);
        finish(dir, name, false, true);
        return remember(dir, name);
    }
  }

  void make_file(const os::Dir& dir, const std::string& name) {
    const os::Fd fd = must(dir.create_file(name, 0600));
    const std::size_t size =
        random_->of(std::vector<std::size_t>{0, 1, 511, 512, 513, 5000, 70000});
    const std::string content = random_->bytes(size);
    if (random_->one_in(3)) {  // holes before, between and at the end
      must(os::resize_file(fd, random_->of(std::vector<std::uint64_t>{700'000, 1'048'576, 300'001}),
                           name));
      must(os::write_at(fd, std::as_bytes(std::span(content)),
                        random_->of(std::vector<std::uint64_t>{0, 8192, 200'000}), name));
    } else {
      must(os::write_all(fd, content, name));
    }
  }

  /// Owner, mode, xattrs and time.
  void finish(const os::Dir& dir, const std::string& name, bool is_symlink,
              bool takes_user_xattrs) {
    Metadata metadata;
    metadata.mode =
        random_->of(std::vector<std::uint32_t>{0755, 0644, 0600, 04755, 02755, 01777, 0, 07777});
    if (is_root()) {
      metadata.uid = random_->of(std::vector<std::uint32_t>{0, 1, 1000, 65534, 3'000'000});
      metadata.gid = random_->of(std::vector<std::uint32_t>{0, 50, 1000, 2'100'000});
    } else {
      metadata.mode |= 0700;
      metadata.uid = must(dir.stat(name)).uid;
      metadata.gid = must(dir.stat(name)).gid;
    }
    metadata.mtime = random_->of(std::vector<std::int64_t>{0, 1, 1'700'000'000, 2'147'483'648, -5});
    metadata.mtime_nanoseconds = random_->below(1'000'000'000);
    if (takes_user_xattrs && random_->one_in(3))
      metadata.xattrs["user.odd=%\xff"] = random_->bytes(random_->below(40));
    if (takes_user_xattrs && random_->one_in(6))
      metadata.xattrs["user.large"] = random_->bytes(900);
    if (takes_user_xattrs && is_root() && random_->one_in(4) &&
        must(dir.stat(name)).type == os::FileType::file)
      metadata.xattrs["security.capability"] = capability();
    must(apply_metadata(dir, name, is_symlink, metadata));
  }

  void remember(const os::Dir& dir, const std::string& name) {
    links_.emplace_back(must(dir.open_dir(".")), name);
  }

  Random* random_;
  Marks marks_;
  std::vector<std::pair<os::Dir, std::string>> links_;
};

/// What every path of a tree is, for comparison: all that a layer keeps. Times in whole seconds.
inline void describe(const os::Dir& dir, const std::string& prefix,
                     std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>& inodes,
                     std::map<std::string, std::string>& out) {
  for (const auto& entry : must(dir.list())) {
    const os::FileInfo info = must(dir.stat(entry.name));
    const std::string path = prefix + entry.name;
    if (info.is_whiteout()) {
      out[path] = "whiteout";
      continue;
    }
    std::string text =
        fmt::format("type {} mode {:o} owner {}:{} mtime {}", static_cast<int>(info.type),
                    info.permissions, info.uid, info.gid, info.mtime);
    if (info.type == os::FileType::file) {
      const std::string content = os::test::read_file_in(dir, entry.name);
      text += fmt::format(" size {} content {}", content.size(), to_hex(sha256(content)));
    } else if (info.type == os::FileType::symlink) {
      text += " -> " + must(dir.read_link(entry.name));
    } else {
      text += fmt::format(" device {}/{}", info.rdev_major, info.rdev_minor);
    }
    for (const auto& [key, value] : must(dir.xattrs(entry.name)))
      text += fmt::format(" {}={}", key, to_hex(sha256(value)).substr(0, 8));
    if (info.type != os::FileType::directory && info.links > 1)
      text += " link of " + inodes.try_emplace({info.device, info.inode}, path).first->second;
    out[path] = text;
    if (info.type == os::FileType::directory)
      describe(must(dir.open_dir(entry.name)), path + "/", inodes, out);
  }
}

inline std::map<std::string, std::string> describe(const os::Dir& root) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> inodes;
  std::map<std::string, std::string> out;
  const os::FileInfo info = must(root.stat("."));
  out[""] = fmt::format("mode {:o} owner {}:{}", info.permissions, info.uid, info.gid);
  for (const auto& [key, value] : must(root.xattrs(".")))
    out[""] += fmt::format(" {}={}", key, to_hex(sha256(value)));
  describe(root, "", inodes, out);
  return out;
}

inline std::string tar_of(const os::Dir& root) {
  archive::StringSink sink;
  must(write_tree_tar(root, sink));
  return sink.text();
}

inline Result<UnpackedTree> untar(std::string_view tar, const os::Dir& root) {
  archive::MemorySource source(archive::as_bytes(tar));
  archive::TarReader reader(source);
  return unpack_tar(reader, root);
}

}  // namespace kiln::snapshot::test
