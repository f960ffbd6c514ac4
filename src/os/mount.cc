// SPDX-License-Identifier: Apache-2.0
#include "os/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/strings.h"

namespace kiln::os {
namespace {

/// A short name without the characters that mount options give a meaning to.
std::string proc_path(const Dir& dir) { return "/proc/self/fd/" + std::to_string(dir.fd()); }

int set_string(const Fd& context, const char* key, const std::string& value) {
  return static_cast<int>(
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0));
}

/// What the kernel wrote about a failed configuration, which errno alone does not tell.
std::string kernel_message(const Fd& context) {
  char text[1024];
  const ssize_t n = ::read(context.get(), text, sizeof text);
  if (n <= 2) return {};
  // `e overlay: too many lower layers`, with a line feed
  return ": " + std::string(trim(std::string_view(text + 2, static_cast<std::size_t>(n) - 2)));
}

Error overlay_error(int error_number, const Fd& context, const std::string& target) {
  return system_error(error_number, "mount overlay at", target + kernel_message(context));
}

/// One mount option string holds them all: for kernels before 6.5, which take at most a page of it.
Result<void> mount_with_options(const std::vector<const Dir*>& lower, const Dir* upper,
                                const Dir* work, const std::string& target, Devices devices) {
  std::string options = "userxattr,lowerdir=";
  for (const Dir* dir : lower) {
    if (dir != lower.front()) options += ':';
    options += proc_path(*dir);
  }
  if (upper != nullptr)
    options += ",upperdir=" + proc_path(*upper) + ",workdir=" + proc_path(*work);
  if (options.size() >= 4096)
    return unsupported("this kernel takes no more than " + std::to_string(4096 / 20) +
                       " layers in one overlay mount; Linux 6.5 and later take 500");
  const unsigned long flags = devices == Devices::closed ? MS_NODEV : 0;
  if (::mount("overlay", target.c_str(), "overlay", flags, options.c_str()) != 0)
    return system_error(errno, "mount overlay at", target);
  return {};
}

}  // namespace

void Mount::reset() {
  if (target_.empty()) return;
  ::umount2(target_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  target_.clear();
}

Result<Mount> Mount::memory(const std::string& target, unsigned mode) {
  char options[32];
  std::snprintf(options, sizeof options, "mode=%o", mode & 07777);
  if (::mount("tmpfs", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
    return system_error(errno, "mount tmpfs at", target);
  return Mount(target);
}

Result<Mount> Mount::overlay(const std::vector<const Dir*>& lower, const Dir* upper,
                             const Dir* work, const std::string& target, Devices devices) {
  CHECK(!lower.empty());
  const Fd context(static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!context) return system_error(errno, "open an overlay file system context");
  for (const Dir* dir : lower) {
    if (set_string(context, "lowerdir+", proc_path(*dir)) == 0) continue;
    if (errno != EINVAL || dir != lower.front()) return overlay_error(errno, context, target);
    TRY(mount_with_options(lower, upper, work, target, devices));
    return Mount(target);
  }
  if (upper != nullptr && (set_string(context, "upperdir", proc_path(*upper)) != 0 ||
                           set_string(context, "workdir", proc_path(*work)) != 0))
    return overlay_error(errno, context, target);
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) != 0 ||
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return overlay_error(errno, context, target);
  const unsigned attributes = devices == Devices::closed ? MOUNT_ATTR_NODEV : 0;
  const Fd mounted(
      static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
  if (!mounted) return overlay_error(errno, context, target);
  if (::syscall(SYS_move_mount, mounted.get(), "", AT_FDCWD, target.c_str(),
                MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return system_error(errno, "mount overlay at", target);
  return Mount(target);
}

}  // namespace kiln::os
