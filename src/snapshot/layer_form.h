// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "archive/tar_entry.h"
#include "base/result.h"
#include "os/dir.h"

/// How a layer's directory stands for what a layer can hold (overlay form):
/// - a name that hides one below: a character device 0/0;
/// - a directory that hides the one below: xattr user.overlay.opaque = "y";
/// - a device that this user may not make: an empty file with xattr user.kiln.device = "c 1 3";
/// - an xattr that this user may not set: user.kiln.xattr.NAME.
/// In tar form (image spec, layer.md): .wh.NAME, .wh..wh..opq, a device entry, SCHILY.xattr.NAME.
namespace kiln::snapshot {

/// Whether names and marks say what is hidden in lower layers, or stand for themselves.
enum class Form { layer, plain };

inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
inline constexpr std::string_view kOpaqueName = ".wh..wh..opq";
inline constexpr const char* kOpaqueXattr = "user.overlay.opaque";
inline constexpr const char* kDeviceXattr = "user.kiln.device";
inline constexpr std::string_view kShadowXattrPrefix = "user.kiln.xattr.";

/// Owner, mode, times and xattrs, as they go onto an entry.
struct Metadata {
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime = 0;
  std::uint32_t mtime_nanoseconds = 0;
  os::Xattrs xattrs;  ///< as an image has them: no overlay marks, no shadows
};

/// Mtimes that a layer may have, in seconds.
struct MtimeLimit {
  std::int64_t latest = 0;  ///< later ones are set to it
  bool all = false;         ///< all are
  bool applies_to(std::int64_t mtime, std::uint32_t nanoseconds) const {
    return all || mtime > latest || (mtime == latest && nanoseconds > 0);
  }
};

/// The xattrs that an image has, from those on disk: shadows resolved; overlay marks and the host's
/// security labels left out.
os::Xattrs image_xattrs(const os::Xattrs& on_disk);
bool is_opaque(const os::Xattrs& on_disk);
/// The device that a shadow file stands for.
struct ShadowDevice {
  archive::EntryType type;
  std::uint32_t major, minor;
};
std::optional<ShadowDevice> shadow_device(const os::Xattrs& on_disk);

/// Makes a device node, or a shadow of it where the kernel refuses.
Result<void> create_device(const os::Dir& dir, std::string_view name, archive::EntryType type,
                           std::uint32_t major, std::uint32_t minor);
/// Sets owner, then mode (not of symlinks), xattrs and mtime. Owner first: chown drops setuid bits
/// and file capabilities.
Result<void> apply_metadata(const os::Dir& dir, std::string_view name, bool is_symlink,
                            const Metadata& metadata);
/// The same of a file without xattrs that is open and known to be as `there` says: fewer calls.
Result<void> apply_metadata(const os::Dir& dir, std::string_view name, const os::Fd& file,
                            const os::FileInfo& there, const Metadata& metadata);

}  // namespace kiln::snapshot
