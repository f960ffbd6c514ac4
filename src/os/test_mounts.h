// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mount.h>

#include <cerrno>
#include <string>

#include "os/fd.h"
#include "os/user_namespace.h"

/// For tests only: mounts, in a mount namespace of the test's own.
namespace kiln::os::test {

/// Empty if this process can mount things now, else why not. Enters a namespace at the first call.
inline const std::string& why_no_mounts() {
  static const std::string reason = [] {
    const auto privilege = enter_user_namespace();
    return privilege.ok() ? std::string() : "no mounts here: " + privilege.error().message();
  }();
  return reason;
}

/// A tmpfs of so many bytes at an existing directory, unmounted at the end.
class Tmpfs {
 public:
  Tmpfs(std::string target, std::size_t bytes) : target_(std::move(target)) {
    const std::string options = "mode=0755,size=" + std::to_string(bytes);
    if (::mount("tmpfs", target_.c_str(), "tmpfs", 0, options.c_str()) != 0)
      error_ = system_error(errno, "mount tmpfs at", target_).message();
  }
  Tmpfs(const Tmpfs&) = delete;
  Tmpfs& operator=(const Tmpfs&) = delete;
  ~Tmpfs() { ::umount2(target_.c_str(), MNT_DETACH); }
  /// Empty if it is mounted.
  const std::string& error() const { return error_; }

 private:
  std::string target_;
  std::string error_;
};

}  // namespace kiln::os::test
