// SPDX-License-Identifier: Apache-2.0
#include "frontend/copy_paths.h"

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"

namespace kiln::frontend {

namespace df = dockerfile;

std::string absolute_destination(const std::string& working_dir, const std::string& path) {
  std::string joined = path;
  if (!path.starts_with('/'))
    joined = (working_dir.empty() ? std::string("/") : working_dir) + "/" + path;
  const bool is_directory =
      joined.ends_with('/') || joined.ends_with("/.") || path.empty() || path == ".";
  std::string out = df::clean_path("/" + joined);
  if (is_directory && !out.ends_with('/')) out += '/';
  return out;
}

bool is_known_owner(std::string_view owner) {
  return std::ranges::all_of(split(owner, ':'), [](std::string_view part) {
    return part == "root" || std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  });
}

void split_at_pivot(const std::string& source, llb::CopyAction& action) {
  const std::size_t pivot = source.find("/./");
  const bool has_pivot = pivot != std::string::npos;
  action.pattern = df::clean_path("/" + (has_pivot ? source.substr(0, pivot) : std::string()));
  action.below = df::clean_path("/" + (has_pivot ? source.substr(pivot + 3) : source)).substr(1);
}

std::vector<std::string> named_paths(const llb::CopyAction& action) {
  const std::string whole = df::clean_path(action.pattern + "/" + action.below.value_or(""));
  std::vector<std::string> out = {whole};
  for (std::string part = whole; df::has_glob_characters(part);) {
    part.resize(part.find_last_of('/'));
    out = {part};
  }
  if (action.below) out.push_back(action.pattern);
  return out;
}

}  // namespace kiln::frontend
