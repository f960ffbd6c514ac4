// SPDX-License-Identifier: Apache-2.0
#include "llb/file_mode.h"

#include <optional>
#include <string>

#include "base/strings.h"

namespace kiln::llb {
namespace {

constexpr std::uint32_t kUser = 04700, kGroup = 02070, kOther = 01007;
constexpr std::uint32_t kAll = 07777;
constexpr std::uint32_t kExecute = 0111;

/// The bits of one of r, w, x, X, s, t for everybody; nullopt for another letter.
std::optional<std::uint32_t> bits_of(char letter, std::uint32_t mode, IsDirectory directory) {
  switch (letter) {
    case 'r':
      return 0444;
    case 'w':
      return 0222;
    case 'x':
      return kExecute;
    case 'X':
      return directory == IsDirectory::yes || (mode & kExecute) != 0 ? kExecute : 0;
    case 's':
      return 06000;
    case 't':
      return 01000;
    default:
      return std::nullopt;
  }
}

/// One class's rwx bits, given to all classes: the `u` in `g=u`.
std::optional<std::uint32_t> copied_bits(char letter, std::uint32_t mode) {
  const int shift = letter == 'u' ? 6 : letter == 'g' ? 3 : letter == 'o' ? 0 : -1;
  if (shift < 0) return std::nullopt;
  const std::uint32_t bits = (mode >> shift) & 7;
  return bits << 6 | bits << 3 | bits;
}

/// Applies `[ugoa]*([-+=]([rwxXst]*|[ugo]))+`; nullopt if the clause isn't of that form.
std::optional<std::uint32_t> apply_clause(std::string_view clause, std::uint32_t mode,
                                          IsDirectory directory) {
  std::uint32_t who = 0;
  std::size_t at = 0;
  for (; at < clause.size(); ++at) {
    if (clause[at] == 'u') {
      who |= kUser;
    } else if (clause[at] == 'g') {
      who |= kGroup;
    } else if (clause[at] == 'o') {
      who |= kOther;
    } else if (clause[at] == 'a') {
      who |= kAll;
    } else {
      break;
    }
  }
  if (who == 0) who = kAll;
  if (at == clause.size()) return std::nullopt;
  while (at < clause.size()) {
    const char operation = clause[at++];
    if (operation != '+' && operation != '-' && operation != '=') return std::nullopt;
    std::uint32_t bits = 0;
    for (; at < clause.size() && clause[at] != '+' && clause[at] != '-' && clause[at] != '=';
         ++at) {
      auto more = bits_of(clause[at], mode, directory);
      if (!more) more = copied_bits(clause[at], mode);
      if (!more) return std::nullopt;
      bits |= *more;
    }
    bits &= who;
    if (operation == '+') mode |= bits;
    if (operation == '-') mode &= ~bits;
    if (operation == '=') mode = (mode & ~who) | bits;
  }
  return mode;
}

std::optional<std::uint32_t> apply(std::string_view text, std::uint32_t old,
                                   IsDirectory directory) {
  if (const auto octal = parse_uint(text, 8)) {
    if (*octal > kAll) return std::nullopt;
    return static_cast<std::uint32_t>(*octal);
  }
  std::uint32_t mode = old;
  for (const std::string_view clause : split(text, ',')) {
    const auto changed = apply_clause(clause, mode, directory);
    if (!changed) return std::nullopt;
    mode = *changed;
  }
  return mode;
}

}  // namespace

Result<void> check_mode(std::string_view text) {
  if (apply(text, 0, IsDirectory::no)) return {};
  return invalid_input(
      "invalid chmod parameter: '" + std::string(text) +
      "'. it should be octal string and between 0 and 07777, or as in u=rwX,go=rX");
}

std::uint32_t apply_mode(std::string_view text, std::uint32_t old, IsDirectory directory) {
  const auto mode = apply(text, old, directory);
  CHECK(mode.has_value());
  return *mode;
}

}  // namespace kiln::llb
