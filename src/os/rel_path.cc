// SPDX-License-Identifier: Apache-2.0
#include "os/rel_path.h"

#include "base/strings.h"

namespace kiln::os {

RelPath RelPath::clean(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(part);
    }
  }
  RelPath out;
  for (std::string_view part : kept) {
    if (!out.path_.empty()) out.path_ += '/';
    out.path_ += part;
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
