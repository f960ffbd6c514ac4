// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/dir.h"

namespace kiln::snapshot {

enum class Last { follow, keep };

/// What resolution needs to know of a path: nullopt if nothing is there, else the target of the
/// symlink there, or an empty string for anything else.
using FindLink = std::function<Result<std::optional<std::string>>(const os::RelPath& path)>;

/// What `..` means at the root: nothing, as in a chroot, or an error of kind corrupt.
enum class AboveRoot { stays, fails };

/// As a process chrooted at the root would resolve `path`: symlinks on the way are followed and
/// stay inside, the last one only if `last` says so. From the first component that does not exist
/// on, the rest is taken as it is written. Kind invalid_input after 255 links.
Result<os::RelPath> resolve_links(std::string_view path, Last last, const FindLink& find,
                                  AboveRoot above = AboveRoot::stays);

/// Whether a path, read without regard to symlinks, climbs above where it starts.
bool climbs_out(std::string_view path);

}  // namespace kiln::snapshot
