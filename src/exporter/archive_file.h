// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "archive/byte_stream.h"
#include "archive/tar_entry.h"
#include "base/result.h"
#include "os/dir.h"
#include "os/fd.h"
#include "store/store.h"

namespace kiln::exporter {

/// The members of a tar file, found by name, read in place. An archive that is compressed as a
/// whole, or that is no plain file, is kept in the store's tmp/ first. Once `stop` asks for it,
/// reading fails with kind cancelled. Memory is bounded: names of more than 4096 bytes are not
/// found, and an archive of very many members is corrupt.
class ArchiveFile {
 public:
  static Result<ArchiveFile> open(store::Store& store, const os::Fd& input, const std::string& name,
                                  std::stop_token stop = {});

  bool has(const std::string& path) const { return find(path).has_value(); }
  /// The source must not outlive this.
  Result<std::unique_ptr<archive::ByteSource>> open_member(const std::string& path) const;
  /// nullopt if it is not there.
  std::optional<std::uint64_t> size(const std::string& path) const;
  Result<std::string> read(const std::string& path, std::size_t limit) const;
  /// For messages.
  const std::string& name() const { return name_; }

 private:
  struct Member {
    std::uint64_t offset, size;
  };

  Result<void> note(const archive::TarEntry& entry, std::uint64_t content_offset);
  std::optional<Member> find(const std::string& path) const;
  static Result<os::Fd> seekable(store::Store& store, const os::Fd& input, const std::string& name,
                                 const std::stop_token& stop);

  os::Fd fd_;
  std::string name_;
  std::stop_token stop_;
  std::map<os::RelPath, Member> members_;
  std::map<os::RelPath, os::RelPath> links_;
  std::size_t kept_ = 0;  ///< about what members_ and links_ take
};

}  // namespace kiln::exporter
