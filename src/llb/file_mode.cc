// SPDX-License-Identifier: Apache-2.0
#include "llb/file_mode.h"

#include <optional>
#include <string>

#include "base/strings.h"

namespace kiln::llb {
namespace {

// What u, g and o stand for on the left. None of them has the sticky bit: `=` leaves it alone.
constexpr std::uint32_t kUser = 04700, kGroup = 02070, kOther = 0007;
constexpr std::uint32_t kEverybody = kUser | kGroup | kOther;
constexpr std::uint32_t kAll = 07777;
constexpr std::uint32_t kSetId = 06000, kSticky = 01000, kExecute = 0111;
// One class's bits for all three.
constexpr std::uint32_t kEachClass = 0111;

/// The effect of one `[ugoa]*([-+=][rwxXstugo]*)+` on a mode, as setmode(3) of the BSDs has it,
/// which is what BuildKit follows.
class Clause {
 public:
  Clause(std::uint32_t original, IsDirectory directory, std::uint32_t& mode)
      : original_(original), directory_(directory), mode_(&mode) {}

  /// False if `text` is no clause.
  bool apply(std::string_view text) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
      const auto named = class_of(text[at], kEverybody);
      if (!named) break;
      who_ |= *named;
    }
    if (at == text.size()) return false;
    while (at < text.size()) {
      operation_ = text[at++];
      if (operation_ != '+' && operation_ != '-' && operation_ != '=') return false;
      who_ &= ~kSticky;
      is_cleared_ = operation_ != '=';
      bits_ = execute_if_any_ = 0;
      for (; at < text.size() && std::string_view("+-=").find(text[at]) == std::string_view::npos;
           ++at) {
        if (!letter(text[at])) return false;
      }
      finish();
    }
    return true;
  }

 private:
  static std::optional<std::uint32_t> class_of(char letter, std::uint32_t everybody) {
    switch (letter) {
      case 'u':
        return kUser;
      case 'g':
        return kGroup;
      case 'o':
        return kOther;
      case 'a':
        return everybody;
      default:
        return std::nullopt;
    }
  }

  bool letter(char c) {
    // Set-ID bits and the sticky bit mean nothing to others alone.
    const bool special = who_ == 0 || (who_ & ~kOther) != 0;
    switch (c) {
      case 'r':
        bits_ |= 0444;
        return true;
      case 'w':
        bits_ |= 0222;
        return true;
      case 'x':
        bits_ |= kExecute;
        return true;
      case 'X':
        (operation_ == '-' ? bits_ : execute_if_any_) |= kExecute;
        return true;
      case 's':
        if (special) bits_ |= kSetId;
        return true;
      case 't':
        if (special) {
          who_ |= kSticky;
          bits_ |= kSticky;
        }
        return true;
      case 'u':
      case 'g':
      case 'o':
        copy(c);
        return true;
      default:
        return false;
    }
  }

  /// Gives the named classes what `c` has now, or takes it from them. Nothing but rwx is concerned.
  void copy(char c) {
    if (bits_ != 0) change();
    is_cleared_ = true;
    give_execute();
    const int shift = c == 'u' ? 6 : c == 'g' ? 3 : 0;
    const std::uint32_t to = (who_ == 0 ? kEverybody : who_) & 0777;
    const std::uint32_t given = ((*mode_ >> shift) & 7) * kEachClass & to;
    if (operation_ == '=') *mode_ &= ~to;
    if (operation_ == '-') {
      *mode_ &= ~given;
    } else {
      *mode_ |= given;
    }
  }

  void finish() {
    if (bits_ != 0 || !is_cleared_) change();
    give_execute();
  }

  /// What the letters so far say.
  void change() {
    const std::uint32_t bits = bits_ & (who_ == 0 ? kAll : who_);
    if (operation_ == '=') *mode_ &= ~(who_ == 0 ? kEverybody : who_);
    if (operation_ == '-') {
      *mode_ &= ~bits;
    } else {
      *mode_ |= bits;
    }
    is_cleared_ = true;
    bits_ = 0;
  }

  void give_execute() {
    if (directory_ == IsDirectory::yes || (original_ & kExecute) != 0)
      *mode_ |= execute_if_any_ & (who_ == 0 ? kAll : who_);
    execute_if_any_ = 0;
  }

  std::uint32_t original_;
  IsDirectory directory_;
  std::uint32_t* mode_;
  std::uint32_t who_ = 0;
  char operation_ = '=';
  bool is_cleared_ = false;  ///< by a `=`, which does so once
  std::uint32_t bits_ = 0, execute_if_any_ = 0;
};

std::optional<std::uint32_t> apply(std::string_view text, std::uint32_t old,
                                   IsDirectory directory) {
  if (const auto octal = parse_uint(text, 8)) {
    if (*octal > kAll) return std::nullopt;
    return static_cast<std::uint32_t>(*octal);
  }
  std::uint32_t mode = old;
  for (const std::string_view clause : split(text, ',')) {
    if (!Clause(old, directory, mode).apply(clause)) return std::nullopt;
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
