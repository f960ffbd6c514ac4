// SPDX-License-Identifier: Apache-2.0
#include "remote/git_refs.h"

#include <map>

#include "base/strings.h"

namespace kiln::remote {
namespace {

std::string prefixed(std::string_view prefix, std::string_view name) {
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return std::string(prefix) + std::string(name);
}

}  // namespace

bool is_object_name(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<ResolvedRef> choose_ref(std::string_view listing, std::string_view ref) {
  std::map<std::string, std::string, std::less<>> refs;
  for (const std::string_view line : split(listing, '\n')) {
    const auto [object, name] = split_once(line, '\t');
    if (name && is_object_name(object)) refs.emplace(*name, object);
  }
  for (const std::string& name :
       {prefixed("refs/", ref), prefixed("refs/heads/", ref), prefixed("refs/tags/", ref)}) {
    const auto found = refs.find(name);
    if (found == refs.end()) continue;
    ResolvedRef out{name, found->second, found->second};
    if (const auto peeled = refs.find(name + "^{}"); peeled != refs.end())
      out.commit = peeled->second;
    return out;
  }
  return std::nullopt;
}

std::optional<std::string> default_branch(std::string_view listing) {
  for (const std::string_view line : split(listing, '\n')) {
    const auto [target, name] = split_once(line, '\t');
    constexpr std::string_view kMark = "ref: ";
    if (name == "HEAD" && target.starts_with(kMark))
      return std::string(target.substr(kMark.size()));
  }
  return std::nullopt;
}

}  // namespace kiln::remote
