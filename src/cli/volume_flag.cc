// SPDX-License-Identifier: Apache-2.0
#include "cli/volume_flag.h"

#include "base/strings.h"
#include "os/fd.h"
#include "os/system.h"

namespace kiln::cli {

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
      if (option == "ro") {
        mount.read_only = true;
      } else if (option != "rw" && option != "z" && option != "Z") {
        return invalid_input("invalid volume specification: '" + text + "': unknown option " +
                             std::string(option));
      }
    }
  }
  if (!os::path_exists(mount.source)) {
    if (missing == MissingSource::error)
      return not_found("invalid volume specification: '" + text + "': " + mount.source +
                       " does not exist");
    TRY(os::ensure_directory(mount.source));
  }
  mount.source = TRY(os::canonical_path(mount.source));
  return mount;
}

}  // namespace kiln::cli
