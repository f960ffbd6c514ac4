// SPDX-License-Identifier: Apache-2.0
#include "executor/user_lookup.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/strings.h"

namespace kiln::executor {
namespace {

/// A number with an optional sign. What doesn't fit is clamped: it is out of range in any case.
std::optional<std::int64_t> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  const auto value = static_cast<std::int64_t>(std::min(parse_uint(text).value_or(most), most));
  return negative ? -value : value;
}

Result<std::uint32_t> checked_id(std::int64_t id) {
  if (id < 0 || id > std::numeric_limits<std::int32_t>::max())
    return invalid_input("uids and gids must be in range 0-2147483647");
  return static_cast<std::uint32_t>(id);
}

/// Field `index` of a line of passwd or group, empty if it is missing.
std::string_view field(const std::vector<std::string_view>& fields, std::size_t index) {
  return index < fields.size() ? trim(fields[index]) : std::string_view();
}

std::int64_t number_field(const std::vector<std::string_view>& fields, std::size_t index) {
  return parse_number(field(fields, index)).value_or(0);
}

/// Calls `visit` with the fields of each line until it returns false.
template <typename Visit>
void for_each_entry(std::string_view text, Visit visit) {
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view entry = trim(line);
    if (!entry.empty() && !visit(split(entry, ':'))) return;
  }
}

}  // namespace

Result<ExecUser> resolve_user(std::string_view user, std::string_view passwd,
                              std::string_view group) {
  const auto [user_part, group_rest] = split_once(user, ':');
  const std::string_view group_part = group_rest.value_or(std::string_view());
  const auto wanted_uid =
      user_part.empty() ? std::optional<std::int64_t>(0) : parse_number(user_part);
  const auto wanted_gid = parse_number(group_part);

  ExecUser found;
  std::string matched_name;
  bool matched = false;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  for_each_entry(passwd, [&](const std::vector<std::string_view>& fields) {
    matched = wanted_uid ? number_field(fields, 2) == *wanted_uid : field(fields, 0) == user_part;
    if (!matched) return true;
    matched_name = field(fields, 0);
    uid = number_field(fields, 2);
    gid = number_field(fields, 3);
    found.home = field(fields, 5);
    return false;
  });
  if (!matched) {
    if (!wanted_uid) {
      return not_found("unable to find user " + std::string(user_part) +
                       ": no matching entries in passwd file");
    }
    uid = *wanted_uid;
  }
  found.uid = TRY(checked_id(uid));

  if (!group_part.empty()) {
    bool has_group = false;
    for_each_entry(group, [&](const std::vector<std::string_view>& fields) {
      has_group =
          wanted_gid ? number_field(fields, 2) == *wanted_gid : field(fields, 0) == group_part;
      if (has_group) gid = number_field(fields, 2);
      return !has_group;
    });
    if (!has_group) {
      if (!wanted_gid) {
        return not_found("unable to find group " + std::string(group_part) +
                         ": no matching entries in group file");
      }
      gid = *wanted_gid;
    }
  } else if (!matched_name.empty()) {
    std::vector<std::int64_t> additional;
    for_each_entry(group, [&](const std::vector<std::string_view>& fields) {
      const auto members = split(field(fields, 3), ',');
      if (std::find(members.begin(), members.end(), matched_name) != members.end())
        additional.push_back(number_field(fields, 2));
      return true;
    });
    for (const std::int64_t id : additional) {
      const std::uint32_t checked = TRY(checked_id(id));
      found.additional_gids.push_back(checked);
    }
  }
  found.gid = TRY(checked_id(gid));
  return found;
}

}  // namespace kiln::executor
