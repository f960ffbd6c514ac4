// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace kiln::archive {

enum class EntryType { file, directory, symlink, hardlink, char_device, block_device, fifo };

/// One member of a tar archive (POSIX.1-2001 pax interchange, ustar and GNU forms), as the OCI
/// image layer specification uses it. Names are raw bytes, without a meaning of their own: whoever
/// writes them to a file system resolves them beneath a root.
struct TarEntry {
  EntryType type = EntryType::file;
  std::string path;         ///< as in the archive, but without a trailing slash
  std::string link_target;  ///< of a symlink or hard link
  std::uint32_t mode = 0;   ///< permission, setuid, setgid and sticky bits only (07777)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;  ///< bytes of content that follow; 0 but for files
  std::int64_t mtime = 0;  ///< seconds since 1970
  std::uint32_t mtime_nanoseconds = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::map<std::string, std::string> xattrs;  ///< SCHILY.xattr.*, by attribute name, raw values

  bool operator==(const TarEntry&) const = default;
};

}  // namespace kiln::archive
