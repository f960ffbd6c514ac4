// SPDX-License-Identifier: Apache-2.0
#include "executor/volume_owner.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "os/dir.h"
#include "os/system.h"

namespace kiln::executor {
namespace {

/// podman's and buildah's.
constexpr std::array<std::string_view, 24> kFolders = {
    "/",     "/bin", "/boot",  "/dev",   "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow",
    "/home", "/lib", "/lib64", "/media", "/opt", "/proc",       "/root",    "/run",
    "/sbin", "/srv", "/sys",   "/tmp",   "/usr", "/var",        "/var/lib", "/var/log"};

/// What has that owner already is left alone: a change of owner drops setuid bits.
Result<void> give(const os::Dir& dir, const std::string& name, std::uint32_t uid,
                  std::uint32_t gid) {
  const os::FileInfo info = TRY(dir.stat(name));
  if (info.uid != uid || info.gid != gid) TRY(dir.set_owner(name, uid, gid));
  if (info.type != os::FileType::directory) return {};
  const os::Dir below = TRY(dir.open_dir(name));
  const auto entries = TRY(below.list());
  for (const auto& entry : entries) TRY(give(below, entry.name, uid, gid));
  return {};
}

}  // namespace

bool belongs_to_machine(const std::string& path) {
  return std::ranges::find(kFolders, path) != kFolders.end() || path == os::environment("HOME");
}

Result<void> give_to_user(const std::string& path, std::uint32_t uid, std::uint32_t gid) {
  const std::filesystem::path whole(path);
  const os::Dir parent = TRY(os::Dir::open(whole.parent_path().string()));
  return give(parent, whole.filename().string(), uid, gid);
}

}  // namespace kiln::executor
