// SPDX-License-Identifier: Apache-2.0
#include "lint/variable_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "base/strings.h"

namespace kiln::lint {
namespace {

constexpr std::size_t kNear = 2;
constexpr std::string_view kSecretWords[] = {"apikey", "auth",  "credential", "credentials",
                                             "key",    "pword", "password",   "passwd",
                                             "secret", "token"};
constexpr std::string_view kHarmlessWords[] = {"public"};

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

template <std::size_t N>
bool has_word(const std::vector<std::string_view>& words, const std::string_view (&among)[N]) {
  return std::ranges::any_of(
      words, [&](auto word) { return std::ranges::find(among, word) != std::end(among); });
}

}  // namespace

std::string name_hint(std::string_view name, const std::vector<std::string>& names,
                      std::string_view prefix) {
  const std::string* best = nullptr;
  std::size_t least = kNear + 1;
  for (const std::string& candidate : names) {
    const std::size_t edits = distance(name, candidate);
    if (edits == 0) return {};
    if (edits < least) {
      least = edits;
      best = &candidate;
    }
  }
  return best == nullptr ? std::string() : fmt::format(" (did you mean {}{}?)", prefix, *best);
}

bool sounds_secret(std::string_view name) {
  const std::string lower = to_lower(name);
  const auto words = split(lower, '_');
  return has_word(words, kSecretWords) && !has_word(words, kHarmlessWords);
}

}  // namespace kiln::lint
