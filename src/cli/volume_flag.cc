// SPDX-License-Identifier: Apache-2.0
#include "cli/volume_flag.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "executor/volume_owner.h"
#include "os/fd.h"
#include "os/system.h"

namespace kiln::cli {

namespace {

/// What mount(8) has for it.
constexpr std::array<std::string_view, 14> kMountOptions = {
    "exec",   "noexec", "suid",    "nosuid", "dev",      "nodev",      "private",
    "shared", "slave",  "rshared", "rslave", "rprivate", "unbindable", "runbindable"};
/// Labels of security modules, which are not set, and what is so in any case.
constexpr std::array<std::string_view, 8> kWithoutEffect = {
    "rw", "z", "Z", "bind", "rbind", "nocopy", "cached", "delegated"};

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

Result<void> add_option(executor::BindMount& mount, std::string_view option) {
  if (option == "ro") {
    mount.read_only = true;
  } else if (contains(kMountOptions, option)) {
    mount.options.emplace_back(option);
  } else if (option == "O") {
    mount.discards_writes = true;
  } else if (option == "U") {
    mount.given_to_user = true;
  } else if (option != "consistent" && !contains(kWithoutEffect, option)) {
    return invalid_input("unknown option " + std::string(option));
  }
  return {};
}

}  // namespace

Result<executor::BindMount> parse_volume(const std::string& text, MissingSource missing) {
  const auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty())
    return invalid_input("invalid volume specification: '" + text + "'");
  if (parts[0].find('/') == std::string_view::npos)
    return unsupported("named volumes are not supported by this version of kiln: '" + text + "'")
        .with_hint("a folder is named by a path: ./" + std::string(parts[0]));
  executor::BindMount mount;
  mount.source = parts[0];
  mount.target = parts[1];
  if (!mount.target.starts_with('/'))
    return invalid_input("invalid volume specification: '" + text +
                         "': the path in the container must be absolute");
  if (parts.size() == 3) {
    for (const std::string_view option : split(parts[2], ',')) {
      auto added = add_option(mount, option);
      if (!added)
        return std::move(added).error().context("invalid volume specification: '" + text + "'");
    }
  }
  if (!os::path_exists(mount.source)) {
    if (missing == MissingSource::error)
      return not_found("invalid volume specification: '" + text + "': " + mount.source +
                       " does not exist");
    TRY(os::ensure_directory(mount.source));
  }
  mount.source = TRY(os::canonical_path(mount.source));
  if (mount.given_to_user && !mount.discards_writes && executor::belongs_to_machine(mount.source))
    return Error(ErrorKind::permission, "invalid volume specification: '" + text +
                                            "': the owners of " + mount.source +
                                            " may not be changed")
        .with_hint("O,U gives it away in a layer that the step discards");
  return mount;
}

}  // namespace kiln::cli
