// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llb/op.h"

/// What the words of a COPY or an ADD say.
namespace kiln::frontend {

/// Absolute and clean; keeps a trailing slash, which says "a directory".
std::string absolute_destination(const std::string& working_dir, const std::string& path);
/// Whether an owner can be told without the image's passwd and group files.
bool is_known_owner(std::string_view owner);
/// A source of COPY --parents: what stands before `/./` does not come with the files.
void split_at_pivot(const std::string& source, llb::CopyAction& action);
/// What a missing source can be called: the path, or what stands before its wildcards.
std::vector<std::string> named_paths(const llb::CopyAction& action);

}  // namespace kiln::frontend
