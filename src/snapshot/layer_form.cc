// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_form.h"

#include <fmt/format.h>

#include <limits>

#include "base/strings.h"

namespace kiln::snapshot {
namespace {

/// Xattrs that belong to the machine, not to the image.
bool is_of_host(std::string_view name) {
  return name.starts_with("user.overlay.") || name.starts_with("trusted.overlay.") ||
         name.starts_with("user.kiln.") || name == "security.selinux" || name == "security.ima" ||
         name == "security.evm";
}

bool is_refused(const Error& error) {
  return error.kind() == ErrorKind::permission || error.kind() == ErrorKind::unsupported;
}

Result<void> give_to_owner(const os::Dir& dir, std::string_view name, const Metadata& metadata) {
  return dir.set_owner(name, metadata.uid, metadata.gid).context([&] {
    return fmt::format("give {} to {}:{}", name, metadata.uid, metadata.gid);
  });
}

}  // namespace

os::Xattrs image_xattrs(const os::Xattrs& on_disk) {
  os::Xattrs out;
  for (const auto& [name, value] : on_disk) {
    if (name.starts_with(kShadowXattrPrefix)) {
      const std::string real = name.substr(kShadowXattrPrefix.size());
      if (!real.empty() && !is_of_host(real)) out[real] = value;
    } else if (!is_of_host(name)) {
      out.emplace(name, value);
    }
  }
  return out;
}

bool is_opaque(const os::Xattrs& on_disk) {
  const auto it = on_disk.find(kOpaqueXattr);
  return it != on_disk.end() && it->second == "y";
}

std::optional<ShadowDevice> shadow_device(const os::Xattrs& on_disk) {
  const auto it = on_disk.find(kDeviceXattr);
  if (it == on_disk.end()) return std::nullopt;
  const auto parts = split(it->second, ' ');
  if (parts.size() != 3) return std::nullopt;
  if (parts[0] != "b" && parts[0] != "c") return std::nullopt;
  const auto major = parse_uint(parts[1]), minor = parse_uint(parts[2]);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (!major || !minor || *major > kMost || *minor > kMost) return std::nullopt;
  // A character device 0/0 is no device in a layer: it hides a name.
  if (parts[0] == "c" && *major == 0 && *minor == 0) return std::nullopt;
  return ShadowDevice{
      parts[0] == "b" ? archive::EntryType::block_device : archive::EntryType::char_device,
      static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor)};
}

Result<void> create_device(const os::Dir& dir, std::string_view name, archive::EntryType type,
                           std::uint32_t major, std::uint32_t minor) {
  const bool block = type == archive::EntryType::block_device;
  auto made = dir.create_device(
      name, block ? os::FileType::block_device : os::FileType::char_device, 0600, major, minor);
  if (made || !is_refused(made.error())) return made;
  TRY(dir.create_file(name, 0600));
  return dir.set_xattr(name, kDeviceXattr,
                       fmt::format("{} {} {}", block ? 'b' : 'c', major, minor));
}

Result<void> apply_metadata(const os::Dir& dir, std::string_view name, bool is_symlink,
                            const Metadata& metadata) {
  TRY(give_to_owner(dir, name, metadata));
  if (!is_symlink) TRY(dir.set_mode(name, metadata.mode));
  for (const auto& [key, value] : metadata.xattrs) {
    if (is_of_host(key)) continue;
    auto set = dir.set_xattr(name, key, value);
    if (!set && is_refused(set.error())) {
      // A symlink takes no user.* xattr, so no shadow: the one thing that an ordinary user loses.
      if (is_symlink) continue;
      set = dir.set_xattr(name, std::string(kShadowXattrPrefix) + key, value);
    }
    TRY(std::move(set));
  }
  return dir.set_mtime(name, metadata.mtime, metadata.mtime_nanoseconds);
}

Result<void> apply_metadata(const os::Dir& dir, std::string_view name, const os::Fd& file,
                            const os::FileInfo& there, const Metadata& metadata) {
  if (there.uid != metadata.uid || there.gid != metadata.gid)
    TRY(give_to_owner(dir, name, metadata));
  if (there.permissions != metadata.mode) TRY(os::set_file_mode(file, metadata.mode, name));
  return os::set_file_mtime(file, metadata.mtime, metadata.mtime_nanoseconds, name);
}

}  // namespace kiln::snapshot
