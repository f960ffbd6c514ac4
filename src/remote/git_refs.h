// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln::remote {

/// Whether it is a whole object name: 40 or 64 lower-case hexadecimal digits.
bool is_object_name(std::string_view text);

/// A ref as its remote has it.
struct ResolvedRef {
  std::string name;    ///< whole: `refs/heads/main`
  std::string object;  ///< what it points to: a commit, or an annotated tag
  std::string commit;
};

/// Chooses from `git ls-remote REMOTE REF REF^{}` what REF means: the ref of that very name, else a
/// branch, else a tag; nullopt if there is none.
std::optional<ResolvedRef> choose_ref(std::string_view listing, std::string_view ref);

/// The default branch in `git ls-remote --symref REMOTE HEAD`.
std::optional<std::string> default_branch(std::string_view listing);

}  // namespace kiln::remote
