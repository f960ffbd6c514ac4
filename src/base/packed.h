// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/sha256.h"

/// Values as they are in memory, one after the other: for files that only this machine reads and
/// that can be made again.
namespace kiln {

template <typename... T>
  requires(std::is_trivially_copyable_v<T> && ...)
void append_packed(std::string& out, const T&... values) {
  (out.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
}

/// False, with some of them taken, where the bytes end too early.
template <typename... T>
  requires(std::is_trivially_copyable_v<T> && ...)
bool take_packed(std::string_view& in, T&... values) {
  const auto take = [&in](void* value, std::size_t size) {
    if (in.size() < size) return false;
    std::memcpy(value, in.data(), size);
    in.remove_prefix(size);
    return true;
  };
  return (take(&values, sizeof values) && ...);
}

inline void append_packed_text(std::string& out, std::string_view text) {
  append_packed(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

/// `text` is a view into `in`.
inline bool take_packed_text(std::string_view& in, std::string_view& text) {
  std::uint32_t size = 0;
  if (!take_packed(in, size) || in.size() < size) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

/// What stands between `magic`, which says what it is, and the sha256 of it all at its end; nullopt
/// if either is not so. A wrong digest in such a file would be a wrong result: damage must not go
/// unnoticed.
inline std::optional<std::string_view> checked_packed(std::string_view in, std::string_view magic) {
  if (!in.starts_with(magic) || in.size() < magic.size() + sizeof(Sha256Bytes)) return std::nullopt;
  const std::string_view checksum = in.substr(in.size() - sizeof(Sha256Bytes));
  in.remove_suffix(sizeof(Sha256Bytes));
  const Sha256Bytes found = sha256(in);
  if (std::memcmp(found.data(), checksum.data(), found.size()) != 0) return std::nullopt;
  in.remove_prefix(magic.size());
  return in;
}

}  // namespace kiln
