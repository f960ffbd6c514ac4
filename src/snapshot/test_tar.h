// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/tar_reader.h"
#include "archive/tar_writer.h"
#include "snapshot/test_random_tree.h"

/// For tests only.
namespace kiln::snapshot::test {

using archive::EntryType;
using archive::TarEntry;

/// A tar made of entries in the order of the calls.
class Tar {
 public:
  Tar& file(std::string path, std::string_view content = "content") {
    TarEntry entry = make(EntryType::file, std::move(path));
    entry.size = content.size();
    return add(entry, content);
  }
  Tar& dir(std::string path, std::int64_t mtime = 100) {
    TarEntry entry = make(EntryType::directory, std::move(path));
    entry.mode = 0755;
    entry.mtime = mtime;
    return add(entry);
  }
  Tar& symlink(std::string path, std::string target) {
    TarEntry entry = make(EntryType::symlink, std::move(path));
    entry.link_target = std::move(target);
    return add(entry);
  }
  Tar& hardlink(std::string path, std::string target) {
    TarEntry entry = make(EntryType::hardlink, std::move(path));
    entry.link_target = std::move(target);
    return add(entry);
  }
  Tar& add(const TarEntry& entry, std::string_view content = {}) {
    os::test::must(tar_.add(entry, content));
    return *this;
  }
  std::string text() {
    os::test::must(tar_.finish());
    return sink_.text();
  }
  static TarEntry make(EntryType type, std::string path) {
    TarEntry entry;
    entry.type = type;
    entry.path = std::move(path);
    entry.mode = 0644;
    entry.mtime = 50;
    if (!is_root()) {
      const os::test::TempDir mine;
      const auto info = os::test::must(mine.dir().stat("."));
      entry.uid = info.uid;
      entry.gid = info.gid;
    }
    return entry;
  }

 private:
  archive::StringSink sink_;
  archive::TarWriter tar_{sink_};
};

/// The paths of a tar's members, in its order.
inline std::vector<std::string> member_paths(std::string_view text) {
  archive::MemorySource source(archive::as_bytes(text));
  archive::TarReader tar(source);
  std::vector<std::string> out;
  for (;;) {
    const auto entry = os::test::must(tar.next());
    if (!entry) return out;
    out.push_back(entry->path);
  }
}

}  // namespace kiln::snapshot::test
