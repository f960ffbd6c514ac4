// SPDX-License-Identifier: Apache-2.0
#include "snapshot/link_resolution.h"

#include <deque>

#include "base/strings.h"

namespace kiln::snapshot {

Result<os::RelPath> resolve_links(std::string_view path, Last last, const FindLink& find,
                                  AboveRoot above) {
  constexpr int kMaxLinks = 255;
  std::deque<std::string> rest;
  for (const std::string_view part : split(path, '/')) {
    if (!part.empty() && part != ".") rest.emplace_back(part);
  }
  os::RelPath at;
  int links = 0;
  while (!rest.empty()) {
    const std::string part = std::move(rest.front());
    rest.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (at.is_root() && above == AboveRoot::fails)
        return corrupt(std::string(path) + " leads outside by a symlink");
      at = at.parent();
      continue;
    }
    const os::RelPath next = at / part;
    if (rest.empty() && last == Last::keep) return next;
    const std::optional<std::string> target = TRY(find(next));
    if (!target) {
      std::string remainder = next.str();
      for (const auto& piece : rest) remainder.append("/").append(piece);
      return os::RelPath::clean(remainder);
    }
    if (target->empty()) {
      at = next;
      continue;
    }
    if (++links > kMaxLinks)
      return invalid_input("too many levels of symbolic links: " + std::string(path));
    if (target->starts_with('/')) at = {};
    const auto parts = split(*target, '/');
    for (auto it = parts.rbegin(); it != parts.rend(); ++it) rest.emplace_front(*it);
  }
  return at;
}

bool climbs_out(std::string_view path) {
  std::ptrdiff_t depth = 0;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

}  // namespace kiln::snapshot
