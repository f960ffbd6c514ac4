// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::os {

/// What this process may do to the files and mounts of images, and by what right.
struct Privilege {
  enum class Kind { root, user_namespace };
  Kind kind = Kind::root;
  std::uint32_t user = 0;        ///< the uid outside that started us
  std::uint64_t mapped_ids = 0;  ///< how many uids exist in here
};

/// Gives this process a mount namespace of its own, so that its mounts vanish with it and are seen
/// by nobody else; for an ordinary user inside a new user namespace, in which it is root and has
/// all the subordinate ids that /etc/subuid and /etc/subgid give the user (uid 0 is the user, 1..
/// the subordinate ones). A process that is uid 0 already, in whatever user namespace, counts as
/// root.
///
/// Must be called before any thread is started. On failure the process may already be in the new
/// namespace and can only report and end; the error's hint says what the machine's owner can do.
/// Kinds: permission, or unsupported when a program or a range of ids is missing.
Result<Privilege> enter_user_namespace();

/// `count` ids from `first`.
struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  auto operator<=>(const IdRange&) const = default;
};

/// The user's ranges in the text of /etc/subuid or /etc/subgid (`NAME-OR-UID:FIRST:COUNT` lines),
/// in the file's order. What is malformed, repeated, or the user's own id is left out: the kernel
/// takes no overlapping ranges.
std::vector<IdRange> subordinate_ids(std::string_view text, std::string_view user_name,
                                     std::uint32_t user, std::uint32_t own_id);

/// newuidmap's arguments after the pid: 0 → `own_id`, then `ranges` from 1 on.
std::vector<std::string> id_map_arguments(std::uint32_t own_id, const std::vector<IdRange>& ranges);

}  // namespace kiln::os
