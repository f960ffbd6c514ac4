// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/keywords.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::dockerfile {
namespace {

constexpr std::array<std::string_view, 18> kNames = {
    "ADD",    "ARG",   "CMD",         "COPY",  "ENTRYPOINT", "ENV",
    "EXPOSE", "FROM",  "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN",    "SHELL", "STOPSIGNAL",  "USER",  "VOLUME",     "WORKDIR"};

constexpr std::size_t kMaxEdits = 2;
constexpr std::size_t kMaxWord = 32;

}  // namespace

std::optional<Keyword> find_keyword(std::string_view word) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (equals_ignoring_case(word, kNames[i])) return static_cast<Keyword>(i);
  }
  return std::nullopt;
}

std::string_view keyword_name(Keyword keyword) { return kNames[static_cast<std::size_t>(keyword)]; }

std::vector<std::string> keyword_names() { return {kNames.begin(), kNames.end()}; }

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kMaxWord) return {};
  const std::string wanted = to_upper(word);
  std::size_t best = kMaxEdits + 1;
  std::string found;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(wanted, to_upper(candidate));
    if (distance == 0) return {};
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  if (found.empty()) return {};
  return " (did you mean " + (word == to_lower(word) ? to_lower(found) : found) + "?)";
}

}  // namespace kiln::dockerfile
