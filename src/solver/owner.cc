// SPDX-License-Identifier: Apache-2.0
#include "solver/owner.h"

#include <limits>

#include "base/strings.h"

namespace kiln::solver {
namespace {

/// The fields of the first line of a passwd or group file whose first field is `name`.
std::optional<std::vector<std::string_view>> find_line(std::string_view text,
                                                       std::string_view name) {
  for (const std::string_view line : split(text, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() >= 3 && fields.front() == name) return fields;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  const auto number = parse_uint(text);
  if (!number || *number > std::numeric_limits<std::uint32_t>::max() - 1) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

/// What needs no looking up. To Docker root is 0 whatever the files say.
std::optional<std::uint32_t> known_id(std::string_view text) {
  if (text == "root") return 0;
  return parse_id(text);
}

}  // namespace

Result<Owner> resolve_owner(const snapshot::LayerView& root, const std::string& text) {
  Owner owner;
  if (text.empty()) return owner;
  const auto [user, group] = split_once(text, ':');
  if (const auto id = known_id(user)) {
    owner.uid = owner.gid = *id;
  } else if (!user.empty()) {
    const auto passwd = TRY(root.read_text("/etc/passwd"));
    const std::string text_of_passwd = passwd.value_or("");
    const auto line = find_line(text_of_passwd, user);
    const auto uid = line ? parse_id((*line)[2]) : std::nullopt;
    if (uid) {
      owner.uid = *uid;
      owner.gid = line->size() > 3 ? parse_id((*line)[3]).value_or(0) : 0;
    } else {
      owner.unknown_names.emplace_back(user);
    }
  }
  if (!group) return owner;
  if (group->empty()) {
    owner.gid = 0;
    return owner;
  }
  if (const auto id = known_id(*group)) {
    owner.gid = *id;
    return owner;
  }
  const auto groups = TRY(root.read_text("/etc/group"));
  const std::string text_of_groups = groups.value_or("");
  const auto line = find_line(text_of_groups, *group);
  const auto gid = line ? parse_id((*line)[2]) : std::nullopt;
  // An unknown group leaves the user's.
  if (gid) owner.gid = *gid;
  if (!gid) owner.unknown_names.emplace_back(*group);
  return owner;
}

}  // namespace kiln::solver
