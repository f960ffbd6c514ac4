// SPDX-License-Identifier: Apache-2.0
#include "os/rel_path.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln::os {

RelPath RelPath::clean(std::string_view path) {
  RelPath out;
  std::string& kept = out.path_;
  kept.reserve(path.size());
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      const auto last = kept.rfind('/');
      kept.resize(last == std::string::npos ? 0 : last);
      continue;
    }
    if (!kept.empty()) kept += '/';
    kept += part;
  }
  return out;
}

RelPath RelPath::parent() const {
  RelPath out;
  const auto slash = path_.find_last_of('/');
  if (slash != std::string::npos) out.path_ = path_.substr(0, slash);
  return out;
}

std::string_view RelPath::name() const& {
  const auto slash = path_.find_last_of('/');
  return slash == std::string::npos ? std::string_view(path_)
                                    : std::string_view(path_).substr(slash + 1);
}

RelPath RelPath::operator/(std::string_view component) const {
  RelPath out;
  out.path_.reserve(path_.size() + 1 + component.size());
  out.path_ = path_;
  if (!path_.empty()) out.path_ += '/';
  out.path_ += component;
  return out;
}

std::vector<std::string_view> RelPath::components() const& {
  if (path_.empty()) return {};
  return split(path_, '/');
}

}  // namespace kiln::os
